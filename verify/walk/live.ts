/** One real packet along a walk: what counted it, and where it did otherwise than the state of the kernels promises. */
import type { Endpoint, EngineSession, ProbeRecord, Snapshot } from '../../engines/port.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import { ruleSetOf } from '../inventory/rule-sets.ts';
import { isPortTaken, unusableAmong } from '../unusable.ts';
import type { BothWays } from './both-ways.ts';
import type { Hop, HopCounter, LivePacket } from './document.ts';
import { goalText, type WalkGoal } from './goal.ts';
import { textOf } from './netfilter.ts';

/** What came of sending it. */
export interface Sent {
  readonly record: ProbeRecord | null;
  /** The server that answered, `address:port`; null when none did. */
  readonly answeredBy: string | null;
  readonly before: Snapshot;
  readonly after: Snapshot;
  /** Why nothing was sent; ''. */
  readonly unusable: string;
}

/** A rule that rejects is heard of when a SYN is sent again, after a second. */
const DEADLINE_MS = 1500;

/** Opens the servers, reads the counters, sends, and reads them again. */
export async function sendOne(session: EngineSession, goal: WalkGoal, namespaces: readonly string[], deadlineMs: number = DEADLINE_MS): Promise<Sent> {
  const { client, family, protocol, servers } = goal;
  const door: Endpoint = { id: goalText(goal), kind: 'host', netns: '', addresses: [{ family, address: goal.address }], port: goal.port };
  const listeners = servers.map(
    ({ endpoint, address, port }): Endpoint => ({ ...endpoint, id: `${endpoint.id} port ${port}`, addresses: [{ family, address }], port }),
  );
  const endpoints = [client, door, ...listeners];
  const records: ProbeRecord[] = [];
  const before = await session.snapshot(namespaces, { rules: true });
  const summary = await session.probe(
    {
      protocol,
      family,
      endpoints,
      deadlineMs,
      port: PROBE_PORT,
      attempts: 1,
      pairs: { kind: 'list', pairs: [[0, 1]] },
      responders: listeners.map((_, index) => index + 2),
      conntrack: [],
    },
    (batch) => {
      for (let row = 0; row < batch.length; row++) records.push(batch.at(row));
    },
  );
  const after = await session.snapshot(namespaces, { rules: true });
  const [record = null] = records;
  const server = servers[(record?.answeredBy ?? -1) - 2];
  const reason = unusableAmong(summary.unusable, [client.id, ...listeners.map((one) => one.id)]);
  return {
    before,
    after,
    record,
    answeredBy: server === undefined ? null : textOf(server.address, server.port),
    unusable:
      reason === null || record?.outcome === 'ok'
        ? ''
        : isPortTaken(reason)
          ? `${reason}: a program of the lab serves that port, and does not say who answers`
          : reason,
  };
}

/** The walk with what its counters did, and the packet compared with it. */
export function compareLive(walked: BothWays, goal: WalkGoal, sent: Sent): { readonly legs: BothWays['legs']; readonly live: LivePacket } {
  const legs = walked.legs.map((leg) => ({
    ...leg,
    hops: leg.hops.map((hop): Hop => ({ ...hop, rose: hop.counter === null ? null : riseOf(hop.counter, sent) })),
  }));
  const outcome = sent.record?.outcome ?? 'not-run';
  const ok = outcome === 'ok';
  const still = legs.flatMap(({ direction, hops, fate }) =>
    // What stands behind a loss was not promised.
    (ok || fate !== 'lost' ? hops : hops.filter((hop) => hop.kind !== 'loss'))
      .filter((hop) => hop.rose === 0 && isMet(hop, direction))
      .map((hop) => `the way ${direction}, ${hop.place}: ${hop.says}; but its counter stands still`),
  );
  const answered = goal.servers.find((one) => textOf(one.address, one.port) === sent.answeredBy)?.endpoint.id ?? '';
  const expected = walked.choices.map((one) => one.endpoint);
  // The reply goes to whom the server saw.
  const promised = walked.legs.find((leg) => leg.direction === 'back')?.packet.destination;
  const seenAs = sent.record?.seenSourceAddress ?? '';
  const differs = [
    ...(ok && walked.arrives === 'no' ? [`by the state of the kernels it is lost (${walked.why}); the packet came back`] : []),
    ...(!ok && walked.arrives === 'yes' ? [`by the state of the kernels it arrives; the packet did not come back: ${outcome}`] : []),
    ...(ok && expected.length > 0 && sent.answeredBy !== null && !expected.includes(sent.answeredBy)
      ? [`${sent.answeredBy} answered, which the rules do not name`]
      : []),
    ...(ok && promised !== undefined && seenAs !== '' && seenAs !== promised ? [`${answered} saw ${seenAs}; by the rules it sees ${promised}`] : []),
    ...still,
  ];
  return { legs, live: { outcome, differs, answeredBy: answered, rttUs: sent.record?.rttUs ?? 0, seenAs } };
}

/** Rules of nat see the first packet of a connection alone, and what a leg did not get to moves nothing. */
function isMet({ counter }: Hop, direction: 'there' | 'back'): boolean {
  return counter?.kind !== 'rule' || direction === 'there';
}

/** null where it was not read twice. */
function riseOf(counter: HopCounter, { before, after }: Sent): number | null {
  const [old, now] = [readCounter(counter, before), readCounter(counter, after)];
  return old === null || now === null ? null : now - old;
}

function readCounter(counter: HopCounter, { namespaces }: Snapshot): number | null {
  const namespace = namespaces[counter.netns];
  if (namespace === undefined) return null;
  if (counter.kind === 'rule') {
    const rules = ruleSetOf(namespace).flatMap((chain) => (chain.name === counter.chain ? chain.rules.filter((rule) => rule.text === counter.text) : []));
    return rules.reduce<number | null>((sum, rule) => (rule.packets === null ? sum : (sum ?? 0) + rule.packets), null);
  }
  const statistics = namespace.links.find((link) => link.name === counter.dev)?.statistics;
  return statistics === undefined ? null : counter.kind === 'sent' ? statistics.txPackets : statistics.rxPackets;
}
