/** What a lesson does to its lab: commands, and faults of the library. */
import { LabError } from '../../topology/errors.ts';
import type { ActionSpec } from '../../topology/lesson/lesson.ts';
import type { LessonContext } from '../../verify/lesson/check.ts';
import { runCommand, type Ran } from '../../verify/lesson/run-command.ts';
import { injectFault, undoFaults } from '../fault.ts';
import type { LessonOptions } from './open-lesson.ts';

/** What was done, in the words of a terminal. */
export type Done = Ran | { readonly fault: string; readonly where: string } | { readonly undone: string };

/** Why a command of a lesson is said to have failed. */
export function commandFailed({ on, run, exitCode, output }: Ran, hint: string): LabError {
  const how = exitCode === null ? 'did not end in time' : `ended with status ${exitCode}`;
  return new LabError({ code: 'LESSON_COMMAND_FAILED', message: `\`${run}\` on ${on} ${how}`, hint, details: { command: run, stderr: output } });
}

/**
 * Does one thing.
 *
 * @throws LabError LESSON_COMMAND_FAILED with the output; LESSON_TEMPLATE; what injecting and undoing faults throw
 */
export async function act(lab: string, context: LessonContext, action: ActionSpec, options: LessonOptions, hint: string): Promise<Done> {
  const faultOptions = options.loadEngine === undefined ? {} : { loadEngine: options.loadEngine };
  if ('run' in action) {
    const ran = await runCommand(context, action);
    if (ran.exitCode !== 0) throw commandFailed(ran, hint);
    return ran;
  }
  if ('undo' in action) {
    await undoFaults(lab, action.undo, faultOptions);
    return { undone: action.undo };
  }
  const { fault, node, pod } = action;
  const { where } = await injectFault(lab, fault, { ...(node === undefined ? {} : { node }), ...(pod === undefined ? {} : { pod }) }, faultOptions);
  return { fault, where };
}
