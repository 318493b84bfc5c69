/** What `conntrack -L` and /proc/net/nf_conntrack print, parsed: pure. */
import { formatAddress, tryParseAddress } from '../../topology/cidr.ts';
import type { ConntrackEntry, ConntrackReading, ConntrackTuple } from '../port.ts';
import { outcomeOf, type ProbeLine } from './evidence.ts';

/** A reading of one protocol. */
export interface RecordedConntrack extends ConntrackReading {
  readonly protocol: 'tcp' | 'udp';
}

/** Protocol, then the original tuple, then perhaps [UNREPLIED], then the reply tuple. Between them are counters where accounting is on. */
const LINE = /\b(tcp|udp) .*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) (.*?)src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/;

/** The TCP and UDP entries of a text; other lines are passed over. */
export function parseConntrack(netns: string, text: string): readonly ConntrackEntry[] {
  return text.split('\n').flatMap((line): ConntrackEntry[] => {
    const match = LINE.exec(line);
    if (match === null) return [];
    const [, protocol, source = '', destination = '', sport, dport, between = '', replySource = '', replyDestination = '', replySport, replyDport] = match;
    const tuple = (from: string, to: string, fromPort: string | undefined, toPort: string | undefined): ConntrackTuple => ({
      source: canonical(from),
      destination: canonical(to),
      sourcePort: Number(fromPort),
      destinationPort: Number(toPort),
    });
    return [
      {
        netns,
        protocol: protocol === 'tcp' ? 'tcp' : 'udp',
        original: tuple(source, destination, sport, dport),
        reply: tuple(replySource, replyDestination, replySport, replyDport),
        replied: !between.includes('[UNREPLIED]'),
      },
    ];
  });
}

/** /proc prints IPv6 addresses in full. */
function canonical(address: string): string {
  const parsed = tryParseAddress(address);
  return parsed.ok ? formatAddress(parsed.address.family, parsed.address.value) : address;
}

/** Is the reply the exact reverse of the original? */
export function isSymmetric({ original, reply }: ConntrackEntry): boolean {
  return (
    reply.source === original.destination &&
    reply.destination === original.source &&
    reply.sourcePort === original.destinationPort &&
    reply.destinationPort === original.sourcePort
  );
}

/** The readings of one node: how many flows to `port` it tracks, and which of them it translates. */
export function conntrackReadings(netns: string, text: string, port: number): readonly RecordedConntrack[] {
  const entries = parseConntrack(netns, text).filter((entry) => entry.original.destinationPort === port);
  return (['tcp', 'udp'] as const).map((protocol) => {
    const own = entries.filter((entry) => entry.protocol === protocol);
    return { netns, protocol, entries: own.length, asymmetric: own.filter((entry) => !isSymmetric(entry)), error: null };
  });
}

/** What stands in the place of readings that could not be made. */
export function conntrackUnread(netns: string, error: string): readonly RecordedConntrack[] {
  return (['tcp', 'udp'] as const).map((protocol) => ({ netns, protocol, entries: 0, asymmetric: [], error }));
}

/** Nodes that were read and track no flow at all, though probes of their pods, or of their own, were answered: nothing is known of their translations. */
export function untrackedNodes(readings: readonly RecordedConntrack[], probes: readonly ProbeLine[]): readonly string[] {
  const read = readings.filter((one) => one.error === null);
  const tracking = new Set(read.filter((one) => one.entries > 0).map((one) => one.netns));
  const answered = new Set(probes.filter((line) => line.kind !== 'self' && outcomeOf(line).outcome === 'ok').map((line) => line.node));
  return [...new Set(read.map((one) => one.netns))].filter((node) => answered.has(node) && !tracking.has(node));
}

/** Shell text that prints a node's entries for a destination port. Fails when one of the families or protocols cannot be read: a part would read like all. */
export function conntrackScript(port: number): string {
  const dumps = ['ipv4', 'ipv6'].flatMap((family) => ['tcp', 'udp'].map((protocol) => `conntrack -L -f ${family} -p ${protocol} --orig-port-dst ${port}`));
  return `if command -v conntrack >/dev/null; then ${dumps.join(' && ')}; else grep 'dport=${port} ' /proc/net/nf_conntrack || [ -r /proc/net/nf_conntrack ]; fi`;
}
