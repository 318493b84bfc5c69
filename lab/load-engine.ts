import type { Engine } from '../engines/port.ts';

/** Gives the engine of a name. Functions of this room take another one in tests. */
export type LoadEngine = (name: string) => Promise<Engine>;

/** Names of all engines. */
export async function engineNames(): Promise<readonly string[]> {
  const { engines } = await import('../engines/registry.ts');
  return Object.keys(engines);
}

/**
 * The engine of a name, whose modules are loaded only now.
 *
 * @throws LabError USAGE listing the known engines
 */
export const loadEngine: LoadEngine = async (name) => {
  const registry = await import('../engines/registry.ts');
  return registry.loadEngine(name);
};

/** The engine of labs that name none. */
export const DEFAULT_ENGINE = 'netns';
