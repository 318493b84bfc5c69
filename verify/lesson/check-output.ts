import type { OutputCheckSpec } from '../../topology/lesson/lesson.ts';
import type { Finding, LessonContext } from './check.ts';
import { fill } from './fill.ts';
import { missingProgram, runCommand } from './run-command.ts';
import { linesOf, matchShown } from './shown.ts';

const SHOWN = 300;

/** The beginning of an output, on one line. */
function short(output: string): string {
  const text = linesOf(output).join(' ⏎ ');
  return text === '' ? 'no output' : text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

const escaped = (value: string): string => value.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Does a command say what it should? @throws LabError LESSON_TEMPLATE, TARGET_UNKNOWN */
export async function checkOutput(context: LessonContext, check: OutputCheckSpec): Promise<Finding> {
  const { shows, exit = 0 } = check;
  const matches = (check.matches ?? []).map((pattern) => fill(pattern, context.values, escaped));
  const lacks = (check.lacks ?? []).map((pattern) => fill(pattern, context.values, escaped));
  const ran = await runCommand(context, check);
  const command = `\`${ran.run}\` on ${ran.on}`;
  const missing = exit === 127 ? null : missingProgram(ran);
  if (missing !== null) return { verdict: 'inconclusive', expected: command, seen: `${missing} is not on this machine` };
  if (ran.exitCode === null) return { verdict: 'fail', expected: `${command} ends`, seen: 'it did not end in time' };
  if (exit !== null && ran.exitCode !== exit)
    return { verdict: 'fail', expected: `${command} ends with status ${exit}`, seen: `status ${ran.exitCode}: ${short(ran.output)}` };
  const output = linesOf(ran.output).join('\n');
  const absent = matches.find((pattern) => !new RegExp(pattern, 'm').test(output));
  if (absent !== undefined) return { verdict: 'fail', expected: `${command} shows /${absent}/`, seen: short(ran.output) };
  const present = lacks.find((pattern) => new RegExp(pattern, 'm').test(output));
  if (present !== undefined) return { verdict: 'fail', expected: `${command} does not show /${present}/`, seen: short(ran.output) };
  const mismatch =
    shows === undefined
      ? null
      : matchShown(
          shows.map((line) => fill(line, context.values)),
          ran.output,
        );
  if (mismatch !== null)
    return {
      verdict: 'fail',
      expected: mismatch.expected === null ? `${command} shows nothing more` : `${command} shows: ${mismatch.expected}`,
      seen: mismatch.seen ?? (mismatch.expected === null ? '' : 'the output ends there'),
    };
  return { verdict: 'pass', expected: command, seen: short(ran.output) };
}
