import type { Capability } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import { DEFAULT_ENGINE, loadEngine, type LoadEngine } from './load-engine.ts';

export interface DoctorOptions {
  /** @default netns */
  readonly engine?: string;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/** What this machine can and cannot run, found by trying it; with a plan only what that lab needs. */
export async function doctor(plan: LabPlan | null, options: DoctorOptions = {}): Promise<readonly Capability[]> {
  const engine = await (options.loadEngine ?? loadEngine)(options.engine ?? DEFAULT_ENGINE);
  return engine.capabilities(plan);
}
