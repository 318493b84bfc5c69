import type { EngineSession, NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import { containersOf, ownsNetns } from '../../topology/docker/places.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { readLabKernels } from '../diagnose-lab.ts';
import { machineNamespaces } from '../find-causes.ts';

/**
 * The state of every namespace of a lab. One that somebody removed is left out of the answer, and the others are read all the same.
 *
 * @throws what the session throws where nothing can be read at all
 */
export async function readGraphKernels(session: EngineSession, plan: LabPlan): Promise<Snapshot> {
  try {
    return await readLabKernels(session, plan);
  } catch (error) {
    const pods = plan.clusters.flatMap((cluster) => cluster.pods.map((pod) => pod.netns));
    const namespaces: Record<string, NamespaceSnapshot> = {};
    const containers = containersOf(plan).filter(ownsNetns);
    for (const netns of new Set([...machineNamespaces(plan), ...pods, ...containers.map((one) => one.netns)])) {
      const one = await session.snapshot([netns], { rules: true }).catch(() => null);
      if (one !== null) Object.assign(namespaces, one.namespaces);
    }
    if (Object.keys(namespaces).length === 0) throw error;
    return { takenAt: new Date().toISOString(), namespaces };
  }
}
