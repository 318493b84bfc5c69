import type { ArtifactSet } from '../topology/artifacts.ts';
import { InternalError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';

export interface SynthOptions {
  /** Nothing may be fetched. @default false */
  readonly offline?: boolean;
}

/** The files that an engine is given for a plan. */
export async function synthesize(_plan: LabPlan, engine: ArtifactSet['engine'], _options: SynthOptions = {}): Promise<ArtifactSet> {
  return Promise.reject(new InternalError(`nothing is synthesized for ${engine} yet`));
}
