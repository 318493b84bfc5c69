import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root: string = fileURLToPath(new URL('..', import.meta.url));

/** Compiles a project; types are a gate of their own. */
export function compile(project: string): void {
  execFileSync(process.execPath, [`${root}node_modules/@typescript/native/bin/tsc`, '-p', project, '--noCheck'], { cwd: root, stdio: 'inherit' });
}

/** The agent and the loader child run as programs: tests that start them need the build to be current. */
export default function setup(): void {
  compile(`${root}tsconfig.build.json`);
}
