import { DEFAULT_ENGINE } from '../../lab/load-engine.ts';
import type { LoadedLab } from '../../lab/load-lab.ts';
import { shippedLab } from '../../lab/shipped.ts';
import { renderDiff } from '../../report/diff-text.ts';
import { renderPlan } from '../../report/plan-text.ts';
import { LabError } from '../../topology/errors.ts';
import { operand, type Invocation, type RunCommand } from '../invocation.ts';
import { diagnosticLines } from '../output.ts';
import { isFileOperand, openLabFile } from './open-lab-file.ts';

type Running = Awaited<ReturnType<Invocation['lab']['readLab']>>;

/** What will exist; against a running lab of that name also what changes. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, streams } = invocation;
  const word = operand(invocation, 0);
  const named = isFileOperand(word, streams.cwd) ? null : await labNamed(word, invocation);
  if (named !== null && named.source.path === '') return showRunning(named, invocation);
  const loaded = await openLabFile(invocation, named?.source.path ?? word);
  const running = named ?? (await runningLab(nameOf(loaded), invocation));
  const kept = running === null ? null : await lab.planLabFile(loaded, { previous: running.plan });
  const diff = running === null || kept === null ? null : await lab.diffLab(running, kept);
  // What has to be replaced is planned afresh, as `up --replace` does it.
  const plan = kept !== null && diff?.replace !== true ? kept : await lab.planLabFile(loaded);
  const needs = await lab.needsOf(plan, { engine: running?.engine ?? DEFAULT_ENGINE });
  output.document({ plan, needs, running: running === null ? null : { name: running.name, status: running.status, diff } });
  output.data(renderPlan(plan, output.style, needs));
  if (running !== null && diff !== null) output.data(`\nagainst the running lab (${running.status}):\n${renderDiff(running.name, diff, output.style)}`);
  if (plan.findings.length > 0 && !output.json) for (const line of await diagnosticLines(plan.findings, loaded, streams.cwd)) output.note(line);
  if (running !== null && diff?.empty === true) output.next(`cnilab verify ${running.name}`);
  else output.next(diff?.replace === true ? `cnilab up ${word} --replace` : `cnilab up ${named === null ? word : loaded.path} --verify`);
  return 0;
};

function showRunning(running: Running, { output }: Invocation): number {
  output.document({ plan: running.plan, running: { name: running.name, status: running.status, diff: null } });
  output.data(renderPlan(running.plan, output.style));
  output.note(`${running.name} was brought up without a lab file: this is the plan it runs on`);
  return 0;
}

/** The lab of that name that is up; null: there is none, and the package has a lab of that name to plan. */
async function labNamed(name: string, { lab }: Invocation): Promise<Running | null> {
  try {
    return await lab.readLab(name);
  } catch (error) {
    if (error instanceof LabError && error.code === 'LAB_UNKNOWN' && shippedLab(name) !== null) return null;
    throw error;
  }
}

/** The running lab of that name, or null; a lab that cannot be read is said to be so, and the plan is shown all the same. */
async function runningLab(name: string | null, { lab, output }: Invocation): Promise<Running | null> {
  if (name === null) return null;
  try {
    return await lab.readLab(name);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    if (error.code !== 'LAB_UNKNOWN') output.warn(error.message);
    return null;
  }
}

function nameOf({ input }: LoadedLab): string | null {
  return typeof input === 'object' && input !== null && 'name' in input && typeof input.name === 'string' && /^[a-z0-9-]+$/.test(input.name)
    ? input.name
    : null;
}
