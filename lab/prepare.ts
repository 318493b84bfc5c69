import { readFileSync } from 'node:fs';
import { readdir, rm, writeFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabPlan } from '../topology/plan.ts';
import type { LabSpec } from '../topology/spec.ts';
import { makePrivateDirectory } from './directories.ts';
import { cacheDirectory } from '../engines/own-directories.ts';
import { installationFingerprint, runsFromSource } from './installation.ts';
import { sha256 } from './load-cache.ts';
import type { LoadedLab } from './load-lab.ts';

/** A lab that is right, and what will exist when it is brought up from nothing. */
export interface Prepared {
  readonly spec: LabSpec;
  readonly plan: LabPlan;
}

/** Plans that are kept; one is a few kilobytes for each pod. */
const KEPT = 64;

const directory = (): string => join(cacheDirectory(), 'plans');

function readPlan(file: string): LabPlan | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LabPlan;
  } catch {
    return null;
  }
}

/** A cache that cannot be written is done without. */
async function keepPlan(file: string, plan: LabPlan): Promise<void> {
  try {
    await makePrivateDirectory(directory());
    const kept = await readdir(directory());
    if (kept.length >= KEPT) await Promise.all(kept.map((name) => rm(join(directory(), name), { force: true })));
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, JSON.stringify(plan), { mode: 0o600 });
    await rename(draft, file);
  } catch {
    // A full or read-only disk: the lab is planned anew next time.
  }
}

/**
 * Checks a lab and plans it from nothing. The same build gives the same plan for the same lab, so a plan that was made before is read, not
 * made: the schema library and the rules, a large part of the time that a small lab takes to come up, are then not even loaded.
 *
 * @throws SpecError with every diagnostic
 */
export async function prepare(loaded: LoadedLab): Promise<Prepared> {
  const spec = loaded.input as LabSpec;
  const file = join(directory(), `${sha256(`${installationFingerprint()} ${loaded.kind} ${JSON.stringify(loaded.input)}`)}.json`);
  const known = runsFromSource ? null : readPlan(file);
  if (known !== null) return { spec, plan: known };
  const { planLabFile } = await import('./plan.ts');
  const plan = planLabFile(loaded);
  if (!runsFromSource) await keepPlan(file, plan);
  return { spec, plan };
}
