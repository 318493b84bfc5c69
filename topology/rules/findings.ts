/** Short makers of diagnostics for the rules. */
import type { Diagnostic } from '../diagnostic.ts';

export type Path = readonly (string | number)[];

/** A problem: the lab cannot be planned. */
export function problem(code: string, path: Path, message: string, hint: string): Diagnostic {
  return { severity: 'error', code, path, message, hint };
}

/** Something that will surprise: the lab is planned all the same. */
export function caution(code: string, path: Path, message: string, hint: string): Diagnostic {
  return { severity: 'warning', code, path, message, hint };
}

/** Something worth knowing. */
export function note(code: string, path: Path, message: string, hint: string): Diagnostic {
  return { severity: 'info', code, path, message, hint };
}

/** `1 node`, `3 nodes`, `4 addresses`. */
export function counted(count: number | bigint, noun: string): string {
  return `${count} ${noun}${BigInt(count) === 1n ? '' : noun.endsWith('s') ? 'es' : 's'}`;
}

/** The pairs of a list, each once, the earlier one first. */
export function pairs<T>(items: readonly T[]): readonly (readonly [T, T])[] {
  return items.flatMap((a, i) => items.slice(i + 1).map((b) => [a, b] as const));
}
