/** What of a running lab is not as it was left. */
import type { LoadEngine } from '../../lab/load-engine.ts';
import type { ReadLab } from '../../lab/read.ts';
import type { EngineSession } from '../../engines/port.ts';
import { FABRIC_NETNS, type LabPlan } from '../../topology/plan.ts';

/** Network namespaces of a plan, each with the identity of what it is. */
function namespacesOf({ machines, clusters }: LabPlan): ReadonlyMap<string, string> {
  const pods = clusters.flatMap((cluster) => cluster.pods.filter(({ hostNetwork }) => !hostNetwork));
  const named = [...pods, ...clusters.flatMap(({ nodes }) => nodes), ...machines].map(({ netns, id }) => [netns, id] as const);
  return new Map([[FABRIC_NETNS, 'the switches'], ...named]);
}

/** Identities of what has no namespace any more. One look at all of them; only when that fails, one at each. */
async function missing(session: EngineSession, plan: LabPlan): Promise<readonly string[]> {
  const namespaces = namespacesOf(plan);
  const there = (names: readonly string[]): Promise<boolean> =>
    session.snapshot(names, { rules: false }).then(
      () => true,
      () => false,
    );
  if (await there([...namespaces.keys()])) return [];
  const gone: string[] = [];
  for (const [netns, id] of namespaces) if (!(await there([netns]))) gone.push(`${id}: its network namespace is gone`);
  return gone;
}

/** Does the lab still run as a whole? The rest is looked at by {@link driftOf}. */
export function lostness({ status }: Pick<ReadLab, 'status'>): readonly string[] {
  return status === 'up' ? [] : [status === 'lost' ? 'the lab is lost: what it runs on is gone' : `the lab is ${status}, not up`];
}

/**
 * Compares a lab with what was left: does it run, has every node and pod its network namespace, and are pods attached as the CNI plugins left them (CHECK)?
 * On engines with an API server whether its nodes run; what is in the cluster are objects of its own.
 */
export async function driftOf(lab: ReadLab, load: LoadEngine): Promise<readonly string[]> {
  const lost = lostness(lab);
  if (lost.length > 0 || lab.handle === null) return lost;
  const engine = await load(lab.engine);
  if (engine.kubernetes(lab.handle, lab.plan) !== null) return [];
  const session = await engine.open(lab.handle, lab.plan);
  try {
    const gone = await missing(session, lab.plan);
    if (gone.length > 0) return gone;
    return await session.checkAttachments().then(
      () => [],
      (error: Error) => [error.message],
    );
  } finally {
    await session.close();
  }
}
