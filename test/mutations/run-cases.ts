/** Runs unit test files of this repository against sources of which one is changed, in this process: what `vitest` collects is collected here. */
import { createViteServer } from 'vitest/node';
import { expect } from 'vitest';

/** A mutant of one source file: `text` occurs exactly once in it, and is replaced. */
export interface Change {
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

interface Case {
  readonly title: string;
  readonly run: () => unknown;
}

const SHIM_NAME = 'virtual:cases';
const SHIM = `\0${SHIM_NAME}`;
const COLLECTED = Symbol.for('cnilab.mutations');

/** `describe`, `it` and `it.each` as the unit tests of the oracle use them. */
const SHIM_TEXT = `
const { cases, expect } = globalThis[Symbol.for('cnilab.mutations')];
const path = [];
const add = (title, run) => cases.push({ title: [...path, title].join(' > '), run });
const each = (register) => (rows) => (title, work) =>
  rows.forEach((row, at) => register(title + ' [' + at + ']', () => (Array.isArray(row) ? work(...row) : work(row))));
export const describe = (title, work) => { path.push(title); work(); path.pop(); };
export const it = Object.assign((title, work) => add(title, work), { each: each(add) });
describe.each = each(describe);
export { expect };
`;

export interface Cases extends AsyncDisposable {
  /** Loads the test file with the change in place and runs its cases until one fails: its title, or null when all pass. */
  firstFailure(testFile: string, change: Change | null): Promise<{ readonly title: string; readonly error: string } | null>;
}

/** @param root folder of the repository, ends with a slash */
export async function openCases(root: string): Promise<Cases> {
  let current: Change | null = null;
  const server = await createViteServer({
    root,
    configFile: false,
    logLevel: 'error',
    server: { middlewareMode: true, watch: null, hmr: false },
    optimizeDeps: { noDiscovery: true },
    plugins: [
      {
        name: 'cases',
        enforce: 'pre',
        resolveId: (id: string) => (id === SHIM_NAME ? SHIM : null),
        load: (id: string) => (id === SHIM ? SHIM_TEXT : null),
        transform: (code: string, id: string) =>
          id.endsWith('.test.ts')
            ? code.replace("from 'vitest'", `from '${SHIM_NAME}'`)
            : current !== null && id === `${root}${current.file}`
              ? code.split(current.text).join(current.by)
              : null,
      },
    ],
  });
  const forget = (file: string): void => {
    const module = server.moduleGraph.getModuleById(file);
    if (module !== undefined) server.moduleGraph.invalidateModule(module);
  };
  return {
    firstFailure: async (testFile, change) => {
      const cases: Case[] = [];
      Reflect.set(globalThis, COLLECTED, { cases, expect });
      current = change;
      forget(SHIM);
      forget(`${root}${testFile}`);
      if (change !== null) forget(`${root}${change.file}`);
      await server.ssrLoadModule(`/${testFile}`);
      try {
        for (const { title, run } of cases) {
          try {
            await run();
          } catch (error) {
            return { title, error: String(error) };
          }
        }
        if (cases.length === 0) throw new Error(`${testFile} has no case`);
        return null;
      } finally {
        if (change !== null) forget(`${root}${change.file}`);
        current = null;
      }
    },
    [Symbol.asyncDispose]: async () => await server.close(),
  };
}
