/** Settings of the kernel without which a node does not pass packets on. */
import type { Finding } from './finding.ts';
import { crossesNodes, isLost, isPair } from './flow.ts';
import { execCommand, familiesOf, isOneSegment, isRoutedPerPod, type LabView, namespaceOf } from './lab-view.ts';
import { riseEvidence } from './counters.ts';

const FORWARDING = {
  ipv4: { key: 'net/ipv4/ip_forward', argument: 'net.ipv4.ip_forward=1', counters: ['IpInAddrErrors'] },
  ipv6: { key: 'net/ipv6/conf/all/forwarding', argument: 'net.ipv6.conf.all.forwarding=1', counters: ['Ip6InAddrErrors'] },
} as const;

/** Nodes and routers that the plan wants to forward, and that do not. */
export function inventorySysctls(view: LabView): readonly Finding[] {
  return [...view.nodes, ...view.routers]
    .filter((machine) => machine.forwarding)
    .flatMap((machine) => {
      const namespace = namespaceOf(view, machine.netns);
      return familiesOf(view, machine).flatMap((family): readonly Finding[] => {
        const { key, argument, counters } = FORWARDING[family];
        const value = namespace?.sysctls[key];
        if (value === undefined || value === '1') return [];
        return [
          {
            name: 'forwarding-disabled',
            where: [machine.id],
            certainty: 'certain',
            evidence: [`${key.replaceAll('/', '.')} is ${value} on ${machine.name}; planned: 1`, ...riseEvidence(view, machine, counters)],
            mend: execCommand(view, machine, ['sysctl', '-w', argument]),
            explains: (flow) => {
              if (!isPair(flow) || !isLost(flow) || flow.family !== family) return false;
              if (machine.kind !== 'node') return crossesNodes(flow);
              const [here, there] = flow.client.node.id === machine.id ? [flow.client, flow.server] : [flow.server, flow.client];
              if (here.node.id !== machine.id || isOneSegment(view, here.node)) return false;
              // The node's own packets are not forwarded; on one bridge nothing is, except where each pod is routed.
              if (crossesNodes(flow)) return here.kind === 'pod';
              return here.kind === 'pod' && there.kind === 'pod' && isRoutedPerPod(view, here.node);
            },
          },
        ];
      });
    });
}
