import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(import.meta.url);

/** Does this code run from its TypeScript sources (tests, development), not from what the build made of them? */
export const runsFromSource: boolean = here.endsWith('.ts');

/** The folder of this package: the one with its package.json. */
export const packageRoot: string = runsFromSource ? dirname(dirname(here)) : dirname(dirname(dirname(here)));

/** Extension of this package's modules as they run now. */
export const moduleExtension: 'ts' | 'js' = runsFromSource ? 'ts' : 'js';

/** Where the compiled (or source) modules of this package are; labs are beside them, not in it. */
export const codeRoot: string = runsFromSource ? packageRoot : join(packageRoot, 'dist');

/** File of the public API as it runs now. */
export const apiFile: string = join(codeRoot, `index.${moduleExtension}`);

/** Is this file a package's, or this package's own code, rather than something an author writes? The labs that ship are written by authors. */
export function isPackageFile(path: string): boolean {
  if (path.includes('/node_modules/')) return true;
  return path.startsWith(`${codeRoot}/`) && !(runsFromSource && /^\/(?:labs|test)\//.test(path.slice(packageRoot.length)));
}

let version: string | undefined;

/** Version of this package, from its package.json. */
export function cnilabVersion(): string {
  version ??= (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;
  return version;
}

/** Changes with every version, and with every build of the same version. Cached results are valid for one of them. */
export function installationFingerprint(): string {
  const { mtimeMs } = statSync(here);
  return `cnilab ${cnilabVersion()} ${mtimeMs} node ${process.version}`;
}
