/** The configuration of BIRD 2 on a node, in the shape of Calico's templates (confd/etc/calico/confd/templates/bird.cfg.template). */
import type { BgpPlan, NodePlan } from '../../topology/plan.ts';

/**
 * Announces the node's blocks and puts what it learns by BGP into the kernel, nothing else. Timers are short, and one side of every pair waits, so that a
 * full mesh of a few nodes stands in about a second instead of four.
 */
export function birdConfig(node: NodePlan, bgp: BgpPlan): string {
  return [
    'log stderr { info, warning, error, fatal, bug };',
    `router id ${bgp.routerId};`,
    '',
    'protocol device { scan time 1; }',
    '',
    '# Next hops are resolved through these.',
    `protocol direct { ipv4; interface ${node.interfaces.map((i) => `"${i.name}"`).join(', ')}; }`,
    '',
    '# The blocks of this node. The kernel has blackholes for them already; these exist to be announced.',
    'protocol static blocks {',
    '  ipv4;',
    ...bgp.announces.map((block) => `  route ${block} blackhole;`),
    '}',
    '',
    'protocol kernel {',
    '  ipv4 {',
    '    import all;',
    '    export filter { if source = RTS_BGP then accept; reject; };',
    '  };',
    '  learn;',
    '  scan time 1;',
    '}',
    '',
    'template bgp mesh {',
    `  local as ${bgp.asNumber};`,
    '  multihop;',
    '  ipv4 {',
    '    import all;',
    `    export filter { if proto = "blocks"${bgp.reflector ? ' || source = RTS_BGP' : ''} then accept; reject; };`,
    '    gateway recursive;',
    '  };',
    '  connect delay time 1;',
    '  connect retry time 1;',
    '  error wait time 1, 2;',
    '}',
    ...bgp.peers.flatMap((peer) => [
      '',
      `protocol bgp ${protocolName(peer.address)} from mesh {`,
      `  description "${peer.node}";`,
      `  neighbor ${peer.address} as ${bgp.asNumber};`,
      ...(peer.passive ? ['  passive;'] : []),
      ...(peer.reflectorClient ? ['  rr client;', `  rr cluster id ${bgp.routerId};`] : []),
      '}',
    ]),
    '',
  ].join('\n');
}

/** Calico's naming: Mesh_172_30_0_3. */
function protocolName(address: string): string {
  return `Mesh_${address.replaceAll('.', '_')}`;
}
