/** Runs a program and captures what it writes: the one way in which engines run short-lived commands. argv arrays, never a shell string. */
import type { CommandResult } from './port.ts';

export interface CommandOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  /** The whole environment; nothing is inherited beside it. @default this process' */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** In a session of its own: Ctrl-C at the terminal reaches this process alone, which decides what becomes of the program. @default false */
  readonly detached?: boolean;
  /** Called with each line of its error output as it is written. */
  readonly onStderrLine?: (line: string) => void;
}

export interface FinishedCommand extends CommandResult {
  /** Set when it did not start, was killed, or ran out of time; '' when it ended by itself, with whatever exit code. */
  readonly failure: string;
}

/** Never throws for what the program does: a missing program has exit code 127, as a shell says it. */
export async function runCommand(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<FinishedCommand> {
  // execa takes 80 ms to load: only commands that need it pay.
  const { execa } = await import('execa');
  const [program, ...args] = argv;
  const { onStderrLine } = options;
  const result = await execa(program, args, {
    reject: false,
    stripFinalNewline: false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.env === undefined ? {} : { env: { ...options.env }, extendEnv: false }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.detached === true ? { detached: true } : {}),
    ...(onStderrLine === undefined ? {} : { stderr: eachLine(onStderrLine) }),
  });
  const missing = result.code === 'ENOENT';
  return {
    exitCode: result.exitCode ?? (missing ? 127 : 1),
    stdout: result.stdout,
    stderr: result.stderr,
    failure:
      result.exitCode !== undefined
        ? ''
        : missing
          ? `${program} is not installed`
          : result.timedOut
            ? `took longer than ${options.timeoutMs} ms`
            : (result.shortMessage ?? 'failed'),
  };
}

/** A transform as execa takes it: passes every line on. */
function eachLine(onLine: (line: string) => void): (line: unknown) => Generator<unknown, void> {
  return function* (line) {
    onLine(String(line));
    yield line;
  };
}
