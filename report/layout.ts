/** Columns, wrapping and numbers of plain text. Widths are counted in code points without colour codes. */
import { stripVTControlCharacters } from 'node:util';

/** No line of a report is longer, however wide the terminal. */
export const MAX_WIDTH = 100;

/** Usable width for a terminal of `columns`; 100 where there is no terminal. */
export function textWidth(columns: number | undefined): number {
  return columns === undefined || columns <= 0 ? MAX_WIDTH : Math.max(40, Math.min(MAX_WIDTH, columns));
}

/** Width as seen: colour codes count nothing. */
export function visibleWidth(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}

/** Fills up to `width` with spaces. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'right'): string {
  const fill = ' '.repeat(Math.max(0, width - visibleWidth(text)));
  return side === 'right' ? text + fill : fill + text;
}

/**
 * Aligned columns, two spaces apart, no trailing space. The header may be empty; columns named in `right` hold numbers.
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  options: { readonly indent?: number; readonly right?: readonly number[] } = {},
): string[] {
  const lines = header.length === 0 ? rows : [header, ...rows];
  const widths: number[] = [];
  for (const line of lines)
    line.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, visibleWidth(cell));
    });
  const indent = ' '.repeat(options.indent ?? 0);
  return lines.map((line) =>
    (indent + line.map((cell, i) => pad(cell, widths[i] ?? 0, options.right?.includes(i) === true ? 'left' : 'right')).join('  ')).trimEnd(),
  );
}

/** Wraps at spaces; a word that is too long (a command to copy) stays whole. Lines after the first start with `hanging` spaces. */
export function wrap(text: string, width: number, hanging = 0): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/ +/)) {
    const indent = lines.length === 0 ? 0 : hanging;
    if (line !== '' && indent + visibleWidth(line) + 1 + visibleWidth(word) > width) {
      lines.push(' '.repeat(indent) + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(' '.repeat(lines.length === 0 ? 0 : hanging) + line);
  return lines;
}

/** Text from a lab file or a program, safe for a terminal: control characters other than tab and newline become U+FFFD. */
export function printable(text: string): string {
  return text.replace(/(?![\t\n])\p{Cc}/gu, '\uFFFD');
}

/** `label` in a column, `text` wrapped beside it. */
export function field(indent: number, label: string, labelWidth: number, text: string, width: number): string[] {
  const start = indent + labelWidth + 2;
  const lines = wrap(text, Math.max(20, width - start));
  return lines.map((line, i) => ' '.repeat(indent) + pad(i === 0 ? label : '', labelWidth) + '  ' + line);
}

/** 1234567 → `1 234 567`, the same in every locale. */
export function count(n: number): string {
  return String(Math.trunc(n)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** `1 pair`, `2 pairs`, `3 addresses`. */
export function counted(n: number, singular: string, plural: string = `${singular}s`): string {
  return `${count(n)} ${n === 1 ? singular : plural}`;
}

/** Milliseconds as people say them: `0.4 ms`, `12 ms`, `1.4 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${String(Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${String(Math.floor(seconds / 60))} min ${String(seconds % 60)} s`;
}

/** Microseconds as a latency. `unit` is how the terminal writes µs. */
export function latency(us: number, unit: string): string {
  return us < 1000 ? `${String(Math.round(us))} ${unit}` : us < 1_000_000 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1_000_000).toFixed(1)} s`;
}
