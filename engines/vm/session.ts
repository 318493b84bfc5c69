/** A running lab on virtual machines, opened. */
import type { LabPlan } from '../../topology/plan.ts';
import { nodeSession } from '../kubernetes/node-session.ts';
import type { EngineSession } from '../port.ts';
import { NAME, type VmHandle } from './handle.ts';
import { placeArgv } from './place.ts';
import { readRecords } from './records.ts';
import type { VmDeps } from './vm-deps.ts';

/** @param plan the lab as observed */
export function vmSession(deps: Pick<VmDeps, 'run'>, handle: VmHandle, plan: LabPlan): EngineSession {
  return nodeSession(
    {
      engine: NAME,
      slowness: handle.slowness,
      run: async (node, argv, options) => {
        const records = await readRecords(handle.directory);
        return await deps.run(placeArgv(handle, records, node, argv, { input: options.input !== undefined, terminal: false }), options);
      },
    },
    plan,
  );
}
