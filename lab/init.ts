import { lstat, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LabError } from '../topology/errors.ts';
import { isLabName } from './directories.ts';
import { gitignoreText, labTypeScript, labYaml, packageText, readmeText, tsconfigText } from './init-texts.ts';
import { cnilabVersion, packageRoot } from './installation.ts';

export interface InitOptions {
  /** Write the lab in YAML, which is data, instead of TypeScript. @default false */
  readonly yaml?: boolean;
  /** Write into a folder that is not empty, over files of the same names. @default false */
  readonly force?: boolean;
}

/** Did a package manager put this package where it is? Else it is a working copy, and named by its folder. */
const isInstalled = (): boolean => packageRoot.split(sep).includes('node_modules');

async function requireEmpty(directory: string): Promise<void> {
  const found = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new LabError({ code: 'USAGE', message: `${directory} cannot be written to: ${error.message}`, hint: 'choose another folder', cause: error });
  });
  if (found.length === 0) return;
  throw new LabError({
    code: 'USAGE',
    message: `the folder ${directory} is not empty: it has ${found.slice(0, 5).join(', ')}${found.length > 5 ? ', …' : ''}`,
    hint: 'choose a new folder, or `--force` to write over files of the same names',
  });
}

/** Makes `cnilab` resolve in the folder at once, by import and by npx, before anything is installed there. */
async function linkPackage(directory: string): Promise<void> {
  const modules = join(directory, 'node_modules');
  const link = join(modules, 'cnilab');
  if ((await lstat(link).catch(() => null)) !== null) return;
  await mkdir(join(modules, '.bin'), { recursive: true });
  await symlink(packageRoot, link, 'dir');
  // npx would otherwise ask the registry for a package of this name.
  const command = `#!/bin/sh\nexec node "$(dirname "$0")/../cnilab/dist/cli/main.js" "$@"\n`;
  await writeFile(join(modules, '.bin', 'cnilab'), command, { mode: 0o755 });
}

/**
 * Writes a folder with a commented lab, from which `cnilab` resolves wherever the folder is. The lab has the folder's name.
 *
 * @param directory made when it is not there
 * @returns the files that were written, relative to the folder
 * @throws LabError USAGE when the name cannot be a lab's, or the folder is not empty
 */
export async function initLab(directory: string, options: InitOptions = {}): Promise<readonly string[]> {
  const folder = resolve(directory);
  const name = basename(folder);
  if (!isLabName(name)) {
    throw new LabError({
      code: 'USAGE',
      message: `${JSON.stringify(name)} cannot be the name of a lab`,
      hint: 'name the folder with at most 40 lower-case letters, digits and dashes: my-lab',
    });
  }
  if (options.force !== true) await requireEmpty(folder);
  await mkdir(folder, { recursive: true });
  const version = cnilabVersion();
  const dependency = isInstalled() ? `^${version}` : `file:${packageRoot}`;
  const schema = pathToFileURL(join(packageRoot, 'docs', 'lab.schema.json')).href;
  const file = options.yaml === true ? 'lab.yaml' : 'lab.ts';
  const texts: Readonly<Record<string, string>> = {
    'package.json': packageText(name, dependency, file),
    [file]: options.yaml === true ? labYaml(name, schema) : labTypeScript(name),
    ...(options.yaml === true ? {} : { 'tsconfig.json': tsconfigText() }),
    'README.md': readmeText(name, file),
    '.gitignore': gitignoreText(),
  };
  await Promise.all(Object.entries(texts).map(([path, text]) => writeFile(join(folder, path), text)));
  await linkPackage(folder);
  return Object.keys(texts);
}
