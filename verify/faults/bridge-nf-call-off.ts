import type { Fault } from './fault.ts';
import { fitsService } from './service-target.ts';
import { namespaceIn, sysctl } from './steps.ts';

const KEYS = { ipv4: 'net/bridge/bridge-nf-call-iptables', ipv6: 'net/bridge/bridge-nf-call-ip6tables' } as const;

/** What an install guide's sysctl step is for: br_netfilter not loaded, or switched off. */
export const bridgeNfCallOff: Fault = {
  id: 'bridge-nf-call-off',
  layer: 'service',
  title: 'bridged packets of a node pass no packet filter, so that replies between its pods are not translated back',
  diagnosis: 'bridged-replies-bypass-nat',
  check: 'service-cluster-ip',
  fits: (target) => {
    const { node, neighbour, cluster } = target;
    if (node.bridge === null) return 'the pods of a node share no bridge';
    if (neighbour === null) return 'needs two pods on one node';
    const pods = cluster.pods.filter((pod) => pod.node === node.name && pod.interface !== null);
    return fitsService(
      target,
      (port) => port.cluster.some((one) => one.local && pods.some((pod) => pod.interface?.addresses.every(({ address }) => address !== one.address))),
      'no Service of the lab has an endpoint beside another pod of the node',
    );
  },
  script: ({ node, family }, snapshot) => {
    const key = KEYS[family];
    const found = namespaceIn(snapshot, node.netns).sysctls[key] ?? '1';
    const set = (value: string): ReturnType<typeof sysctl> => sysctl(node.netns, key.replaceAll('/', '.'), value);
    return { inject: [set('0')], undo: [set(found)] };
  },
};
