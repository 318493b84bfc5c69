/** Programs of the nodes that put right what is changed there: an exercise is for the learner to solve. */
import type { LessonContext } from '../../verify/lesson/check.ts';

/**
 * Stops them on every node, or lets them go on. Nothing where nobody puts anything right; a node on which none runs is none the worse for it.
 *
 * @throws LabError what the session throws for a lab that is gone
 */
export async function setAgents({ session, plan }: Pick<LessonContext, 'session' | 'plan'>, what: 'stop' | 'resume'): Promise<void> {
  const argv = session.agents?.[what];
  if (argv === undefined) return;
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  await Promise.all(nodes.map(async ({ netns }) => await session.run(netns, argv)));
}
