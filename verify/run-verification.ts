/** A verification from end to end. */
import type { EngineSession } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { CheckOutcome } from './checks/check.ts';
import { checks } from './checks/index.ts';
import { findCauses, type Causes } from './find-causes.ts';
import { isSelected, settleOptions, type VerifyOptions } from './options.ts';
import type { PairClass } from './pair-table.ts';
import { buildReport } from './report-builder.ts';
import type { Report } from './report.ts';
import { createRun, type Run } from './run.ts';
import { suitesOf } from './suites.ts';

export type { VerifyOptions } from './options.ts';

/**
 * Verifies that the running lab behind `session` keeps the network model of Kubernetes, and names the causes of what fails. Sends probes and
 * reads the kernel; changes nothing. Nothing is retried: a probe that could not run makes its pair inconclusive.
 *
 * @throws {LabError} USAGE for options that make no sense, INTERRUPTED when `options.signal` was aborted, and what the session throws
 */
export async function verifyLab(session: EngineSession, plan: LabPlan, options: VerifyOptions = {}): Promise<Report> {
  const at = new Date();
  const started = performance.now();
  const all = Object.values(checks).filter(({ concerns }) => concerns?.(plan) ?? true);
  const settled = settleOptions(plan, options, all, session.sight);
  const selected = all.filter((check) => isSelected(check, settled));
  const run = createRun(session, plan, settled, new Set<PairClass>(selected.flatMap((check) => check.pairs)));
  noteBlindness(run);
  const left = all.filter((check) => settled.suites.includes(check.suite) && !selected.includes(check));
  if (left.length > 0) run.notLookedAt.push(`checks left out by --only or --skip: ${left.map((check) => check.id).join(', ')}`);
  for (const suite of suitesOf(plan)) if (!settled.suites.includes(suite)) run.notLookedAt.push(`the suite ${suite}: not asked for`);
  if (plan.clusters.length === 0) run.notLookedAt.push('everything: the lab has no cluster, so no requirement of Kubernetes applies');
  const outcomes: CheckOutcome[] = [];
  for (const check of selected) outcomes.push(await check.run(run));
  const causes = await causesOf(run, outcomes);
  const { tables } = await run.mesh();
  return buildReport(run, outcomes, tables, causes, { at, elapsedMs: Math.round((performance.now() - started) * 10) / 10 });
}

/** What this session cannot look at, whatever the lab is like. */
function noteBlindness({ session, notLookedAt }: Run): void {
  const { sight } = session;
  if (!sight.icmp) notLookedAt.push('ICMP: the probes of this engine have no raw sockets');
  if (!sight.df)
    notLookedAt.push('sizes up to the MTU with DF: they need raw sockets; 64 KiB over TCP were streamed both ways, which a small MTU can pass by segmenting');
  if (!sight.clock)
    notLookedAt.push(
      'the time of single packets, and SYNs that were sent again: round trips are those of programs (curl, nc) that share their node with the rest',
    );
  if (!sight.destination)
    notLookedAt.push(
      "the destination as the server's own socket saw it: the server says its name and the client's address; a translation that ends at the same pod is left to connection tracking",
    );
}

/** What was found stands without its cause: an error on the way to a diagnosis is told and not thrown. */
async function causesOf(run: Run, outcomes: readonly CheckOutcome[]): Promise<Causes> {
  if (!run.session.sight.kernel) {
    if (outcomes.some((outcome) => outcome.failures.length > 0))
      run.notLookedAt.push('the causes of the failures: the kernel of the nodes is not read on this engine');
    return { diagnoses: [], names: new Map() };
  }
  try {
    return await findCauses(run, outcomes);
  } catch (error) {
    run.options.onProgress({ step: 'find causes', phase: 'failed', detail: String(error) });
    run.notLookedAt.push(`the causes of the failures: ${error instanceof Error ? error.message : String(error)}`);
    return { diagnoses: [], names: new Map() };
  }
}
