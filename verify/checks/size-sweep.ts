import type { Outcome, ProbeProtocol, ProbeRecord, Snapshot } from '../../engines/port.ts';
import type { Family } from '../../topology/spec.ts';
import { contextOf } from '../account-batch.ts';
import { isAsked } from '../cast.ts';
import { answerers, askers, podsOnNode, speaks, type ClusterEnds } from '../endpoints.ts';
import { pairFailure, type ProbedFailure } from '../failure.ts';
import { judgeProbe } from '../oracle.ts';
import { bitOf, isDead } from '../pair-table.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import { isPermitted } from '../policy/stand.ts';
import { probeRequest, type Pair } from '../probe-plan.ts';
import type { Run } from '../run.ts';
import { unusableAmong } from '../unusable.ts';
import { concludeCheck, type Check } from './check.ts';
import { countFragments, remarkFragments } from './fragments.ts';

/** Smallest payload a probe can have: it carries the nonce. */
const SMALL_BYTES = 16;
/** Streamed both ways over TCP after the exchange. */
const STREAM_BYTES = 64 * 1024;
/** IP and UDP, or IP and ICMP, headers: what an MTU holds besides the payload. */
const HEADERS: Readonly<Record<Family, number>> = { ipv4: 28, ipv6: 48 };
/** A router answers the first datagram that is too big for the next hop with its MTU, and the sender knows it for the second. */
const PER_SIZE = 2;
/** Pods whose MTU is not the planned one are swept besides the sample, up to this many pairs. */
const DEVIANTS = 200;

/**
 * Sizes between every ordered pair of nodes (one pair of pods each, the same node included): the smallest probe, MTU - 1 and MTU must
 * arrive whole, MTU + 1 must be refused by the sender's own kernel. UDP and ICMP with DF decide: segmentation offload lets TCP cross a
 * link that is too small. TCP streams 64 KiB both ways. What works, but worse than planned, is remarked and no failure: a path whose
 * smaller MTU the sender is told (RFC 1191, RFC 8201), and overlays that fragment.
 */
export const sizeSweep: Check = {
  id: 'size-sweep',
  title: 'packets of every size up to the MTU arrive whole',
  suite: 'network',
  requirement: 'R1',
  pairs: [],
  run: async (run) => {
    const [snapshot, deadlineMs, { tables }] = await Promise.all([run.podSnapshot(), run.followUpMs(), run.mesh()]);
    const found: Found = { pairs: new Map(), failures: [], remarks: [], reasons: new Set(), ok: 0, failed: 0, inconclusive: 0, lost: 0 };
    const fragments = await countFragments(run);
    for (const table of tables) {
      const { cluster } = table;
      for (const family of run.options.families.filter((one) => cluster.plan.families.includes(one))) {
        const chosen = choosePairs(cluster, family, snapshot);
        for (const protocol of run.options.protocols.filter((one) => one === 'tcp' || run.session.sight.df)) {
          const open = chosen.filter(([client, server]) => isPermitted(cluster, client, server, protocol, family, PROBE_PORT));
          const pairs = open.filter(([client, server]) => !isDead(table, client, server, bitOf(protocol, family)));
          noteDead(found, open, pairs, protocol);
          if (pairs.length === 0) continue;
          if (protocol === 'tcp') await stream(run, cluster, family, pairs, deadlineMs, found);
          else await sweep(run, cluster, family, protocol, pairs, snapshot, deadlineMs, found);
        }
      }
    }
    if (run.session.sight.df && run.options.protocols.every((protocol) => protocol === 'tcp'))
      run.notLookedAt.push('sizes with DF: only TCP was asked for, and TCP cannot show a small MTU');
    found.remarks.push(...remarkFragments(run, sizeSweep.id, fragments, await countFragments(run)));
    const verdicts = [...found.pairs.values()];
    const count = (verdict: Verdict): number => verdicts.filter((one) => one === verdict).length;
    return concludeCheck(sizeSweep, {
      pairs: { planned: verdicts.length, passed: count('pass'), failed: count('fail'), inconclusive: count('inconclusive') },
      counts: { ok: found.ok, failed: found.failed, inconclusive: found.inconclusive },
      failures: found.failures,
      remarks: found.remarks,
      reasons: [...found.reasons],
      lost: found.lost,
      nothing: 'no two pods with interfaces of their own',
    });
  },
};

type Verdict = 'pass' | 'fail' | 'inconclusive';

interface Found {
  /** `client>server` → verdict over all sizes and protocols. */
  readonly pairs: Map<string, Verdict>;
  readonly failures: ProbedFailure[];
  readonly remarks: ProbedFailure[];
  readonly reasons: Set<string>;
  ok: number;
  failed: number;
  inconclusive: number;
  lost: number;
}

/** Pairs that do not answer at any size say nothing about sizes. */
function noteDead(found: Found, chosen: readonly Pair[], alive: readonly Pair[], protocol: ProbeProtocol): void {
  if (chosen.length === alive.length) return;
  const kept = new Set(alive);
  for (const pair of chosen) if (!kept.has(pair)) enter(found, pair, 'inconclusive');
  found.reasons.add(`${chosen.length - alive.length} of ${chosen.length} pairs do not answer ${protocol} at all, so their sizes were not swept`);
}

/** One pair of pods for every ordered pair of nodes, turning through the pods of each; pods with an unplanned MTU besides. */
function choosePairs(cluster: ClusterEnds, family: Family, snapshot: Snapshot): readonly Pair[] {
  const pods = cluster.nodeIds.map((_, node) => podsOnNode(cluster, node).filter((pod) => speaks(cluster.ends[pod], family)));
  const pairs = new Map<string, Pair>();
  const add = (client: number | undefined, server: number | undefined): void => {
    if (client !== undefined && server !== undefined && client !== server) pairs.set(`${client}>${server}`, [client, server]);
  };
  const asking = pods.map((own) => askers(cluster, own, 'asksAll'));
  const answering = pods.map((own) => answerers(cluster, own));
  asking.forEach((clients, from) =>
    answering.forEach((servers, to) => {
      if (!isAsked(cluster.cast, from, to, pods.length)) return;
      const client = clients[to % Math.max(1, clients.length)];
      const at = from % Math.max(1, servers.length);
      add(client, servers[at] === client ? servers[(at + 1) % servers.length] : servers[at]);
    }),
  );
  const bound = pairs.size + DEVIANTS;
  for (const pod of asking.flat().filter((index) => actualMtu(cluster, index, snapshot) !== cluster.ends[index]?.mtuBytes)) {
    for (const servers of answering) {
      if (pairs.size >= bound) return [...pairs.values()];
      add(
        pod,
        servers.find((server) => server !== pod),
      );
    }
  }
  return [...pairs.values()];
}

/** MTU of the pod's interface as it is; the planned one where it could not be read. */
function actualMtu(cluster: ClusterEnds, index: number, snapshot: Snapshot): number {
  const end = cluster.ends[index];
  const link = snapshot.namespaces[end?.endpoint.netns ?? '']?.links.find((one) => one.name === end?.pod?.interface?.name);
  return link?.mtu ?? end?.mtuBytes ?? 0;
}

/** IP packet size → the pairs that must pass at it, and those whose own kernel must refuse it. */
interface Size {
  readonly pass: Pair[];
  readonly control: Pair[];
}

function sizesOf(cluster: ClusterEnds, family: Family, pairs: readonly Pair[], snapshot: Snapshot): ReadonlyMap<number, Size> {
  const sizes = new Map<number, Size>();
  const at = (bytes: number): Size => {
    const known = sizes.get(bytes) ?? { pass: [], control: [] };
    sizes.set(bytes, known);
    return known;
  };
  const smallest = SMALL_BYTES + HEADERS[family];
  for (const pair of pairs) {
    const planned = cluster.ends[pair[0]]?.mtuBytes ?? 0;
    const actual = actualMtu(cluster, pair[0], snapshot);
    for (const bytes of new Set([smallest, planned - 1, planned, actual - 1, actual])) if (bytes >= smallest) at(bytes).pass.push(pair);
    if (actual + 1 > planned) at(actual + 1).control.push(pair);
  }
  return sizes;
}

async function sweep(
  run: Run,
  cluster: ClusterEnds,
  family: Family,
  protocol: ProbeProtocol,
  pairs: readonly Pair[],
  snapshot: Snapshot,
  deadlineMs: number,
  found: Found,
): Promise<void> {
  for (const [bytes, size] of [...sizesOf(cluster, family, pairs, snapshot)].sort((a, b) => a[0] - b[0])) {
    const payloadBytes = bytes - HEADERS[family];
    const rest = { attempts: PER_SIZE, deadlineMs, payloadBytes, df: true };
    const answers = await collect(run, cluster, family, protocol, [...size.pass, ...size.control], rest, `${cluster.plan.name} ${bytes} bytes`);
    for (const pair of size.pass) {
      judgeSize(run, cluster, family, protocol, pair, answers.of(pair), answers.unusable(pair), found, {
        attempts: PER_SIZE,
        payloadBytes,
        fits: bytes <= actualMtu(cluster, pair[0], snapshot),
        what: `packets of ${bytes} bytes with DF (MTU ${actualMtu(cluster, pair[0], snapshot)})`,
      });
    }
    for (const pair of size.control) judgeControl(cluster, pair, bytes, answers.of(pair), found);
  }
}

async function stream(run: Run, cluster: ClusterEnds, family: Family, pairs: readonly Pair[], deadlineMs: number, found: Found): Promise<void> {
  const rest = { attempts: 1, deadlineMs, streamBytes: STREAM_BYTES };
  const answers = await collect(run, cluster, family, 'tcp', pairs, rest, `${cluster.plan.name} stream`);
  for (const pair of pairs) {
    judgeSize(run, cluster, family, 'tcp', pair, answers.of(pair), answers.unusable(pair), found, {
      attempts: 1,
      payloadBytes: null,
      fits: false,
      what: `a stream of ${STREAM_BYTES} bytes both ways`,
    });
  }
}

interface Answers {
  of(pair: Pair): readonly ProbeRecord[];
  unusable(pair: Pair): string | null;
}

async function collect(
  run: Run,
  cluster: ClusterEnds,
  family: Family,
  protocol: ProbeProtocol,
  pairs: readonly Pair[],
  rest: { attempts: number; deadlineMs: number; payloadBytes?: number; df?: boolean; streamBytes?: number },
  title: string,
): Promise<Answers> {
  const records = new Map<string, ProbeRecord[]>();
  const summary = await run.probe(probeRequest(cluster, protocol, family, { kind: 'list', pairs }, rest), title, (batch) => {
    for (let row = 0; row < batch.length; row++) {
      const record = batch.at(row);
      const key = `${record.client}>${record.server}`;
      const known = records.get(key);
      if (known === undefined) records.set(key, [record]);
      else known.push(record);
    }
  });
  return {
    of: ([client, server]) => (records.get(`${client}>${server}`) ?? []).sort((a, b) => a.attempt - b.attempt),
    unusable: ([client, server]) => unusableAmong(summary.unusable, [cluster.ends[server]?.id ?? '', cluster.ends[client]?.id ?? '']),
  };
}

interface Asked {
  readonly attempts: number;
  readonly payloadBytes: number | null;
  /** The sender's own interface takes the packets: "too big" then is what a router on the way said. */
  readonly fits: boolean;
  readonly what: string;
}

function judgeSize(
  run: Run,
  cluster: ClusterEnds,
  family: Family,
  protocol: ProbeProtocol,
  pair: Pair,
  records: readonly ProbeRecord[],
  unusable: string | null,
  found: Found,
  asked: Asked,
): void {
  const { attempts } = asked;
  const context = contextOf({ table: { cluster }, protocol }, pair[0]);
  const judgements = records.map((record) => judgeProbe(record, context));
  const unknown = unusable ?? judgements.find((one) => one.verdict === 'inconclusive')?.reason ?? (records.length < attempts ? 'answers are missing' : null);
  const first = judgements.findIndex((one) => one.verdict === 'fail');
  const judgement = judgements[first];
  if (unusable === null && judgement?.verdict === 'fail') {
    const told = asked.fits && isTold(records.map((record) => record.outcome));
    const bad = told ? 0 : judgements.filter((one) => one.verdict === 'fail').length;
    found.failed += bad;
    found.ok += judgements.length - bad;
    found.lost += told ? 0 : records.filter((record) => record.outcome === 'silent' || record.outcome === 'stalled').length;
    (told ? found.remarks : found.failures).push(
      pairFailure(run.plan, cluster, {
        check: sizeSweep.id,
        client: pair[0],
        server: pair[1],
        protocol,
        family,
        attempt: first,
        ...(asked.payloadBytes === null ? {} : { payloadBytes: asked.payloadBytes }),
        class: told ? 'too-big' : judgement.class,
        saw: `${asked.what}: ${told ? 'a router on the way told the kernel of a smaller path MTU (EMSGSIZE)' : `${judgement.saw} (${bad} of ${attempts})`}`,
        expected: `${asked.what} arrive whole`,
      }),
    );
    enter(found, pair, told ? 'pass' : 'fail');
    return;
  }
  if (unknown !== null) {
    found.inconclusive += Math.max(records.length, 1);
    found.reasons.add(unknown);
    enter(found, pair, 'inconclusive');
    return;
  }
  found.ok += records.length;
  enter(found, pair, 'pass');
}

/** Known to be too big, at the latest after the first was lost: a router on the way answered it with the MTU of the next hop. */
function isTold(outcomes: readonly Outcome[]): boolean {
  const known = outcomes[0] === 'silent' ? outcomes.slice(1) : outcomes;
  return known.length > 0 && known.every((outcome) => outcome === 'too-big');
}

function judgeControl(cluster: ClusterEnds, pair: Pair, bytes: number, records: readonly ProbeRecord[], found: Found): void {
  if (records.length > 0 && records.every((record) => record.outcome === 'too-big')) {
    found.ok += records.length;
    enter(found, pair, 'pass');
    return;
  }
  const outcome = records.find((record) => record.outcome !== 'too-big')?.outcome ?? 'no record';
  found.inconclusive += Math.max(records.length, 1);
  found.reasons.add(
    `${cluster.ends[pair[0]]?.id ?? ''}: ${bytes} bytes with DF, one more than its MTU, ended as "${outcome}" and not as too-big: the probe cannot see the limit`,
  );
  enter(found, pair, 'inconclusive');
}

const RANK: Readonly<Record<Verdict, number>> = { pass: 0, inconclusive: 1, fail: 2 };

function enter(found: Found, pair: Pair, verdict: Verdict): void {
  const key = `${pair[0]}>${pair[1]}`;
  const known = found.pairs.get(key);
  if (known === undefined || RANK[verdict] > RANK[known]) found.pairs.set(key, verdict);
}
