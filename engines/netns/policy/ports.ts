/** Ports of a rule as matches of nftables. */
import { formatAddress } from '../../../topology/cidr.ts';
import type { PolicyPod, PolicyPort, PolicyProtocol } from '../../../topology/policy/model.ts';
import type { Family } from '../../../topology/spec.ts';
import { union } from './intervals.ts';
import { addressOf } from './peers.ts';

const PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const satisfies Readonly<Record<PolicyProtocol, string>>;
const EVERY_PORT = { first: 0, last: 65_535 } as const;

/** Matches for the ports given by number: one per protocol, its ranges joined. */
export function numberMatches(ports: readonly PolicyPort[]): readonly string[] {
  return Object.entries(PROTOCOLS).flatMap(([protocol, word]) => {
    const ranges = union(
      ports.flatMap(({ protocol: of, port }) => {
        if (of !== protocol || typeof port === 'string') return [];
        const { first, last } = port ?? EVERY_PORT;
        return [[BigInt(first), BigInt(last)] as const];
      }),
    );
    const [only] = ranges;
    if (only === undefined) return [];
    if (only[0] === 0n) return [`meta l4proto ${word}`];
    const texts = ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
    return [`${word} dport ${texts.length === 1 ? texts.join() : `{ ${texts.join(', ')} }`}`];
  });
}

/** The match for the ports given by name: which address, protocol and port they come to on each pod that may be the destination. Null: on none. */
export function nameMatch(ports: readonly PolicyPort[], destinations: Iterable<PolicyPod>, family: Family): string | null {
  const elements = [...destinations].flatMap((pod) => {
    const address = addressOf(pod, family);
    if (address === null) return [];
    return ports.flatMap(({ protocol, port: name }) =>
      pod.ports.filter((p) => p.name === name && p.protocol === protocol).map((p) => `${formatAddress(family, address)} . ${PROTOCOLS[protocol]} . ${p.port}`),
    );
  });
  const unique = [...new Set(elements)];
  return unique.length === 0 ? null : `${family === 'ipv4' ? 'ip' : 'ip6'} daddr . meta l4proto . th dport { ${unique.join(', ')} }`;
}
