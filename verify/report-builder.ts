/** From the outcomes of the checks to the report. */
import type { CheckOutcome } from './checks/check.ts';
import type { Causes } from './find-causes.ts';
import { createHistogram, mergeLatency, percentile } from './latency.ts';
import { buildMatrix } from './matrix.ts';
import type { PairTable } from './pair-table.ts';
import { REPORT_SCHEMA, type CheckResult, type Report, type RequirementId, type Verdict } from './report.ts';
import { requirements } from './requirements.ts';
import type { Run } from './run.ts';
import { SUITES, suitesOf, type Suite } from './suites.ts';

/** fail outranks inconclusive outranks pass; skipped checks do not count; null when nothing counts. */
export function worst(verdicts: readonly Verdict[]): 'pass' | 'fail' | 'inconclusive' | null {
  if (verdicts.includes('fail')) return 'fail';
  if (verdicts.includes('inconclusive')) return 'inconclusive';
  return verdicts.includes('pass') ? 'pass' : null;
}

/** Builds the report of a finished run. */
export function buildReport(
  run: Run,
  outcomes: readonly CheckOutcome[],
  tables: readonly PairTable[],
  causes: Causes,
  started: { readonly at: Date; readonly elapsedMs: number },
): Report {
  const { options } = run;
  const checks = outcomes.map(({ result }) => ({
    ...result,
    failures: result.failures.map((failure) => ({ ...failure, diagnosis: causes.names.get(failure) ?? '' })),
  }));
  const sum = (key: 'ok' | 'failed' | 'inconclusive'): number => outcomes.reduce((total, outcome) => total + outcome.counts[key], 0);
  const totals = { ok: sum('ok'), failed: sum('failed'), inconclusive: sum('inconclusive') };
  const judged = (['R1', 'R2', 'R3'] as const).map((id) => withMissing(judgeRequirement(id, checks), options.missing));
  observeMesh(run, tables);
  noteUntouched(run);
  return {
    schema: REPORT_SCHEMA,
    lab: run.plan.name,
    engine: options.engine,
    profile: options.profile,
    startedAt: started.at.toISOString(),
    elapsedMs: started.elapsedMs,
    verdict: worst([...checks, ...judged].map((one) => one.verdict)) ?? 'inconclusive',
    requirements: judged,
    checks,
    diagnoses: causes.diagnoses,
    matrix: buildMatrix(tables),
    observations: run.observations,
    notLookedAt: [...new Set(run.notLookedAt)],
    fidelity: options.fidelity,
    options: { attempts: options.attempts, protocols: options.protocols, families: options.families, deadlineMs: options.deadlineMs },
    totals: { probes: totals.ok + totals.failed + totals.inconclusive, ...totals },
  };
}

/** A requirement is as good as its worst check; where the controls show a probe that sees no failure, a pass proves nothing. */
function judgeRequirement(id: RequirementId, checks: readonly CheckResult[]): Report['requirements'][number] {
  const own = checks.filter((check) => check.requirement === id);
  const { title } = requirements[id];
  const verdict = worst(own.map((check) => check.verdict));
  if (verdict === null) return { id, title, verdict: 'skip', detail: own[0]?.reason ?? 'no check of it was run' };
  const detail = own
    .filter((check) => check.verdict === verdict)
    .map(describeCheck)
    .join('; ');
  const controls = checks.find((check) => check.id === 'controls');
  if (verdict === 'pass' && controls?.verdict === 'inconclusive') return { id, title, verdict: 'inconclusive', detail: `controls: ${controls.reason}` };
  return { id, title, verdict, detail };
}

/** What was not probed proves nothing: a pass of the rest is inconclusive. */
function withMissing(judged: Report['requirements'][number], missing: Run['options']['missing']): Report['requirements'][number] {
  const [first, ...others] = missing.filter((one) => one.requirement === judged.id);
  if (judged.verdict !== 'pass' || first === undefined) return judged;
  return { ...judged, verdict: 'inconclusive', detail: `${first.reason}${others.length > 0 ? `; and ${others.length} more` : ''}` };
}

function describeCheck(check: CheckResult): string {
  const { planned, failed, inconclusive } = check.pairs;
  if (check.verdict === 'fail') return `${check.id}: ${failed} of ${planned} fail`;
  if (check.verdict === 'inconclusive') return `${check.id}: ${inconclusive} of ${planned} unknown: ${check.reason}`;
  return `${check.id}: all ${planned}`;
}

function observeMesh(run: Run, tables: readonly PairTable[]): void {
  const near = createHistogram();
  const far = createHistogram();
  const hops = new Map<string, number>();
  for (const table of tables) {
    mergeLatency(near, table.near);
    mergeLatency(far, table.far);
    for (const [ttl, counts] of table.hops) {
      for (const [place, count] of [
        ['same node', counts.near],
        ['other node', counts.far],
      ] as const) {
        if (count > 0) hops.set(`${ttl} from the ${place}`, (hops.get(`${ttl} from the ${place}`) ?? 0) + count);
      }
    }
  }
  for (const [id, title, histogram] of [
    ['latency-near', 'round trip within a node', near],
    ['latency-far', 'round trip between nodes', far],
  ] as const) {
    if (histogram.total > 0)
      run.observations.push({ id, title, value: `p50 ${percentile(histogram, 0.5)} µs, p99 ${percentile(histogram, 0.99)} µs, max ${histogram.max} µs` });
  }
  if (hops.size > 0)
    run.observations.push({
      id: 'hop-limit',
      title: 'hop limit at the server, pod to pod (UDP, ICMP)',
      value: [...hops].map(([what, count]) => `${what} (${count})`).join(', '),
    });
  const read = run.conntrack.filter((reading) => reading.error === null);
  if (read.length === 0) return;
  const entries = read.reduce((total, reading) => total + reading.entries, 0);
  const asymmetric = read.reduce((total, reading) => total + reading.asymmetric.length, 0);
  const inactive =
    new Set(read.map((reading) => reading.netns)).size - new Set(read.filter((reading) => reading.entries > 0).map((reading) => reading.netns)).size;
  run.observations.push({
    id: 'connection-tracking',
    title: 'connection tracking on nodes and routers',
    value: `${entries} entries read, ${asymmetric} translated (those of services and masqueraded traffic included)${inactive > 0 ? `, not active in ${inactive} namespaces` : ''}`,
  });
}

const NOT_THERE: Readonly<Record<Suite, string>> = { network: 'the network', services: 'Services', dns: 'names', policy: 'network policies' };

function noteUntouched(run: Run): void {
  const { plan, options, notLookedAt } = run;
  if (options.protocols.includes('tcp')) notLookedAt.push('the hop limit of TCP packets');
  const untouched = SUITES.filter((suite) => suite !== 'network' && !options.suites.includes(suite) && !suitesOf(plan).includes(suite));
  if (untouched.length > 0) notLookedAt.push(`${untouched.map((suite) => NOT_THERE[suite]).join(', ')}: the lab has none of its own`);
  for (const family of plan.families) if (!options.families.includes(family)) notLookedAt.push(`${family}, which the lab has: not asked for`);
  if (!plan.families.includes('ipv6')) notLookedAt.push('IPv6: the lab has none');
  const left = (['tcp', 'udp', 'icmp'] as const).filter((protocol) => !options.protocols.includes(protocol) && (protocol !== 'icmp' || run.session.sight.icmp));
  if (left.length > 0) notLookedAt.push(`${left.join(' and ')}: not asked for`);
  if (plan.machines.length > 0)
    notLookedAt.push(
      `hosts, routers and the outside as ends of probes: ${plan.machines
        .map((machine) => machine.name)
        .slice(0, 5)
        .join(', ')}`,
    );
  if (plan.clusters.length > 1) notLookedAt.push('pairs of pods of different clusters: clusters are separate networks');
}
