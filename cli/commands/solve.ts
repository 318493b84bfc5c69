import { renderChecks, renderOutput } from '../../report/lesson/check-text.ts';
import { execCommand } from '../../report/lesson/command.ts';
import type { ActionSpec } from '../../topology/lesson/lesson.ts';
import { exitCodeOfVerdict } from '../exit-codes.ts';
import { operand, type RunCommand } from '../invocation.ts';

function commandOf(lab: string, action: ActionSpec): string {
  if ('run' in action) return execCommand(lab, action);
  return 'undo' in action ? `cnilab fault undo ${lab} ${action.undo}` : `cnilab fault inject ${lab} ${action.fault}`;
}

/** Shows and applies the solution of an exercise. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, signal } = invocation;
  const name = operand(invocation, 0);
  const solved = await lab.solveExercise(name, { signal });
  output.document(solved);
  const { style, columns } = output;
  for (const { action, failed } of solved.steps) {
    output.data(style.command(commandOf(name, action)));
    output.data(renderOutput(failed));
  }
  output.data(renderChecks(solved.checks, { style, columns }));
  if (solved.verdict === 'pass') output.data(solved.why.trim());
  else output.next(`cnilab diagnose ${name}`);
  return exitCodeOfVerdict(solved.verdict);
};
