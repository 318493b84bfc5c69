import { renderChecks, renderOutput } from '../../report/lesson/check-text.ts';
import { execCommand } from '../../report/lesson/command.ts';
import type { StepTaken } from '../../lab/lesson/steps.ts';
import { exitCodeOfVerdict, exitCodes } from '../exit-codes.ts';
import { flag, operand, usageError, type Invocation, type RunCommand } from '../invocation.ts';

/** Takes the next step of a lesson, or the last one back. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, signal } = invocation;
  const name = operand(invocation, 0);
  const { style, columns } = output;
  if (flag(invocation, 'undo')) return await undo(invocation, name);
  const show = (step: StepTaken): void => {
    output.data(`${style.strong(`${step.number}. ${step.title}`)}\n${step.text.trim()}\n`);
    output.data(`${style.command(execCommand(name, step))}${step.ran === null ? style.dim('  (done already)') : ''}`);
    if (step.ran !== null) output.data(renderOutput(step.ran.output));
    if (step.check !== null) output.data(renderChecks([step.check], { style, columns }));
    output.data('\n');
  };
  const taken = await lab.takeSteps(name, { all: flag(invocation, 'all'), signal, onStep: show });
  output.document(taken);
  output.note(`${taken.done} of ${taken.total} steps done`);
  if (taken.verdict === 'pass') output.next(taken.done < taken.total ? `cnilab step ${name}` : `cnilab check ${name}`);
  return exitCodeOfVerdict(taken.verdict);
};

async function undo(invocation: Invocation, name: string): Promise<number> {
  const { lab, output, signal } = invocation;
  const { style, columns } = output;
  if (flag(invocation, 'all')) throw usageError('--undo takes one step back, --all takes all that are left', 'give one of them');
  const undone = await lab.undoStep(name, { signal });
  const { number, title, ran, check, done, total } = undone;
  output.document(undone);
  output.data(`${style.strong(`${number}. ${title}`)}\n${style.command(execCommand(name, ran))}`);
  output.data(renderOutput(ran.output));
  const held = check?.verdict === 'pass';
  // Of a check that should not hold any more.
  if (held) output.data(renderChecks([check], { style, columns }));
  output.note(`${done} of ${total} steps done${held ? ': its check still holds' : ''}`);
  if (!held) output.next(`cnilab step ${name}`);
  return held ? exitCodes.checkFailed : exitCodes.ok;
}
