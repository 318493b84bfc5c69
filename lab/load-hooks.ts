/**
 * Module hooks of the child that loads a lab file; they run in Node's hooks thread, before tsx's.
 * https://nodejs.org/docs/latest-v20.x/api/module.html#customization-hooks
 */
import { existsSync } from 'node:fs';
import type { InitializeHook, ResolveHook } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { MessagePort } from 'node:worker_threads';

export interface HooksData {
  readonly port: MessagePort;
  /** URL of this package's public API, for labs that stand where `cnilab` does not resolve. */
  readonly apiUrl: string;
}

/** One resolved import. `parent` '' for the entry. */
export interface ResolvedImport {
  readonly url: string;
  readonly parent: string;
}

let data: HooksData | null = null;

export const initialize: InitializeHook<HooksData> = (given) => {
  data = given;
};

const TYPESCRIPT = /\.m?ts$/;

/**
 * The TypeScript file that a relative import means. A lab is an ES module whatever its folder's package.json says: without this one in a folder without
 * `"type": "module"` would be taken for CommonJS, and could not await at its top level.
 */
function ownTypeScript(specifier: string, parent: string | undefined): string | null {
  if (!/^(?:\.{0,2}\/|file:)/.test(specifier)) return null;
  const url = new URL(specifier, parent);
  if (url.pathname.includes('/node_modules/')) return null;
  if (url.pathname.endsWith('.js') || url.pathname.endsWith('.mjs')) {
    if (existsSync(url)) return null;
    url.pathname = url.pathname.replace(/js$/, 'ts');
  }
  return TYPESCRIPT.test(url.pathname) && existsSync(fileURLToPath(new URL(url.pathname, 'file:'))) ? url.href : null;
}

export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  if (data === null) throw new Error('hooks are used before they were initialized');
  const { port, apiUrl } = data;
  const parent = context.parentURL ?? '';
  const typescript = ownTypeScript(specifier, context.parentURL);
  if (typescript !== null) {
    port.postMessage({ url: typescript, parent } satisfies ResolvedImport);
    return { url: typescript, format: 'module', shortCircuit: true };
  }
  try {
    const resolved = await nextResolve(specifier, context);
    port.postMessage({ url: resolved.url, parent } satisfies ResolvedImport);
    return resolved;
  } catch (error) {
    if (specifier !== 'cnilab' || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    port.postMessage({ url: apiUrl, parent } satisfies ResolvedImport);
    return { url: apiUrl, format: 'module', shortCircuit: true };
  }
};
