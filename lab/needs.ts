import type { LabPlan } from '../topology/plan.ts';
import { DEFAULT_ENGINE, loadEngine, type LoadEngine } from './load-engine.ts';

export interface NeedsOptions {
  /** @default netns */
  readonly engine?: string;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/** What a lab needs of a machine beyond what every lab does, in words: what `doctor` would try for it, without trying. */
export async function needsOf(plan: LabPlan, options: NeedsOptions = {}): Promise<readonly string[]> {
  const engine = await (options.loadEngine ?? loadEngine)(options.engine ?? DEFAULT_ENGINE);
  return (await engine.needs?.(plan)) ?? [];
}
