import type { LabGraph } from '../topology/graph/graph.ts';
import { graphOfPlan } from '../topology/graph/graph-of-plan.ts';
import { requireKernels } from '../verify/require-kernels.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { planLabFile } from './plan.ts';
import type { LoadedLab } from './load-lab.ts';
import { readLab } from './read.ts';
import { requireUp, TO_BE_LOOKED_AT } from './require-up.ts';

export interface GraphLabOptions {
  /** From the state of the kernels, compared with the plan. @default false */
  readonly running?: boolean;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/**
 * The picture of what a lab file will be.
 *
 * @throws SpecError with every diagnostic
 */
export function graphLabFile(loaded: LoadedLab): LabGraph {
  return graphOfPlan(planLabFile(loaded));
}

/**
 * The picture of a lab: from the plan that it was brought up by, or with `running` from the kernels of its machines and pods. A cluster with an API is
 * drawn with the names and addresses that were observed when it came up.
 *
 * @throws LabError LAB_UNKNOWN; with `running` also LAB_LOST when it does not run, ENGINE_UNSUPPORTED where its kernels cannot be read; EngineError
 */
export async function graphLab(name: string, options: GraphLabOptions = {}): Promise<LabGraph> {
  const { running = false, loadEngine: load = loadEngine } = options;
  const lab = await readLab(name, { loadEngine: load });
  const plan = lab.observed ?? lab.plan;
  if (!running) return graphOfPlan(plan);
  const handle = requireUp(lab, TO_BE_LOOKED_AT);
  const engine = await load(lab.engine);
  const session = await engine.open(handle, plan);
  try {
    requireKernels(session, name, engine.name, `\`cnilab graph ${name}\` draws it as it is known`);
    const [{ readGraphKernels }, { graphOfKernels }] = await Promise.all([
      import('../verify/graph/read-kernels.ts'),
      import('../verify/graph/graph-of-kernels.ts'),
    ]);
    return graphOfKernels(plan, await readGraphKernels(session, plan));
  } finally {
    await session.close();
  }
}
