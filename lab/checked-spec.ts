import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabSpec } from '../topology/spec.ts';
import { SpecError } from '../topology/errors.ts';
import { dataFindings } from './data-findings.ts';
import { cacheDirectory, makePrivateDirectory } from './directories.ts';
import { installationFingerprint, runsFromSource } from './installation.ts';
import { sha256 } from './load-cache.ts';
import type { LoadedLab } from './load-lab.ts';

const directory = (): string => join(cacheDirectory(), 'checked');

/**
 * The spec of a lab whose shape is right. A shape that this build has found right before is known by its hash, so that the schema library, a
 * large part of the time that a small lab takes to come up, is not even loaded. What the lab means is checked by planning it.
 *
 * @throws SpecError with every diagnostic
 */
export async function checkedSpec(loaded: LoadedLab): Promise<LabSpec> {
  const mark = join(directory(), sha256(`${installationFingerprint()} ${JSON.stringify(loaded.input)}`));
  const known = !runsFromSource && await access(mark).then(() => true, () => false);
  if (!known) {
    const { parseLabSpec } = await import('../topology/schema.ts');
    const parsed = parseLabSpec(loaded.input);
    if (!parsed.ok) throw new SpecError(parsed.diagnostics, loaded.path);
    // An empty mark is whole as soon as it exists. Without it the shape is checked again next time.
    await makePrivateDirectory(directory()).then(() => writeFile(mark, '', { mode: 0o600 })).catch(() => undefined);
  }
  const spec = loaded.input as LabSpec;
  if (dataFindings(spec, loaded.kind).length > 0) {
    const { validateLab } = await import('./plan.ts');
    throw new SpecError(validateLab(loaded), loaded.path);
  }
  return spec;
}
