import type { Op } from '../ops.ts';

/** One op in words, for progress and errors: `route 10.244.1.0/24 via 172.18.0.3 in c1.worker`. */
export function describeOp(op: Op): string {
  switch (op.op) {
    case 'netns':
      return `network namespace ${op.ns}`;
    case 'sysctl':
      return `sysctl ${op.key} in ${op.ns}`;
    case 'bridge':
    case 'vxlan':
    case 'ipip':
    case 'tun':
    case 'dummy':
      return `${op.op} ${op.name} in ${op.ns}`;
    case 'veth':
      return `veth ${op.name} in ${op.ns} to ${op.peer.name} in ${op.peer.ns}`;
    case 'address':
      return `address ${op.address}/${op.prefixLength} on ${op.dev} in ${op.ns}`;
    case 'route':
      return `route ${routeText(op)} in ${op.ns}`;
    case 'neigh':
      return `neighbour ${op.address} on ${op.dev} in ${op.ns}`;
    case 'fdb':
      return `forwarding entry ${op.mac} to ${op.dst} on ${op.dev} in ${op.ns}`;
    case 'rules':
      return `${op.family} rules in ${op.ns}`;
    case 'nft':
      return `nftables table ${op.family} ${op.table} in ${op.ns}`;
    case 'ipvs':
      return `virtual servers of ${op.ns}`;
    case 'file':
      return `file ${op.path}`;
    case 'cni-setup':
      return `CNI configuration of ${op.ns}`;
    case 'cni':
      return `pod ${op.pod.namespace}/${op.pod.name} on ${op.node}`;
    case 'bird':
      return `BIRD in ${op.ns}`;
    case 'dns':
      return `DNS server in ${op.ns}`;
    case 'ingress':
      return `Ingress controller in ${op.ns}`;
    case 'proxy':
      return `userspace proxy of ${op.ns}`;
    case 'tunnel':
      return `process behind ${op.device} of ${op.ns}`;
    case 'forget-flows':
      return `stale UDP flows of ${op.ns}`;
    case 'await-routes':
      return `routes of ${op.ns}`;
  }
}

/** `10.0.0.0/8 via 10.1.0.1 dev eth0`. */
function routeText(op: Extract<Op, { readonly op: 'route' }>): string {
  const via = op.via === null ? '' : ` via ${op.via}`;
  const dev = op.dev === null ? '' : ` dev ${op.dev}`;
  return `${op.type === 'blackhole' ? 'blackhole ' : ''}${op.to}${via}${dev}${op.onlink ? ' onlink' : ''}`;
}
