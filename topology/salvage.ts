import type { Diagnostic } from './diagnostic.ts';
import { parseLabSpec } from './schema.ts';
import { validateSpec } from './validate.ts';

type Path = Diagnostic['path'];

const beginsWith = (path: Path, prefix: Path): boolean => prefix.every((step, i) => path[i] === step);

/** Takes the value at a path out of a copy; false where that would move other elements of a list, or where there is nothing. */
function remove(root: unknown, path: Path): boolean {
  const key = path.at(-1);
  let at = root;
  for (const step of path.slice(0, -1)) at = typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[step] : undefined;
  if (typeof key !== 'string' || typeof at !== 'object' || at === null || Array.isArray(at)) return false;
  if (path.length >= 4 && path[0] === 'clusters' && path[2] === 'cni' && key === 'type') {
    // Without a CNI the rest of the cluster could not be read: any will do, and what is said about it is left out.
    for (const name of Object.keys(at)) delete (at as Record<string, unknown>)[name];
    (at as Record<string, unknown>)['type'] = 'bridge';
    return true;
  }
  delete (at as Record<string, unknown>)[key];
  return true;
}

/**
 * What else is wrong with a lab whose shape is wrong: the rules, on what is left when the misshapen parts are taken out. Errors only, and none about a
 * place that was taken out. Empty when nothing readable is left.
 */
export function findingsBesides(input: unknown, shape: readonly Diagnostic[]): readonly Diagnostic[] {
  const copy: unknown = structuredClone(input);
  const places = shape.map((d) => (d.path[2] === 'cni' ? d.path.slice(0, 3) : d.path));
  if (!shape.every((d) => remove(copy, d.path))) return [];
  const parsed = parseLabSpec(copy);
  if (!parsed.ok) return [];
  return validateSpec(parsed.spec).filter((d) => d.severity === 'error' && !places.some((place) => beginsWith(d.path, place)));
}
