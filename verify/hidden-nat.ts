/** Connection tracking as a witness: a translation that is undone before the last hop is seen by no socket, but by the node that did it. */
import type { ConntrackEntry, ConntrackReading, ProbeProtocol } from '../engines/port.ts';
import type { ClusterEnds } from './endpoints.ts';
import { translation } from './oracle.ts';

export interface TranslatedFlow {
  readonly client: number;
  readonly server: number;
  /** Attempts of which an entry was found. */
  readonly attempts: ReadonlySet<number>;
  readonly entries: readonly ConntrackEntry[];
}

/** Entries kept per flow. */
const ENTRIES = 10;

/**
 * The probed flows of which some node keeps an entry whose reply is not the reverse of the original. Entries outlive a run (10 to 30
 * seconds), so one counts only when its source port is that of a probe of this run.
 * @param ports `(client * width + server) * attempts + attempt` → source port
 */
export function translatedFlows(
  cluster: ClusterEnds,
  readings: readonly ConntrackReading[],
  protocol: ProbeProtocol,
  port: number,
  ports: Uint16Array,
  attempts: number,
): readonly TranslatedFlow[] {
  const flows = new Map<number, { client: number; server: number; attempts: Set<number>; entries: ConntrackEntry[] }>();
  const width = cluster.ends.length;
  for (const entry of readings.flatMap((reading) => reading.asymmetric)) {
    if (entry.protocol !== protocol || (protocol !== 'icmp' && entry.original.destinationPort !== port)) continue;
    const client = cluster.byAddress.get(entry.original.source);
    const server = cluster.byAddress.get(entry.original.destination);
    if (client === undefined || server === undefined) continue;
    const pair = client * width + server;
    const attempt = attemptOf(entry, protocol, ports.subarray(pair * attempts, (pair + 1) * attempts));
    if (attempt < 0) continue;
    const known = flows.get(pair);
    if (known === undefined) flows.set(pair, { client, server, attempts: new Set([attempt]), entries: [entry] });
    else {
      known.attempts.add(attempt);
      if (known.entries.length < ENTRIES) known.entries.push(entry);
    }
  }
  return [...flows.values()];
}

/** What the entries of a flow say, in words. */
export function describeTranslation(flow: TranslatedFlow): string {
  return [...new Set(flow.entries.map((entry) => `${entry.netns}: ${translation(entry)}`))].join('; ');
}

/** The attempt that used the entry's source port; the ICMP echo id may be in either port field. */
function attemptOf(entry: ConntrackEntry, protocol: ProbeProtocol, ports: Uint16Array): number {
  const used = (port: number): number => (port === 0 ? -1 : ports.indexOf(port));
  const bySource = used(entry.original.sourcePort);
  return bySource >= 0 || protocol !== 'icmp' ? bySource : used(entry.original.destinationPort);
}
