/** The program as a process: what it loads, its streams, its exit code. Runs the build. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderHelp } from '../../cli/help.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist/cli/main.js');
let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cnilab-main-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: directory,
  XDG_STATE_HOME: join(directory, 'state'),
  XDG_CACHE_HOME: join(directory, 'cache'),
  LANG: 'C.UTF-8',
});

function cnilab(...argv: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [main, ...argv], { encoding: 'utf8', cwd: directory, env: environment() });
}

/** Modules that are loaded as soon as this one is: its static imports and theirs, types left out. */
function staticImports(file: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import (?!type )|export )[^;]*?from '(\.[^']+)'/gm))
    staticImports(resolve(dirname(file), from), seen);
  return seen;
}

describe('main', () => {
  it('loads almost nothing to answer --help', () => {
    const loaded = [...staticImports(join(root, 'cli/main.ts'))].map((file) => relative(root, file)).sort();
    expect(loaded).toEqual(['cli/command-table.ts', 'cli/exit-codes.ts', 'cli/help.ts', 'cli/main.ts', 'topology/errors.ts', 'topology/lesson/lesson.ts']);
  });

  it('prints help on stdout', () => {
    expect(cnilab('--help')).toMatchObject({ status: 0, stdout: renderHelp(''), stderr: '' });
    expect(cnilab('up', '--help').stdout).toBe(renderHelp('up'));
  });

  it('prints its version', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(cnilab('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
  });

  it('exits 2 for a mistake, with nothing on stdout', () => {
    expect(cnilab('verfy')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('did you mean verify?') as string });
    expect(cnilab('inspect', 'nonesuch')).toMatchObject({ status: 2, stdout: '' });
    expect(cnilab('up', 'nonesuch.yaml')).toMatchObject({ status: 2, stdout: '' });
    expect(JSON.parse(cnilab('inspect', 'nonesuch', '--json').stderr)).toMatchObject({ error: { code: 'LAB_UNKNOWN' } });
  });

  it('is quiet when its reader has gone', () => {
    const script = '{ sleep 0.3; "$0" "$1" schema; echo "status $?" >&3; } 3>&2 | exec true';
    const { stderr } = spawnSync('bash', ['-c', script, process.execPath, main], { encoding: 'utf8', env: environment() });
    expect(stderr).toBe('status 0\n');
  });

  it('validates and plans a lab from a file, and points into it', () => {
    const file = join(directory, 'lab.yaml');
    writeFileSync(file, 'name: small\nclusters:\n  - name: c1\n    workers: 1\n    cni: {type: bridge}\n    workloads: [{name: web, perNode: 1}]\n');
    expect(cnilab('validate', 'lab.yaml')).toMatchObject({ status: 0, stdout: 'lab.yaml  ok\n' });
    const plan = JSON.parse(cnilab('plan', 'lab.yaml', '--json').stdout) as { plan: { name: string }; running: unknown };
    expect(plan).toMatchObject({ plan: { name: 'small' }, running: null });
    writeFileSync(file, 'name: small\nclusters:\n  - name: c1\n    worker: 1\n    cni: {type: brigde}\n');
    const bad = cnilab('plan', 'lab.yaml');
    expect(bad).toMatchObject({ status: 2, stdout: '' });
    expect(bad.stderr).toMatch(/lab\.yaml:4:\d+ › clusters\.c1.*FIELD_UNKNOWN.*\n/);
    expect(bad.stderr).toMatch(/lab\.yaml:5:\d+ › clusters\.c1\.cni.*\n/);
  });

  it('takes labs of the package by their names, in any folder', () => {
    expect(cnilab('validate', 'policy-deny-all')).toMatchObject({ status: 0, stdout: expect.stringContaining('POLICY_IGNORED') as string });
    expect(cnilab('plan', 'calico-ipip').stdout).toMatch(/^needs of the machine: IPIP tunnels \(ipip\), /m);
    expect(cnilab('plan', 'no-such-lab')).toMatchObject({ status: 2, stderr: expect.stringContaining('there is no lab no-such-lab') as string });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s while a lab file loads ends it with %i', async (signal, code) => {
    const file = join(directory, `${signal}.ts`);
    writeFileSync(file, 'console.log("loading");\nawait new Promise((resolve) => { setTimeout(resolve, 3000); });\nexport default { name: "x" };\n');
    const child = spawn(process.execPath, [main, 'plan', file], { stdio: ['ignore', 'pipe', 'pipe'], env: environment(), cwd: directory });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += String(chunk);
      if (String(chunk).includes('loading')) child.kill(signal);
    });
    const status = await new Promise((done) => {
      child.once('exit', done);
    });
    expect(status).toBe(code);
    expect(stderr).toContain('error: ');
  });

  it('--timeout kills a lab file that never ends, and exits 4', async () => {
    const file = join(directory, 'loop.ts');
    writeFileSync(file, 'console.log(`pid ${process.pid}`);\nfor (;;) { /* for ever */ }\n');
    const result = cnilab('plan', file, '--timeout', '5');
    expect(result).toMatchObject({ status: 4, stdout: '' });
    const pid = Number(/pid (\d+)/.exec(result.stderr)?.[1]);
    expect(pid).toBeGreaterThan(1);
    const gone = (): boolean => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    };
    // Killed when the command ended; on a busy machine the kernel, and whoever reaps it, take their time.
    await expect.poll(gone, { timeout: 5_000 }).toBe(true);
  });
});
