import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineHandle } from '../engines/port.ts';
import { runDirectories, writeAtomically } from './state-file.ts';

/**
 * One coming up of a lab: its private directory, and beside the plan and all else in state.json the little that taking it down needs. `down`
 * reads this file only, so it works when state.json is broken, and a lab of a thousand pods goes as quickly as one of two.
 */
export interface Incarnation {
  readonly directory: string;
  /** null when the run was killed before it wrote a name. */
  readonly engine: string | null;
  /** null until the engine has something to clean up. */
  readonly handle: EngineHandle | null;
}

const FILE = 'incarnation.json';

/** Writes the engine and the handle of an incarnation, to be on disk when this resolves. */
export async function writeIncarnation({ directory, engine, handle }: Incarnation): Promise<void> {
  await writeAtomically(directory, FILE, JSON.stringify({ engine, handle }));
}

async function readIncarnation(directory: string): Promise<Incarnation> {
  try {
    const { engine, handle } = JSON.parse(await readFile(join(directory, FILE), 'utf8')) as Partial<Incarnation>;
    return { directory, engine: engine ?? null, handle: handle ?? null };
  } catch {
    // Not written yet, or damaged: the engine finds what is there by the directory.
    return { directory, engine: null, handle: null };
  }
}

/** Every incarnation of a lab that is on disk; more than one only after a run that was killed. */
export async function incarnationsOf(name: string): Promise<readonly Incarnation[]> {
  return Promise.all((await runDirectories(name)).map(readIncarnation));
}
