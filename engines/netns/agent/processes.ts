/** Programs run inside a namespace of the lab: spawned in a setns section, so that they inherit it without nsenter. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CommandError, EnvironmentError } from '../../../topology/errors.ts';
import { netns } from './namespaces.ts';
import { netnsPath } from './netns-path.ts';
import { type OwnEtc, withOwnEtc } from './own-etc.ts';
import { inNamespace } from './sys.ts';
import { shellWord } from '../../../topology/shell-word.ts';

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** The agent's search path; the folders of administrators' programs are added, since a user's PATH often lacks them. */
export const PATH: string = [...new Set([...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS])].filter((part) => part !== '').join(delimiter);

export interface ProcessOptions {
  readonly input?: string;
  /** Added to PATH, HOME, LANG and SHLVL; nothing else of the agent's environment is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** What it finds in /etc, and its host name. @default those of the machine that runs the lab */
  readonly etc?: OwnEtc;
}

export interface ProcessResult {
  /** 128 + n when a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Full path of the first of `names` that is an executable file in the folders, which are searched before PATH; null when there is none. */
export function findProgram(names: readonly string[], folders: readonly string[] = []): string | null {
  for (const name of names) {
    for (const folder of [...folders, ...PATH.split(delimiter)]) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  return null;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Environment of every process of the lab. SHLVL: a bash that finds none, and a socket for its input, takes itself for one that rshd started and reads ~/.bashrc
 * (bash(1), "Invocation"); what stands there is the user's, and may take its time.
 */
export function processEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH, HOME: process.env['HOME'] ?? '/', LANG: 'C.UTF-8', SHLVL: '1', ...extra };
}

/**
 * Runs a program in the namespace and captures its output; any exit code is a result.
 *
 * @throws CommandError when it cannot be started, or took longer than `timeoutMs` (it is killed)
 */
export async function runProcess(ns: string, argv: readonly string[], options: ProcessOptions = {}): Promise<ProcessResult> {
  const { fd } = netns(ns);
  const [program = '', ...rest] = argv;
  if (program === '')
    throw new CommandError({ code: 'COMMAND_FAILED', message: `there is no program to run in ${ns}`, hint: 'give a program and its arguments' });
  const start = (): ChildProcessWithoutNullStreams => spawn(program, rest, { env: processEnvironment(options.env), stdio: 'pipe' });
  const child = inNamespace(fd, () => (options.etc === undefined ? start() : withOwnEtc(options.etc, start)));
  return await new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let size = 0;
    let late = false;
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            late = true;
            child.kill('SIGKILL');
          }, options.timeoutMs);
    const collect =
      (into: Buffer[]) =>
      (chunk: Buffer): void => {
        size += chunk.length;
        if (size <= MAX_OUTPUT_BYTES) into.push(chunk);
        else child.kill('SIGKILL');
      };
    child.stdout.on('data', collect(stdout));
    child.stderr.on('data', collect(stderr));
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(
        new CommandError({
          code: 'COMMAND_FAILED',
          message: `cannot start ${program} in ${ns}: ${cause.message}`,
          hint: `check that ${program} is installed and in PATH`,
          details: { command: commandText(ns, argv) },
          cause,
        }),
      );
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const result = {
        exitCode: code ?? 128 + (signalNumbers[signal ?? ''] ?? 0),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      };
      if (!late) return resolve(result);
      return reject(
        new CommandError({
          code: 'TIMEOUT',
          message: `${program} in ${ns} took longer than ${options.timeoutMs} ms and was killed`,
          hint: 'give it more time, or run it by `cnilab exec`',
          details: { command: commandText(ns, argv), stderr: lastLines(result.stderr) },
        }),
      );
    });
    // A program that does not read its input closes the pipe: its exit code says what went wrong, not EPIPE.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGPIPE: 13, SIGTERM: 15 };

/** Error of a program that ended badly, with a command to paste (inside the lab's holder) and what it wrote. */
export function commandFailed(
  ns: string,
  argv: readonly string[],
  result: ProcessResult,
  input = '',
  env: Readonly<Record<string, string>> = {},
): CommandError {
  const stderr = lastLines(result.stderr);
  const said = stderr === '' ? lastLines(result.stdout) : stderr;
  return new CommandError({
    code: 'COMMAND_FAILED',
    message: `${argv[0] ?? ''} exited with ${result.exitCode}${said === '' ? '' : `: ${said}`}`,
    hint: 'the command in the details can be repeated inside the lab',
    details: { command: commandText(ns, argv, input, env), exitCode: result.exitCode, stderr },
  });
}

/** @throws EnvironmentError that says what to install */
export function programMissing(names: readonly string[], remedy: string): EnvironmentError {
  return new EnvironmentError({ code: 'ENVIRONMENT_LACKS', message: `${names.join(' or ')} is not installed (searched ${PATH})`, hint: remedy });
}

/** A shell line that repeats the process. */
export function commandText(ns: string, argv: readonly string[], input = '', env: Readonly<Record<string, string>> = {}): string {
  const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const words = ['nsenter', `--net=${netnsPath(ns)}`, ...(settings.length > 0 ? ['env', ...settings] : []), ...argv].map(shellWord).join(' ');
  return input === '' ? words : `${words} <<'EOF'\n${input.trimEnd()}\nEOF`;
}

export function lastLines(text: string, count = 40): string {
  return text.trimEnd().split('\n').slice(-count).join('\n').trim();
}
