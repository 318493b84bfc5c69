/** Runs a program and captures what it writes: the one way in which engines run short-lived commands. argv arrays, never a shell string. */
import type { CommandResult } from './port.ts';

export interface CommandOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  /** The whole environment; nothing is inherited beside it. @default this process' */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
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
  const result = await execa(program, args, {
    reject: false,
    stripFinalNewline: false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.env === undefined ? {} : { env: { ...options.env }, extendEnv: false }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
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
