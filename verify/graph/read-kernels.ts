import type { EngineSession, Snapshot } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { readLabKernels } from '../diagnose-lab.ts';
import { readPresent } from '../read-present.ts';

/**
 * The state of every namespace of a lab. One that somebody removed is left out of the answer, and the others are read all the same.
 *
 * @throws what the session throws for any other reason
 */
export async function readGraphKernels(session: EngineSession, plan: LabPlan): Promise<Snapshot> {
  return await readLabKernels({ snapshot: async (names, options) => await readPresent(session, names, options) }, plan);
}
