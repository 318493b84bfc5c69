import { EngineError, LabError } from '../../../topology/errors.ts';
import type { Op } from '../ops.ts';
import { describeOp } from './describe-op.ts';

/** The failure of one op: the object in front of the reason; hint and details are those of the cause. */
export function stepFailed(step: string, op: Op, cause: unknown): EngineError {
  const known = cause instanceof LabError ? cause : null;
  return new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `${describeOp(op)}: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: known?.hint ?? 'this is a bug of cnilab: please report it with the lab file',
    details: { ...known?.details, step, op },
    cause,
  });
}
