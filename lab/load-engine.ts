import type { Engine } from '../engines/port.ts';

/** Gives the engine of a name. Functions of this room take another one in tests. */
export type LoadEngine = (name: string) => Promise<Engine>;

/** Names of all engines. */
export async function engineNames(): Promise<readonly string[]> {
  const { engines } = await import('../engines/registry.ts');
  return Object.keys(engines);
}

/** One engine for all calls of a process: it may keep an agent from one command for the next. */
const loaded = new Map<string, Promise<Engine>>();

/**
 * The engine of a name, whose modules are loaded when it is first asked for.
 *
 * @throws LabError USAGE listing the known engines
 */
export const loadEngine: LoadEngine = (name) => {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const loading = import('../engines/registry.ts').then((registry) => registry.loadEngine(name));
  loaded.set(name, loading);
  loading.catch(() => loaded.delete(name));
  return loading;
};

/** The engine of labs that name none. */
export const DEFAULT_ENGINE = 'netns';
