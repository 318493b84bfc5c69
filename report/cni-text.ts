/** Calls of CNI plugins for people: what each was given, and what it said. */
import type { CniCall } from '../engines/port.ts';
import { counted, duration, printable } from './layout.ts';
import type { Style } from './style.ts';

/** What is shown of a run; a structural part of lab/'s own type. */
export interface CniByHandRow {
  readonly pod: string;
  readonly node: string;
  readonly netns: string;
  readonly ifname: string;
  readonly calls: readonly CniCall[];
  readonly undone: readonly CniCall[];
  readonly made: boolean;
  readonly removed: boolean;
}

/** Every call in full, ending with a newline. Lines are never cut: they are there to be copied. */
export function renderCniRun(run: CniByHandRow, style: Style): string {
  const sections = [
    ...(run.made ? [[`made the empty namespace ${run.netns} on ${run.node}`]] : []),
    ...run.calls.map((call, at) => callLines(call, `${at + 1} of ${run.calls.length}`, style)),
    ...(run.undone.length === 0 ? [] : [[style.warn(`it failed, so what was done is taken back (${counted(run.undone.length, 'call')}), as runtimes do`)]]),
    ...run.undone.map((call, at) => callLines(call, `${at + 1} of ${run.undone.length}`, style)),
    ...(run.calls.length === 0 ? [['no plugin was called: the list says disableCheck, or the machine is gone']] : []),
    ...(run.removed ? [[`removed the namespace ${run.netns}`]] : []),
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function callLines(call: CniCall, which: string, style: Style): string[] {
  const failed = call.exitCode !== 0;
  return [
    `${style.strong(`${call.command} ${call.plugin}`)}  ${style.dim(`${which}, ${call.program}`)}`,
    ...Object.entries(call.env).map(([name, value]) => `  ${name}=${printable(value)}`),
    style.dim('  stdin'),
    ...json(call.stdin),
    failed
      ? `  ${style.fail(`failed, exit code ${call.exitCode}`)}${errorText(call)} ${style.dim(`after ${duration(call.ms)}`)}`
      : `  ${style.pass(call.answer === null ? 'done, without a word' : 'result')} ${style.dim(`after ${duration(call.ms)}`)}`,
    ...(call.answer === null ? [] : json(call.answer)),
    ...(call.stderr.trim() === ''
      ? []
      : call.stderr
          .trimEnd()
          .split('\n')
          .map((line) => `  | ${printable(line)}`)),
  ];
}

/** `code 11: …` (CNI specification, section 5, "Error"). */
function errorText({ answer }: CniCall): string {
  if (answer === null) return '';
  const details = typeof answer['details'] === 'string' && answer['details'] !== '' ? ` (${answer['details']})` : '';
  return `, code ${String(answer['code'] ?? '?')}: ${printable(`${String(answer['msg'] ?? 'no message')}${details}`)}`;
}

function json(value: object): string[] {
  return printable(JSON.stringify(value, null, 2))
    .split('\n')
    .map((line) => `    ${line}`);
}
