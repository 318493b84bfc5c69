import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The agent and the loader child run as programs: tests that start them need the build to be current. Types are a gate of their own. */
export default function setup(): void {
  const root = fileURLToPath(new URL('..', import.meta.url));
  execFileSync(process.execPath, [`${root}node_modules/@typescript/native/bin/tsc`, '-p', `${root}tsconfig.build.json`, '--noCheck'], {
    cwd: root,
    stdio: 'inherit',
  });
}
