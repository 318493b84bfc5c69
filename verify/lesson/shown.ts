/** Output of a command, compared with what a lesson says it shows. */
import type { ShownSpec } from '../../topology/lesson/lesson.ts';

/** Where output and expectation part. */
export interface ShownMismatch {
  /** The line that is shown and did not come; null: the output goes on where nothing more is shown. */
  readonly expected: string | null;
  /** The line that came instead; null: the output ended. */
  readonly seen: string | null;
}

const ANY = '…';

/** A line with its blanks made one each, none at its ends. */
const tidy = (line: string): string => line.replaceAll(/\s+/g, ' ').trim();

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** `…` may stand for nothing: then the blanks beside it are one, or at an end of the line none. */
function patternOf(line: string): RegExp {
  // Anything, a blank and anything is anything.
  const pieces = tidy(line)
    .replaceAll(/…(?: …)+/g, ANY)
    .split(ANY);
  const source = pieces.slice(1).reduce(
    (before, piece, i) => {
      const [left, right] = [(pieces[i] ?? '').endsWith(' '), piece.startsWith(' ')];
      const [atStart, atEnd] = [i === 0 && pieces[0] === '', i === pieces.length - 2 && piece === ''];
      const head = left ? before.slice(0, -1) : before;
      const gap = left && right ? ' (?:.* )?' : left ? (atEnd ? '(?: .*)?' : ' .*') : right ? (atStart ? '(?:.* )?' : '.* ') : '.*';
      return head + gap + escaped(right ? piece.slice(1) : piece);
    },
    escaped(pieces[0] ?? ''),
  );
  return new RegExp(`^${source}$`);
}

/** Lines of an output, the empty ones at its end left out. */
export function linesOf(output: string): readonly string[] {
  return output.trimEnd() === '' ? [] : output.trimEnd().split('\n').map(tidy);
}

/**
 * Compares an output with what is shown, line by line as `ShownSpec` says it; null where they agree.
 * @param shown filled in already
 */
export function matchShown(shown: ShownSpec, output: string): ShownMismatch | null {
  const lines = linesOf(output);
  // Positions in the output at which the lines shown so far can end.
  let ends: readonly number[] = [0];
  let free = false;
  for (const line of shown) {
    if (line.trim() === ANY) {
      free = true;
      continue;
    }
    const pattern = patternOf(line);
    const first = ends[0] ?? 0;
    const starts = free ? lines.map((_, i) => i).filter((i) => i >= first) : ends;
    const next = starts.filter((i) => pattern.test(lines[i] ?? '') && i < lines.length).map((i) => i + 1);
    if (next.length === 0) return { expected: line.trim(), seen: lines[ends.at(-1) ?? 0] ?? null };
    ends = next;
    free = false;
  }
  if (free || ends.includes(lines.length)) return null;
  return { expected: null, seen: lines[ends.at(-1) ?? 0] ?? null };
}
