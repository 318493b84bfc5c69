/** What is kept of a lab on virtual machines that did not come up. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabPlan } from '../../topology/plan.ts';
import { apiEvidence, explained as explainedWith, keepEvidence } from '../kubernetes/failure-evidence.ts';
import type { UpContext } from '../port.ts';
import { lastPublicLines, readTail } from './serial.ts';
import { accessTo, type VmHandle } from './handle.ts';
import { CONSOLE } from './machine.ts';
import { readRecords } from './records.ts';
import type { VmDeps } from './vm-deps.ts';

const LINES = 400;

/** What a failure is told as: with the evidence that is kept of it. */
export async function explained(
  deps: VmDeps,
  plan: LabPlan,
  handle: VmHandle,
  context: Pick<UpContext, 'onEvent' | 'signal'>,
  error: unknown,
): Promise<unknown> {
  const write = async (folder: string): Promise<void> => {
    for (const record of await readRecords(handle.directory)) {
      const lines = lastPublicLines(await readTail(join(handle.directory, record.folder, CONSOLE)), LINES);
      await writeFile(join(folder, `console-${record.cluster}-${record.node}.txt`), lines.join('\n'), { mode: 0o600 });
    }
    for (const cluster of Object.keys(handle.clusters)) await apiEvidence(deps, accessTo(deps, handle, cluster), folder);
  };
  return await explainedWith(context, plan.name, () => keepEvidence(join(deps.evidenceDirectory(), plan.name), write), error);
}
