/** Checks of a lesson for people. */
import type { LessonCheckResult } from '../../verify/lesson/check.ts';
import { field, printable, textWidth } from '../layout.ts';
import type { Style } from '../style.ts';

export interface CheckTextOptions {
  readonly style: Style;
  readonly columns: number | undefined;
}

const LABEL = 9;

function linesOf(check: LessonCheckResult, { style, columns }: CheckTextOptions): readonly string[] {
  const dress = { pass: style.pass, fail: style.fail, inconclusive: style.warn }[check.verdict];
  const head = `${dress(style.symbols[check.verdict])} ${printable(check.says)}  ${style.dim(check.id)}`;
  if (check.verdict === 'pass') return [head];
  const width = textWidth(columns);
  return [
    head,
    ...(check.expected === '' ? [] : field(4, 'expected', LABEL, printable(check.expected), width)),
    ...field(4, check.verdict === 'fail' ? 'seen' : 'unclear', LABEL, printable(check.seen), width),
  ];
}

/** Each check with its verdict; of those that do not hold what was expected and what was seen. Ends with a newline. */
export function renderChecks(checks: readonly LessonCheckResult[], options: CheckTextOptions): string {
  return `${checks.flatMap((check) => linesOf(check, options)).join('\n')}\n`;
}

/** What a command said, as a terminal shows it, set off from what is said about it. */
export function renderOutput(output: string): string {
  return output.trimEnd() === ''
    ? ''
    : `${output
        .trimEnd()
        .split('\n')
        .map((line) => `  ${printable(line)}`)
        .join('\n')}\n`;
}
