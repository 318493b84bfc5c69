import type { FidelityStatement } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import { AGNHOST_IMAGE } from '../topology/workloads.ts';
import type { VerifyOptions } from '../verify/options.ts';
import type { Report } from '../verify/report.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { readLab } from './read.ts';
import { requireUp } from './require-up.ts';

export interface VerifyLabOptions extends VerifyOptions {
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/**
 * Verifies a running lab.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST when it does not run; USAGE for options that make no sense; EngineError. What fails in the lab is a
 * report, not an error.
 */
export async function verify(name: string, options: VerifyLabOptions = {}): Promise<Report> {
  const { loadEngine: load = loadEngine, ...judged } = options;
  // Modules load while the state is read.
  const verifying = import('../verify/run-verification.ts');
  verifying.catch(() => undefined);
  const lab = await readLab(name, { loadEngine: load });
  const handle = requireUp(lab);
  const engine = await load(lab.engine);
  const accesses = engine.kubernetes(handle, lab.plan);
  if (accesses !== null) {
    const { verifyInCluster } = await import('./verify-in-cluster.ts');
    const fidelity = (plan: LabPlan): FidelityStatement => engine.fidelity(plan);
    const image = lab.plan.images[AGNHOST_IMAGE.replace(/:[^/]*$/, '')];
    return await verifyInCluster(
      { lab: lab.name, engine: engine.name, fidelity, accesses, plan: lab.observed ?? lab.plan, ...(image === undefined ? {} : { image }) },
      judged,
    );
  }
  const { verifyLab } = await verifying;
  const session = await engine.open(handle, lab.plan);
  try {
    return await verifyLab(session, lab.plan, { engine: engine.name, fidelity: engine.fidelity(lab.plan), ...judged });
  } finally {
    await session.close();
  }
}
