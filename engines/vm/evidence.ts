/** Keeps what is needed to see why a lab did not come up: one bounded folder per lab, the newest failure only. */
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabPlan } from '../../topology/plan.ts';
import { collectEvidence } from '../kubernetes/collect-evidence.ts';
import { kubectlFor } from '../kubernetes/kubectl.ts';
import { interrupted, timedOut } from '../interruption.ts';
import { withEvidence } from '../kind/failure-evidence.ts';
import type { UpContext } from '../port.ts';
import { step } from '../step.ts';
import { lastPublicLines, readTail } from './serial.ts';
import { accessTo, type VmHandle } from './handle.ts';
import { CONSOLE } from './machine.ts';
import { readRecords } from './records.ts';
import type { VmDeps } from './vm-deps.ts';

const LINES = 400;

async function keepEvidence(deps: VmDeps, lab: string, handle: VmHandle): Promise<string | null> {
  const kept = join(deps.evidenceDirectory(), lab);
  try {
    await rm(kept, { recursive: true, force: true });
    await mkdir(kept, { recursive: true, mode: 0o700 });
    for (const record of await readRecords(handle.directory)) {
      const lines = lastPublicLines(await readTail(join(handle.directory, record.folder, CONSOLE)), LINES);
      await writeFile(join(kept, `console-${record.cluster}-${record.node}.txt`), lines.join('\n'), { mode: 0o600 });
    }
    for (const cluster of Object.keys(handle.clusters)) {
      const access = accessTo(deps, handle, cluster);
      const written = await stat(access.kubeconfig ?? '').catch(() => null);
      if (written !== null) await collectEvidence(access, kubectlFor(access, deps), join(kept, cluster));
    }
    return (await readdir(kept)).length > 0 ? kept : null;
  } catch {
    // The error that is being explained matters more.
    return null;
  }
}

/** What a failure is told as: with the evidence that is kept of it, unless somebody who waits stopped the work. */
export async function explained(
  deps: VmDeps,
  plan: LabPlan,
  handle: VmHandle,
  { onEvent, signal }: Pick<UpContext, 'onEvent' | 'signal'>,
  error: unknown,
): Promise<unknown> {
  if (signal.aborted && !timedOut(signal)) return interrupted(error);
  const kept = await step(onEvent, 'keep evidence', plan.name, () => keepEvidence(deps, plan.name, handle));
  return withEvidence(signal.aborted ? interrupted(error) : error, kept);
}
