/** What this machine can and cannot do, with the command that mends each lack. */
import { counted, field, textWidth, visibleWidth } from './layout.ts';
import type { Style } from './style.ts';

/** One thing that was tried; a structural part of the engines' Capability. */
export interface CapabilityRow {
  readonly id: string;
  readonly title: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy: string;
  readonly required: boolean;
  readonly neededBy: string;
}

/** What the last line says of what lacks. */
export interface DoctorWords {
  readonly everything: string;
  /** Of what is required. */
  readonly fatal: (count: number) => string;
}

const MACHINE_WORDS: DoctorWords = { everything: 'everything is there', fatal: (count) => `${counted(count, 'thing')} missing: no lab can run` };

/** Of a cluster, each of whose rows is a node. */
export const CLUSTER_WORDS: DoctorWords = { everything: 'all nodes are ready', fatal: (count) => `${counted(count, 'node')} not ready` };

/** Renders what was found, lacks first, ending with a newline. A remedy stands on its own line, to be copied. */
export function renderDoctor(capabilities: readonly CapabilityRow[], style: Style, columns?: number, words: DoctorWords = MACHINE_WORDS): string {
  const width = textWidth(columns);
  const lacks = capabilities.filter((c) => !c.ok).sort((a, b) => Number(b.required) - Number(a.required));
  const titleWidth = Math.min(36, Math.max(...capabilities.map((c) => visibleWidth(c.title)), 0) + 2);
  const lines = lacks.flatMap((lack) => lackLines(lack, titleWidth, style, width));
  if (lacks.length > 0) lines.push('');
  for (const found of capabilities.filter((c) => c.ok))
    lines.push(...field(0, `${style.pass(style.symbols.pass)} ${found.title}`, titleWidth, style.dim(found.detail), width));
  const fatal = lacks.filter((lack) => lack.required).length;
  lines.push(
    '',
    fatal > 0
      ? style.fail(words.fatal(fatal))
      : lacks.length > 0
        ? style.warn(`labs run; ${counted(lacks.length, 'thing')} missing for some of them`)
        : style.pass(words.everything),
  );
  return `${lines.join('\n')}\n`;
}

function lackLines(lack: CapabilityRow, titleWidth: number, style: Style, width: number): string[] {
  const sign = lack.required ? style.fail(style.symbols.fail) : style.warn(style.symbols.inconclusive);
  return [
    ...field(0, `${sign} ${lack.title}`, titleWidth, lack.detail, width),
    ...(lack.neededBy === '' ? [] : field(4, 'needed by', 9, lack.neededBy, width)),
    ...(lack.remedy === '' ? [] : lack.remedy.split('\n').map((line, i) => `    ${i === 0 ? 'mend     ' : '         '}  ${style.command(line)}`)),
  ];
}
