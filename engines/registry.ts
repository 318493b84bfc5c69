/** Every engine, loaded when it is asked for. A new one is a folder and a line here. */
import { LabError } from '../topology/errors.ts';
import type { Engine } from './port.ts';

export const engines: Readonly<Record<'netns' | 'kind' | 'vm', () => Promise<Engine>>> = {
  netns: async () => (await import('./netns/engine.ts')).netnsEngine(),
  kind: async () => (await import('./kind/engine.ts')).kindEngine(),
  vm: async () => (await import('./vm/engine.ts')).vmEngine(),
};

export type EngineName = keyof typeof engines;

/** @throws LabError USAGE that lists the known engines */
export async function loadEngine(name: string): Promise<Engine> {
  if (isEngineName(name)) return await engines[name]();
  throw new LabError({ code: 'USAGE', message: `there is no engine ${JSON.stringify(name)}`, hint: `the engines are: ${Object.keys(engines).join(', ')}` });
}

function isEngineName(name: string): name is EngineName {
  return Object.hasOwn(engines, name);
}
