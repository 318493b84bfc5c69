import type { LessonSpec } from '../../topology/lesson/lesson.ts';
import type { LabState } from '../lab-state.ts';
import type { LoadEngine } from '../load-engine.ts';
import { withSession } from '../with-lab.ts';
import { setAgents } from './agents.ts';

/**
 * A running lab without the exercise under way, where the lesson that it gets has it no more: nobody can solve it, so the programs of the nodes that were stopped
 * for it go on.
 *
 * @param lesson of the lab file as it is now; undefined without one
 * @throws LabError what opening the lab throws
 */
export async function withoutLostExercise(running: LabState, lesson: LessonSpec | undefined, load: LoadEngine): Promise<LabState> {
  const { lesson: progress } = running;
  if (progress === undefined || progress.exercise === null) return running;
  const { name } = progress.exercise;
  if (lesson?.exercises?.some((one) => one.name === name) === true) return running;
  await withSession({ ...running, status: 'up' }, { loadEngine: load }, async (session, plan) => {
    await setAgents({ session, plan }, 'resume');
  });
  return { ...running, lesson: { ...progress, exercise: null } };
}
