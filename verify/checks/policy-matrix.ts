import type { Endpoint, Outcome, ProbeRequest } from '../../engines/port.ts';
import { dialledAddress, type ClusterEnds } from '../endpoints.ts';
import { execLine, pairFailure, type ProbedFailure } from '../failure.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import { cellsOf, decidedBy, MOST_PORTS, portsToTry, unservedPorts, type PolicyCell } from '../policy/cells.ts';
import { withHosts } from '../policy/hosts.ts';
import { enforcesPolicies } from '../policy/enforcement.ts';
import { worldOf } from '../policy/world.ts';
import { FAILURE_LIMIT } from '../report.ts';
import type { Run } from '../run.ts';
import { isPortTaken, unusableAmong } from '../unusable.ts';
import { concludeCheck, type Check } from './check.ts';

/** Connections per cell that must pass: loss is told from a policy by coming and going. */
const ATTEMPTS = 2;
/** Responders of one request. */
const MOST_SERVERS = 400;

/**
 * The truth table of the policies against what every pod and node gets from every pod, and pods and hosts from each other where
 * routes join them: what they allow must be answered, what they block must not.
 * Responders are asked by themselves first, so that silence is no closed port; where programs of the lab answer, their pods must be ready, or have answered
 * somebody. A refusal where silence was expected is blocked, too, and is told.
 * Where the CNI enforces nothing the table is looked at, and not judged.
 */
export const policyMatrix: Check = {
  id: 'policy-matrix',
  title: 'what policies allow passes, and nothing else does',
  suite: 'policy',
  requirement: null,
  pairs: [],
  run: async (run) => {
    const found: Found = { planned: 0, passed: 0, failed: 0, inconclusive: 0, ok: 0, bad: 0, failures: [], reasons: new Set(), unenforced: [], left: [] };
    const ruled = run.clusters.filter((cluster) => worldOf(cluster.plan).policies.length > 0);
    for (const cluster of ruled) await judgeCluster(run, withHosts(cluster, run.plan), found);
    run.notLookedAt.push(...found.left);
    const { planned, passed, failed, inconclusive } = found;
    if (planned > 0) run.notLookedAt.push(...found.unenforced);
    return concludeCheck(policyMatrix, {
      pairs: { planned, passed, failed, inconclusive },
      counts: { ok: found.ok, failed: found.bad, inconclusive },
      failures: found.failures,
      failuresTotal: failed,
      reasons: [...found.reasons],
      nothing:
        [...found.unenforced, ...found.left.slice(0, 3)].join('; ') ||
        (ruled.length === 0 ? 'the lab has no NetworkPolicy' : 'no two ends could be asked what its NetworkPolicies say'),
    });
  },
};

interface Found {
  planned: number;
  passed: number;
  failed: number;
  inconclusive: number;
  ok: number;
  bad: number;
  readonly failures: ProbedFailure[];
  readonly reasons: Set<string>;
  /** Clusters whose policies nothing enforces, and what was seen there. */
  readonly unenforced: string[];
  /** What of the table was not tried, or not judged. */
  readonly left: string[];
}

interface Seen {
  readonly outcomes: Outcome[];
  /** Somebody else answered, or not to that probe. */
  wrong: boolean;
}

async function judgeCluster(run: Run, cluster: ClusterEnds, found: Found): Promise<void> {
  const enforced = enforcesPolicies(cluster.plan);
  const all: { readonly cell: PolicyCell; readonly seen: Seen; readonly unusable: string | null }[] = [];
  for (const family of run.options.families.filter((one) => cluster.plan.families.includes(one))) {
    for (const protocol of run.options.protocols) {
      if (protocol === 'icmp') continue;
      const left = portsToTry(cluster, protocol).length - MOST_PORTS;
      if (left > 0) found.left.push(`${left} more ports of ${protocol} that policies of ${cluster.plan.name} name: ${MOST_PORTS} were tried`);
      const cells = cellsOf(cluster, run.plan, family, protocol);
      const { cells: unserved, ports } = unservedPorts(cluster, run.plan, family, protocol);
      if (unserved > 0)
        found.left.push(
          `${unserved} cells of the policies of ${cluster.plan.name} over ${protocol} ${family}: no program of the lab says who answers at port ${ports.join(', ')}`,
        );
      const unsure = cells.filter(({ stand }) => stand.stand === 'unsure').length;
      if (unsure > 0) found.left.push(`${unsure} cells of the policies over ${protocol} ${family}: they depend on which of its addresses a node takes`);
      const answering = cells.filter(({ stand }) => stand.stand === 'open' || (stand.stand === 'blocked' && enforced === false));
      const blocked = cells.filter(({ stand }) => stand.stand === 'blocked' && enforced !== false);
      all.push(...(await probeCells(run, cluster, answering, ATTEMPTS, run.options.deadlineMs)));
      all.push(...(await probeCells(run, cluster, blocked, 1, await run.followUpMs())));
    }
  }
  describeTable(
    run,
    cluster,
    all.map(({ cell }) => cell),
  );
  if (enforced === true) {
    const heard = new Set(all.flatMap(({ cell, seen }) => (seen.outcomes.some(isAnswer) ? [listenerOf(cell)] : [])));
    for (const { cell, seen, unusable } of all.filter((one) => !isPortTaken(one.unusable)))
      judgeCell(run, cluster, cell, seen, unusable ?? (mayBeDeaf(cluster, cell, heard) ? DEAF : null), found);
    const occupied = new Set(
      all.filter(({ unusable }) => isPortTaken(unusable)).map(({ cell }) => `${cluster.ends[cell.server]?.id ?? ''} ${cell.protocol} ${cell.port}`),
    );
    for (const place of occupied) found.left.push(`policies for ${place}: a program of the lab serves it, which does not say who answers`);
    const rejected = all.filter(({ cell, seen }) => cell.stand.stand === 'blocked' && seen.outcomes.includes('refused')).length;
    if (rejected > 0) run.observations.push({ id: 'policy-refusals', title: 'blocked connections that were refused, not dropped', value: `${rejected}` });
    return;
  }
  const blocked = all.filter(({ cell }) => cell.stand.stand === 'blocked');
  const open = blocked.filter(({ seen }) => seen.outcomes.includes('ok')).length;
  const who = `${cluster.plan.cni.type === 'observed' ? cluster.plan.cni.name : cluster.plan.cni.type} in ${cluster.plan.name}`;
  const count = worldOf(cluster.plan).policies.length;
  found.unenforced.push(
    enforced === false
      ? `${who} does not enforce NetworkPolicies: ${count} have no effect, ${open} of ${blocked.length} cells that they block are open`
      : `whether ${who} enforces NetworkPolicies is not known: ${open} of ${blocked.length} cells that they block are open`,
  );
}

async function probeCells(
  run: Run,
  cluster: ClusterEnds,
  cells: readonly PolicyCell[],
  attempts: number,
  deadlineMs: number,
): Promise<readonly { readonly cell: PolicyCell; readonly seen: Seen; readonly unusable: string | null }[]> {
  const servers = [...new Map(cells.map((cell) => [placeOf(cell), cell])).entries()];
  const judged: { cell: PolicyCell; seen: Seen; unusable: string | null }[] = [];
  for (let at = 0; at < servers.length; at += MOST_SERVERS) {
    const chunk = new Map(servers.slice(at, at + MOST_SERVERS).map(([place], index) => [place, cluster.ends.length + index]));
    const asked = cells.filter((cell) => chunk.has(placeOf(cell)));
    const [first] = asked;
    if (first === undefined) continue;
    const endpoints = [...cluster.endpoints, ...servers.slice(at, at + MOST_SERVERS).map(([, cell]) => serverEndpoint(cluster, cell))];
    const seen = new Map<string, Seen>();
    const { protocol, family } = first;
    const pairs = asked.map((cell): readonly [number, number] => [cell.client, chunk.get(placeOf(cell)) ?? 0]);
    const request: ProbeRequest = {
      protocol,
      family,
      endpoints,
      attempts,
      deadlineMs,
      port: PROBE_PORT,
      pairs: { kind: 'list', pairs },
      responders: 'listen',
      conntrack: [],
    };
    const { unusable } = await run.probe(request, `${cluster.plan.name} policies`, (batch) => {
      for (let row = 0; row < batch.length; row++) {
        const record = batch.at(row);
        const key = `${record.client} ${record.server}`;
        const one = seen.get(key) ?? { outcomes: [], wrong: false };
        seen.set(key, one);
        one.outcomes.push(record.outcome);
        if (record.outcome === 'ok' && (record.answeredBy !== record.server || !record.nonceThere || !record.nonceBack)) one.wrong = true;
      }
    });
    asked.forEach((cell, index) => {
      const [client, server] = pairs[index] ?? [0, 0];
      judged.push({
        cell,
        seen: seen.get(`${client} ${server}`) ?? { outcomes: [], wrong: false },
        unusable: unusableAmong(unusable, [endpoints[client]?.id ?? '', endpoints[server]?.id ?? '']),
      });
    });
  }
  return judged;
}

const placeOf = ({ server, port }: PolicyCell): string => `${server} ${port}`;
const isAnswer = (outcome: Outcome): boolean => outcome === 'ok' || outcome === 'stalled';
const listenerOf = ({ server, protocol, port }: PolicyCell): string => `${server} ${protocol} ${port}`;

const DEAF = 'the pod is not ready, and answers nobody at that port: whether a policy keeps this client from it is not known';

/** Where programs of the lab answer, no responder was opened and asked by itself: a pod that is not ready may not listen at all. */
function mayBeDeaf({ cast, ends }: ClusterEnds, cell: PolicyCell, heard: ReadonlySet<string>): boolean {
  return cell.stand.stand === 'blocked' && cast?.serves !== undefined && ends[cell.server]?.pod?.ready === false && !heard.has(listenerOf(cell));
}

function serverEndpoint(cluster: ClusterEnds, { server, port, family }: PolicyCell): Endpoint {
  const end = cluster.ends[server];
  if (end === undefined) throw new RangeError(`no end ${server}`);
  return { ...end.endpoint, id: `${end.id} port ${port}`, addresses: [{ family, address: dialledAddress(end, family) }], port };
}

function judgeCell(run: Run, cluster: ClusterEnds, cell: PolicyCell, { outcomes, wrong }: Seen, unusable: string | null, found: Found): void {
  const blocked = cell.stand.stand === 'blocked';
  const answered = outcomes.filter(isAnswer).length;
  const strange = outcomes.find((outcome) => (blocked ? outcome !== 'silent' && outcome !== 'refused' : outcome !== 'ok'));
  const unknown = unusable ?? (outcomes.length < (blocked ? 1 : ATTEMPTS) || outcomes.includes('not-run') ? 'answers are missing' : null);
  const lost = !blocked && answered > 0 && answered < outcomes.length ? 'lost now and then: no policy does that' : null;
  found.planned++;
  if (unknown !== null || lost !== null) {
    found.inconclusive++;
    found.reasons.add(`${nameOf(cluster, cell)}: ${unknown ?? lost ?? ''}`);
    return;
  }
  if (strange === undefined && !wrong) {
    found.passed++;
    found.ok += outcomes.length;
    return;
  }
  found.failed++;
  found.bad += outcomes.length;
  if (found.failures.length >= FAILURE_LIMIT) return;
  const who = decidedBy(cell);
  const failure = pairFailure(run.plan, cluster, {
    check: policyMatrix.id,
    client: cell.client,
    server: cell.server,
    protocol: cell.protocol,
    family: cell.family,
    attempt: 0,
    class: wrong ? 'wrong-server' : blocked && answered > 0 ? 'unexpected-answer' : (strange ?? 'error'),
    saw: `port ${cell.port} ${wrong ? 'was answered by somebody else' : SAW[strange ?? 'ok']}`,
    expected: `${blocked ? 'blocked' : 'allowed'}: ${who}`,
  });
  const node = blocked ? failure.failure.serverNode : failure.failure.clientNode;
  found.failures.push({ again: null, failure: { ...failure.failure, port: cell.port, next: execLine(run.plan, node, ['nft', 'list', 'ruleset']) } });
}

const SAW: Readonly<Record<Outcome, string>> = {
  ok: 'was answered',
  stalled: 'was connected',
  refused: 'was refused, though a responder listens there',
  silent: 'was silent until the deadline',
  'no-route': 'is unreachable: no route',
  unreachable: 'is unreachable',
  'no-host': 'is unreachable: nobody answered for the address',
  'too-big': 'took no packet of that size',
  error: 'failed',
  'not-run': 'was not tried',
};

function nameOf(cluster: ClusterEnds, { client, server, protocol, port }: PolicyCell): string {
  return `${cluster.ends[client]?.id ?? ''} to ${cluster.ends[server]?.id ?? ''} ${protocol} ${port}`;
}

/** The truth table in one line: how much of it is open, and who decides. */
function describeTable(run: Run, cluster: ClusterEnds, cells: readonly PolicyCell[]): void {
  const blocked = cells.filter(({ stand }) => stand.stand === 'blocked');
  const deciders = new Map<string, number>();
  for (const cell of blocked) deciders.set(decidedBy(cell), (deciders.get(decidedBy(cell)) ?? 0) + 1);
  const most = [...deciders].sort((a, b) => b[1] - a[1]).slice(0, 5);
  run.observations.push({
    id: `policy-table-${cluster.plan.name}`,
    title: `what the policies of ${cluster.plan.name} say`,
    value: `${cells.length - blocked.length} of ${cells.length} cells are open${most.length === 0 ? '' : `; blocked by ${most.map(([who, count]) => `${who}: ${count}`).join(', ')}`}`,
  });
}
