import type { Snapshot } from '../../engines/port.ts';
import type { Fault, FaultStep } from './fault.ts';
import { NOBODY } from './neighbour-entry.ts';
import { ip, namespaceIn } from './steps.ts';
import { type FaultTarget, isOneSegment, type NetworkedPod } from './target.ts';

/**
 * A bridge whose MAC is not pinned takes the lowest of its ports', and changes it when such a port joins or leaves; its pods keep the old one until
 * their entries expire, or until the node asks for them. The labs' bridges are pinned: here the MAC is changed by hand, and the pods' entries are
 * written, since they would heal within seconds and in no certain order.
 */
export const bridgeMacChurn: Fault = {
  id: 'bridge-mac-churn',
  layer: 'l2',
  title: 'the bridge of a node changed its MAC, and the pods of the node keep the old one',
  diagnosis: 'gateway-mac-changed',
  check: 'r1-pod-to-pod',
  fits: (target) => {
    if (target.node.bridge === null) return 'pods are routed one by one: their gateway is the other end of their cable';
    return isOneSegment(target) ? 'pods are bridged over one layer-2 segment: they reach each other without a gateway' : true;
  },
  script: (target, snapshot) => {
    const { node, cluster, plan } = target;
    const dev = node.bridge?.name ?? '';
    const mac = namespaceIn(snapshot, node.netns).links.find((link) => link.name === dev)?.mac ?? node.bridge?.mac ?? '';
    const pods = cluster.pods.filter((pod): pod is NetworkedPod => pod.node === node.name && pod.interface !== null);
    const entries = pods.flatMap((pod) =>
      pod.interface.gateways.map(
        (gateway) => ({ netns: pod.netns, family: gateway.includes(':') ? 'ipv6' : 'ipv4', gateway, dev: pod.interface.name }) as const,
      ),
    );
    const set = (address: string): readonly FaultStep[] => [
      ip(node.netns, 'ipv4', 'link', 'set', dev, 'address', address),
      ...permanentEntries(target, snapshot, dev),
    ];
    return {
      inject: [
        ...entries.map((one) => ip(one.netns, one.family, 'neigh', 'replace', one.gateway, 'lladdr', mac, 'dev', one.dev, 'nud', 'permanent')),
        ...set(NOBODY),
      ],
      undo: [
        ...set(mac),
        ...entries
          .filter(() => plan.neighbours.mode === 'learned')
          .map((one) => ({ ...ip(one.netns, one.family, 'neigh', 'del', one.gateway, 'dev', one.dev), tolerant: true })),
      ],
    };
  },
};

/** A device that changes its MAC forgets all neighbours, permanent ones too. */
function permanentEntries({ node }: FaultTarget, snapshot: Snapshot, dev: string): readonly FaultStep[] {
  return namespaceIn(snapshot, node.netns)
    .neighbours.filter((one) => one.dev === dev && one.state === 'permanent')
    .map((one) => ip(node.netns, one.family, 'neigh', 'replace', one.address, 'lladdr', one.mac, 'dev', dev, 'nud', 'permanent'));
}
