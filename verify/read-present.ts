import type { EngineSession, NamespaceSnapshot, Snapshot } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';

/** Linux number: what the agent says of a network namespace that is not there. */
const ENOENT = 2;

/**
 * The state of those of the namespaces that are there: one that somebody removed is left out. One look at all of them; only when one is gone, one at each.
 *
 * @throws what the session throws for any other reason
 */
export async function readPresent(
  session: Pick<EngineSession, 'snapshot'>,
  names: readonly string[],
  options: Parameters<EngineSession['snapshot']>[1],
): Promise<Snapshot> {
  try {
    return await session.snapshot(names, options);
  } catch (error) {
    if (!(error instanceof LabError) || error.details['errno'] !== ENOENT) throw error;
  }
  const namespaces: Record<string, NamespaceSnapshot> = {};
  if (names.length > 1) for (const name of names) Object.assign(namespaces, (await readPresent(session, [name], options)).namespaces);
  return { takenAt: new Date().toISOString(), namespaces };
}
