/** Programs of the nodes that put right what is changed there: an exercise is for the learner to solve. */
import { CommandError } from '../../topology/errors.ts';
import type { LessonContext } from '../../verify/lesson/check.ts';

/** Of pkill(1), where no process has the name. */
const NONE_FOUND = 1;

/**
 * Stops them on every node, or lets them go on. Nothing where nobody puts anything right; a node on which none runs is none the worse for it.
 *
 * @throws LabError COMMAND_FAILED with the node where they cannot be told; what the session throws for a lab that is gone
 */
export async function setAgents({ session, plan }: Pick<LessonContext, 'session' | 'plan'>, what: 'stop' | 'resume'): Promise<void> {
  const argv = session.agents?.[what];
  if (argv === undefined) return;
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const told = await Promise.all(nodes.map(async ({ id, netns }) => ({ id, ...(await session.run(netns, argv)) })));
  const failed = told.find(({ exitCode }) => exitCode !== 0 && exitCode !== NONE_FOUND);
  if (failed === undefined) return;
  const { id, exitCode, stderr } = failed;
  throw new CommandError({
    code: 'COMMAND_FAILED',
    message: `${argv.join(' ')} on ${id} ended with status ${exitCode}${stderr.trim() === '' ? '' : `: ${stderr.trim()}`}`,
    hint: `see whether the node answers: \`cnilab exec ${plan.name} ${id} -- ps\`; \`cnilab solve ${plan.name}\` ends an exercise that is under way`,
    details: { node: id, argv, exitCode },
  });
}
