import type { Endpoint, EngineSession, Outcome, ProbeRecord } from '../../engines/port.ts';
import { tryParseAddress } from '../../topology/cidr.ts';
import type { ReachCheckSpec, ReachOutcome } from '../../topology/lesson/lesson.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import type { Family } from '../../topology/spec.ts';
import { isPortTaken } from '../unusable.ts';
import type { Finding, LessonContext, Place } from './check.ts';
import { fill } from './fill.ts';
import { addressesOf, machineOf, ownerOf } from './places.ts';

/** An answer comes at once, or, where a SYN has to be sent again, after a second. */
const ANSWER_MS = 1500;
/** That there is nobody with an address is known after three ARP requests, one second apart (net.ipv4.neigh.default.retrans_time_ms, mcast_solicit). */
const NOBODY_MS = 4000;
/** TTL with which packets set out (net.ipv4.ip_default_ttl; RFC 1700). */
const FIRST_TTL = 64;

/** What an outcome of a probe is called in a lesson; null: it was not sent, and says nothing. */
const OUTCOMES = {
  ok: 'answered',
  refused: 'refused',
  silent: 'silent',
  stalled: 'silent',
  'no-route': 'no-route',
  unreachable: 'no-route',
  'no-host': 'no-route',
  'too-big': 'no-route',
  error: 'silent',
  'not-run': null,
} as const satisfies Readonly<Record<Outcome, ReachOutcome | null>>;

const WORDS: Readonly<Record<ReachOutcome, string>> = {
  answered: 'an answer',
  refused: 'a refusal',
  silent: 'silence',
  'no-route': '"there is no way"',
};

/** One way, resolved. */
interface Way {
  readonly client: Endpoint;
  readonly address: string;
  readonly family: Family;
  /** Who listens, so that it can tell what it saw; null: whoever is there already, or nobody. */
  readonly listener: { readonly place: Place; readonly port: number } | null;
}

interface Dialled {
  readonly record: ProbeRecord | null;
  /** Why nobody listens. */
  readonly unusable: string | null;
  /** Why nobody could ask. */
  readonly unsent: string | null;
}

/** Does a packet arrive, and as what? @throws LabError LESSON_TEMPLATE, TARGET_UNKNOWN */
export async function checkReach(context: LessonContext, check: ReachCheckSpec): Promise<Finding> {
  const { session } = context;
  const port = check.port === undefined ? '' : ` port ${check.port}`;
  const seenAs = check.seenAs === undefined ? null : fill(check.seenAs, context.values);
  const expected = [
    `${WORDS[check.expect]} to ${check.protocol} from ${check.from} to ${fill(check.to, context.values)}${port}`,
    ...(seenAs === null ? [] : [`seen as ${seenAs}`]),
    ...(check.hops === undefined ? [] : [`over ${check.hops} ${check.hops === 1 ? 'router' : 'routers'}`]),
  ].join(', ');
  const unjudged = (seen: string): Finding => ({ verdict: 'inconclusive', expected, seen });
  const { probes = true, single = false, icmp } = session.sight;
  if (!single && (!probes || (check.protocol === 'icmp' && !icmp))) return unjudged(`this engine sends no ${check.protocol} probes from its places`);
  const way = wayOf(context, check);
  if (typeof way === 'string') return unjudged(way);
  let { record, unusable, unsent } = await dial(session, check, way);
  let listener = way.listener;
  if (isPortTaken(unusable)) {
    // A program of the lab serves that port: it answers, and does not tell what it saw.
    ({ record, unusable, unsent } = await dial(session, check, { ...way, listener: null }));
    listener = null;
  }
  if (record === null) return unjudged(unusable ?? 'no probe was sent');
  const outcome = outcomeOf(record, listener === null);
  if (outcome === null) return unjudged(unusable ?? unsent ?? 'the probe could not be sent');
  // Where nobody could listen, that nothing came back proves nothing.
  if (unusable !== null) return unjudged(unusable);
  if (outcome !== check.expect) return { verdict: 'fail', expected, seen: `${WORDS[outcome]}${outcome === 'no-route' ? ` (${record.outcome})` : ''}` };
  return sightOf(check, seenAs, record, expected);
}

/** What the other side saw of a packet that arrived. */
function sightOf(check: ReachCheckSpec, seenAs: string | null, record: ProbeRecord, expected: string): Finding {
  const hops = record.seenTtl === 0 ? null : FIRST_TTL - record.seenTtl;
  const seen = [
    WORDS[check.expect],
    ...(record.seenSourceAddress === '' ? [] : [`seen as ${record.seenSourceAddress}`]),
    ...(hops === null ? [] : [`over ${hops} ${hops === 1 ? 'router' : 'routers'}`]),
  ].join(', ');
  if ((seenAs !== null && record.seenSourceAddress === '') || (check.hops !== undefined && hops === null))
    return { verdict: 'inconclusive', expected, seen: `${seen}; who answered does not tell what it saw` };
  const right = (seenAs === null || record.seenSourceAddress === seenAs) && (check.hops === undefined || hops === check.hops);
  return { verdict: right ? 'pass' : 'fail', expected, seen };
}

/** A program that is no responder ends the connection, or waits for more, but it took it. */
function outcomeOf({ outcome, localPort }: ProbeRecord, foreign: boolean): ReachOutcome | null {
  return foreign && localPort !== 0 && (outcome === 'stalled' || outcome === 'error') ? 'answered' : OUTCOMES[outcome];
}

/** The way to be gone, or why there is none that could be tried. */
function wayOf(context: LessonContext, check: ReachCheckSpec): Way | string {
  const { plan, values } = context;
  const from = context.placeOf(fill(check.from, values));
  const to = fill(check.to, values);
  const address = tryParseAddress(to);
  const target = address.ok ? null : context.placeOf(to);
  const own = addressesOf(plan, from.id);
  const there = address.ok ? [{ family: address.address.family, address: to }] : addressesOf(plan, target?.id ?? '');
  const dialled = there.find((one) => own.length === 0 || own.some(({ family }) => family === one.family)) ?? there[0];
  if (dialled === undefined) return `${to} has no address of its own: name the address`;
  const client: Endpoint = { id: from.id, kind: 'host', netns: from.netns, node: machineOf(plan, from.id), addresses: own };
  return { client, address: dialled.address, family: dialled.family, listener: listenerOf(context, check, target, dialled.address) };
}

function listenerOf({ plan, placeOf, findPlace, values }: LessonContext, check: ReachCheckSpec, target: Place | null, address: string): Way['listener'] {
  const port = check.port ?? PROBE_PORT;
  // An observer of pings answers nothing: it may stand wherever the address is.
  if (check.protocol === 'icmp') {
    const owner = target ?? findPlace(ownerOf(plan, address) ?? '');
    return owner === null ? null : { place: owner, port };
  }
  if (check.responder === null) return null;
  if (check.responder !== undefined) return { place: placeOf(fill(check.responder.at, values)), port: check.responder.port ?? port };
  return target === null ? null : { place: target, port };
}

async function dial(session: EngineSession, check: ReachCheckSpec, way: Way): Promise<Dialled> {
  const { client, family, address, listener } = way;
  const port = check.port ?? PROBE_PORT;
  const door: Endpoint = { id: `${address} of the check`, kind: 'host', netns: client.netns, addresses: [{ family, address }], port };
  // Without an address it is not asked to answer itself first: that a place has lost its own is what a check finds out.
  const responder: Endpoint | null =
    listener === null
      ? null
      : { id: `${listener.place.id} port ${listener.port}`, kind: 'host', netns: listener.place.netns, addresses: [], port: listener.port };
  const records: ProbeRecord[] = [];
  const { unusable } = await session.probe(
    {
      protocol: check.protocol,
      family,
      port,
      endpoints: [client, door, ...(responder === null ? [] : [responder])],
      pairs: { kind: 'list', pairs: [[0, 1]] },
      attempts: 1,
      deadlineMs: check.expect === 'answered' || check.expect === 'refused' ? ANSWER_MS : NOBODY_MS,
      responders: responder === null ? 'none' : [2],
      conntrack: [],
    },
    (batch) => {
      for (let row = 0; row < batch.length; row++) records.push(batch.at(row));
    },
  );
  return { record: records[0] ?? null, unusable: responder === null ? null : (unusable[responder.id] ?? null), unsent: unusable[client.id] ?? null };
}
