/** The built package with the Node.js that runs it, as an archive: machines fetch nothing. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findPlugin } from '../../engines/executables.ts';
import { compile } from '../build.ts';
import { root } from '../integration/cnilab.ts';

/** What goes with the package. */
export interface Carried {
  /** Text of files by their names. */
  readonly files: Readonly<Record<string, string>>;
  /** Names of CNI plugins, for a CNI_PATH of `cni`. */
  readonly plugins: readonly string[];
  /** Programs of the tests, by their paths in the repository: `test/vm/x.ts` is `dist/test/vm/x.js` then. */
  readonly programs: readonly string[];
}

/** Writes the archive into `directory`; unpacked, `./node dist/cli/main.js` is cnilab. */
export function packCnilab(directory: string, { files, plugins, programs }: Carried): string {
  const folder = join(directory, 'carried');
  const archive = join(directory, 'cnilab.tgz');
  mkdirSync(join(folder, 'cni'), { recursive: true });
  copyFileSync(process.execPath, join(folder, 'node'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  for (const name of plugins) {
    const found = findPlugin(name);
    if (found === null) throw new Error(`CNI plugin ${name} is not on this machine`);
    copyFileSync(found, join(folder, 'cni', name));
  }
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  compileInto(join(folder, 'dist'), directory, programs);
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--omit=peer', '--parseable', '--all'], { cwd: root, encoding: 'utf8' });
  const packages = listed
    .split('\n')
    .map((path) => relative(root, path))
    .filter((path) => path.startsWith('node_modules/'));
  execFileSync('tar', ['-czf', archive, '-C', folder, '.', '-C', root, 'package.json', ...packages]);
  return archive;
}

/** Programs, and the modules of the package that they import, as the build makes them. */
function compileInto(dist: string, directory: string, programs: readonly string[]): void {
  const project = join(directory, 'tsconfig.json');
  const compilerOptions = { outDir: dist, declaration: false, isolatedDeclarations: false, sourceMap: false, types: [] };
  writeFileSync(project, JSON.stringify({ extends: join(root, 'tsconfig.build.json'), compilerOptions, include: programs.map((path) => join(root, path)) }));
  compile(project);
}
