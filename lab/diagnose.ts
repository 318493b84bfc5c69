import type { DiagnoseOptions, LabDiagnosis } from '../verify/diagnose-lab.ts';
import { LabError } from '../topology/errors.ts';
import type { Between } from '../verify/ladder.ts';
import type { WalkQuestion } from '../verify/walk/goal.ts';
import { questionOf } from './explain.ts';
import type { LabState } from './lab-state.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { asProgrammed, presentLab } from './present-plan.ts';
import { readLab } from './read.ts';
import { requireUp } from './require-up.ts';

export interface DiagnoseLabOptions extends Omit<DiagnoseOptions, 'between' | 'engine'> {
  /** Both or none. */
  readonly from?: string;
  readonly to?: string;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/**
 * Finds out what is wrong with a running lab, or with one way through it.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST when it does not run; TARGET_UNKNOWN and USAGE for ends that are none; ENGINE_UNSUPPORTED where its kernels cannot be read;
 * EngineError. What is wrong with the lab is an answer, not an error.
 */
export async function diagnose(name: string, options: DiagnoseLabOptions = {}): Promise<LabDiagnosis> {
  const { loadEngine: load = loadEngine, from, to, ...rest } = options;
  // Modules load while the state is read.
  const diagnosing = import('../verify/diagnose-lab.ts');
  diagnosing.catch(() => undefined);
  if ((from === undefined) !== (to === undefined))
    throw new LabError({
      code: 'USAGE',
      message: `one end of the way is missing: ${from ?? to ?? ''} alone`,
      hint: `\`cnilab diagnose ${name} FROM TO\`, or neither of them`,
    });
  const state = await readLab(name, { loadEngine: load });
  const handle = requireUp(state);
  const engine = await load(state.engine);
  const lab = await presentLab(engine, handle, state);
  const way = from === undefined || to === undefined ? null : await wayBetween(lab, from, to);
  const plan = asProgrammed(lab.observed ?? lab.plan, lab);
  const session = await engine.open(handle, plan);
  try {
    if (way !== null && 'question' in way) {
      const { diagnoseWay } = await import('../verify/diagnose-way.ts');
      return await diagnoseWay(session, plan, { ...rest, ...way.question, engine: engine.name });
    }
    const { diagnoseLab } = await diagnosing;
    return await diagnoseLab(session, plan, { ...rest, ...way, engine: engine.name });
  } finally {
    await session.close();
  }
}

/** Judged by checks where Kubernetes promises something of it, else walked: also to an address that nothing of the lab has. */
async function wayBetween(lab: LabState, from: string, to: string): Promise<{ readonly between: Between } | { readonly question: WalkQuestion }> {
  const { resolveBetween } = await import('./between.ts');
  const between = resolveBetween(lab, from, to);
  return between === null ? { question: await questionOf(lab, { from, to }) } : { between };
}
