import { renderOutput } from '../../report/lesson/check-text.ts';
import { execCommand } from '../../report/lesson/command.ts';
import { table } from '../../report/layout.ts';
import { exitCodes } from '../exit-codes.ts';
import { flag, operand, usageError, type Invocation, type RunCommand } from '../invocation.ts';

/** Lists the exercises of a lab, begins one, or gives a hint. */
export const run: RunCommand = async (invocation) => {
  const [, exercise] = invocation.operands;
  if (flag(invocation, 'hint')) {
    if (exercise !== undefined) throw usageError('--hint is for the exercise under way', 'leave its name away');
    return await hint(invocation);
  }
  return exercise === undefined ? await list(invocation) : await begin(invocation, exercise);
};

async function list(invocation: Invocation): Promise<number> {
  const { lab, output, signal } = invocation;
  const name = operand(invocation, 0);
  const exercises = await lab.listExercises(name, { signal });
  output.document({ lab: name, exercises });
  const rows = exercises.map((one) => [one.name, one.underWay ? output.style.warn('under way') : '', one.title]);
  output.data(exercises.length === 0 ? 'no exercises' : table(['exercise', '', 'title'], rows).join('\n'));
  const underWay = exercises.some((one) => one.underWay);
  const [first] = exercises;
  if (underWay) output.next(`cnilab check ${name}`);
  else if (first !== undefined) output.next(`cnilab exercise ${name} ${first.name}`);
  return exitCodes.ok;
}

async function begin(invocation: Invocation, exercise: string): Promise<number> {
  const { lab, output, signal } = invocation;
  const name = operand(invocation, 0);
  const begun = await lab.beginExercise(name, exercise, { signal });
  output.document(begun);
  const { style } = output;
  output.data(`${style.strong(begun.title)}\n${begun.symptom.trim()}\n`);
  output.data(style.command(execCommand(name, begun.see)));
  output.data(renderOutput(begun.see.exitCode === null ? '(it does not end)' : begun.see.output));
  output.note(
    `find out why, and mend it; \`cnilab check ${name}\` tells whether you did${begun.hints === 0 ? '' : `, and there are ${begun.hints} hints (--hint)`}`,
  );
  output.next(`cnilab check ${name}`);
  return exitCodes.ok;
}

async function hint(invocation: Invocation): Promise<number> {
  const { lab, output, signal } = invocation;
  const given = await lab.giveHint(operand(invocation, 0), { signal });
  output.document(given);
  output.data(`hint ${given.number} of ${given.of}: ${given.hint.trim()}`);
  return exitCodes.ok;
}
