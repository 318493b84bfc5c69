/** What the package's public functions take: a lab file's path, a plain lab, or what a lab construct is. */
import type { LabSpec } from '../topology/spec.ts';
import type { LoadedLab } from './load-lab.ts';

/** A lab construct, plain JSON of a lab, or the path of a lab file. */
export type LabInput = string | LabSpec | { toSpec(): LabSpec };

const isConstruct = (input: LabInput): input is { toSpec(): LabSpec } => typeof input === 'object' && 'toSpec' in input && typeof input.toSpec === 'function';

/** A lab in the form that the functions of this room take. One that comes from no file has no path, and no places in it. */
export async function asLoaded(input: LabInput): Promise<LoadedLab> {
  if (typeof input === 'string') {
    const { loadLab } = await import('./load-lab.ts');
    return loadLab(input);
  }
  const { plainJson } = await import('../constructs/plain-json.ts');
  const spec = isConstruct(input) ? input.toSpec() : plainJson(input);
  return { path: '', sha256: '', kind: 'typescript', input: spec, spec, positionOf: () => null };
}
