/** Objects and lists of a manifest, read strictly: a field that the API does not have is an error, as `kubectl apply` has it (strict field validation). */
import type { Diagnostic } from '../diagnostic.ts';
import { recordOf, type Json } from '../json.ts';
import { problem, type Path } from '../rules/findings.ts';

/** Where what is wrong is put down while reading goes on. */
export type Found = Diagnostic[];

/** What a value is, in words: `a string`. */
export const nameOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;

/** An object with no other fields than `known`; absent or wrong: an empty one. */
export function readObject(value: unknown, known: readonly string[], path: Path, found: Found): Json {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    found.push(problem('POLICY_FIELD', path, `${String(path.at(-1))} is ${nameOf(value)}, not an object`, `write an object with ${known.join(', ')}`));
    return {};
  }
  const record = recordOf(value);
  for (const key of Object.keys(record)) {
    if (!known.includes(key))
      found.push(problem('POLICY_FIELD', [...path, key], `a NetworkPolicy has no field ${JSON.stringify(key)} here`, `known here: ${known.join(', ')}`));
  }
  return record;
}

/** The items of a list with their places; absent or wrong: none. */
export function readList(value: unknown, path: Path, found: Found): readonly { readonly item: unknown; readonly path: Path }[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map((item: unknown, i) => ({ item, path: [...path, i] }));
  found.push(problem('POLICY_FIELD', path, `${String(path.at(-1))} is ${nameOf(value)}, not a list`, 'write a list: each item behind a "-"'));
  return [];
}

/** The texts of a list. */
export function readTexts(value: unknown, path: Path, found: Found): readonly { readonly text: string; readonly path: Path }[] {
  return readList(value, path, found).flatMap(({ item, path: at }) => {
    if (typeof item === 'string') return [{ text: item, path: at }];
    found.push(problem('POLICY_FIELD', at, `${JSON.stringify(item)} is ${nameOf(item)}, not a text`, 'put it in quotation marks'));
    return [];
  });
}
