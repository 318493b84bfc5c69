import { mayAsk } from '../dns/clients.ts';
import { clusterEnds } from '../endpoints.ts';
import type { Fault } from './fault.ts';
import { hasServers, serversOf } from './dns-target.ts';
import type { FaultTarget, NetworkedPod } from './target.ts';
import { podAddress } from './target.ts';

const TABLE = 'too-strict';

/** An egress policy that forgot the DNS: names fail, addresses work. */
export const policyTooStrict: Fault = {
  id: 'policy-too-strict',
  layer: 'policy',
  title: "a node drops what its pods ask the cluster's DNS",
  diagnosis: 'policy-blocks-dns',
  check: 'dns-ladder',
  fits: (target) => {
    const has = hasServers(target);
    return has !== true || podsOn(target).length > 0 ? has : `policies keep the pods of ${target.node.name} from the DNS as it is`;
  },
  script: (target) => {
    const { node, family } = target;
    const pods = podsOn(target);
    const addresses = pods.map((pod) => podAddress(target, pod)).filter((address) => address !== '');
    const ip = family === 'ipv4' ? 'ip' : 'ip6';
    const servers = serversOf(target.cluster).flatMap((pod) => (pod.interface?.addresses ?? []).flatMap((has) => (has.family === family ? [has.address] : [])));
    const text = [
      `table inet ${TABLE} {`,
      '  chain egress {',
      '    type filter hook forward priority filter - 6; policy accept;',
      `    ${ip} saddr { ${addresses.join(', ')} } ${ip} daddr { ${servers.join(', ')} } meta l4proto { tcp, udp } th dport 53 counter drop`,
      '  }',
      '}',
      '',
    ].join('\n');
    return {
      inject: [{ netns: node.netns, argv: ['nft', '-f', '-'], input: text }],
      undo: [{ netns: node.netns, argv: ['nft', 'delete', 'table', 'inet', TABLE] }],
    };
  },
};

/** The pods of the node that may ask, and are no servers themselves. */
function podsOn({ plan, cluster, node, family }: FaultTarget): readonly NetworkedPod[] {
  const ends = clusterEnds(plan).find((one) => one.plan === cluster);
  const servers = new Set(serversOf(cluster).map((server) => server.id));
  const may = (pod: NetworkedPod): boolean =>
    ends !== undefined &&
    mayAsk(
      ends,
      ends.ends.findIndex((end) => end.id === pod.id),
      family,
    );
  return cluster.pods.filter((one): one is NetworkedPod => one.node === node.name && one.interface !== null && !servers.has(one.id)).filter(may);
}
