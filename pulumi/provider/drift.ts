/** What of a running lab is not as it was left. */
import type { LoadEngine } from '../../lab/load-engine.ts';
import type { ReadLab } from '../../lab/read.ts';
import type { EngineSession } from '../../engines/port.ts';
import { LabError } from '../../topology/errors.ts';
import { FABRIC_NETNS, type LabPlan } from '../../topology/plan.ts';
import { readPresent } from '../../verify/read-present.ts';

/** Network namespaces of a plan, each with the identity of what it is. */
function namespacesOf({ machines, clusters, segments }: LabPlan): ReadonlyMap<string, string> {
  const pods = clusters.flatMap((cluster) => cluster.pods.filter(({ hostNetwork }) => !hostNetwork));
  const named = [...pods, ...clusters.flatMap(({ nodes }) => nodes), ...machines].map(({ netns, id }) => [netns, id] as const);
  // Where nothing is plugged in, there is no switch.
  return new Map(segments.length === 0 ? named : [[FABRIC_NETNS, 'the switches'], ...named]);
}

/** Identities of what has no namespace any more. @throws what the session throws for any other reason */
async function missing(session: EngineSession, plan: LabPlan): Promise<readonly string[]> {
  const planned = namespacesOf(plan);
  const { namespaces } = await readPresent(session, [...planned.keys()], { rules: false });
  return [...planned].filter(([netns]) => namespaces[netns] === undefined).map(([, id]) => `${id}: its network namespace is gone`);
}

/** Does the lab still run as a whole? The rest is looked at by {@link driftOf}. */
export function lostness({ status }: Pick<ReadLab, 'status'>): readonly string[] {
  return status === 'up' ? [] : [status === 'lost' ? 'the lab is lost: what it runs on is gone' : `the lab is ${status}, not up`];
}

/**
 * Compares a lab with what was left: does it run, has every node and pod its network namespace, and are pods attached as the CNI plugins left them (CHECK)?
 * On engines with an API server whether its nodes run; what is in the cluster are objects of its own.
 *
 * @throws what the engine throws where none of this can be found out
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
      (error: unknown) => {
        // Of an agent that died in between nothing is known: the lab may be as it was left.
        if (error instanceof LabError && error.code === 'ENGINE_STEP_FAILED') return [error.message];
        throw error;
      },
    );
  } finally {
    await session.close();
  }
}
