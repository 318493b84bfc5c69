/** A running lab on kind, opened. */
import type { LabPlan } from '../../topology/plan.ts';
import { nodeSession } from '../kubernetes/node-session.ts';
import type { EngineSession } from '../port.ts';
import { NAME, type KindHandle } from './handle.ts';
import type { KindDeps } from './kind-deps.ts';
import { placeArgv } from './place.ts';

/** @param plan the lab as observed */
export function kindSession({ run }: Pick<KindDeps, 'run'>, handle: KindHandle, plan: LabPlan): EngineSession {
  return nodeSession(
    {
      engine: NAME,
      slowness: 1,
      run: async (node, argv, options) => await run(placeArgv(handle, node, argv, { input: options.input !== undefined, terminal: false }), options),
    },
    plan,
  );
}
