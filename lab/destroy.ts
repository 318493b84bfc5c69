import { rm } from 'node:fs/promises';
import type { Incarnation } from './incarnation.ts';
import { engineNames, type LoadEngine } from './load-engine.ts';

/** Removes what an incarnation created, proven by its engine, and its directory. An incarnation whose engine is not known is looked for by all. */
export async function destroyIncarnation(incarnation: Incarnation, loadEngine: LoadEngine): Promise<void> {
  const names = incarnation.engine === null ? await engineNames() : [incarnation.engine];
  for (const name of names) {
    const engine = await loadEngine(name);
    await engine.destroy(incarnation.handle, incarnation.directory);
  }
  await rm(incarnation.directory, { recursive: true, force: true });
}
