import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBird, findNginx } from '../../engines/netns/find-servers.ts';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist/cli/main.js');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A place of its own for state and cache; `prefix` runs the command as somebody else. */
export class Place implements AsyncDisposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'cnilab-it-'));
  readonly #prefix: readonly string[];
  readonly #env: Readonly<Record<string, string>>;

  constructor(prefix: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.#prefix = prefix;
    this.#env = env;
    // They may be in the cache of whoever runs the tests, which a place does not have, nor another user the right to read.
    mkdirSync(join(this.directory, 'bin'));
    for (const program of [findBird(), findNginx()]) if (program !== null) copyFileSync(program, join(this.directory, 'bin', basename(program)));
    chmodSync(this.directory, 0o755);
  }

  get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      XDG_STATE_HOME: join(this.directory, 'state'),
      XDG_CACHE_HOME: join(this.directory, 'cache'),
      HOME: this.directory,
      PATH: `${join(this.directory, 'bin')}:${process.env['PATH'] ?? ''}`,
      NO_COLOR: '1',
      ...this.#env,
    };
  }

  /** Runs the built CLI as a user would. `killAfterMs` ends it with SIGKILL; `stdin` is an open file. */
  async cnilab(args: readonly string[], options: { readonly killAfterMs?: number; readonly stdin?: number } = {}): Promise<Outcome> {
    const [command = '', ...rest] = [...this.#prefix, process.execPath, main, ...args];
    const child = spawn(command, rest, { cwd: root, env: this.environment, stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const timer = options.killAfterMs === undefined ? null : setTimeout(() => child.kill('SIGKILL'), options.killAfterMs);
    const code = await new Promise<number | null>((resolve) => {
      child.on('close', resolve);
    });
    if (timer !== null) clearTimeout(timer);
    return { code, stdout, stderr };
  }

  /** Processes that carry this place's directory on their command line or live in the same pid namespace as one that does: what a lab leaves behind. */
  leftovers(): readonly string[] {
    const files = readdirSync(join(this.directory, 'state', 'cnilab', 'labs'), { recursive: true }).map(String);
    return [...processesNaming(this.directory), ...files];
  }

  /** Takes down what a failed test left up, before its state is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.cnilab(['down', '--all']);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function processesNaming(text: string): readonly string[] {
  const holders = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [{ pid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
      } catch {
        return [];
      }
    });
  return holders.filter((p) => p.command.includes(text) && Number(p.pid) !== process.pid).map((p) => `${p.pid} ${p.command.slice(0, 60)}`);
}
