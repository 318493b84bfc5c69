/** Runs a program on the terminal of this process: exec and shell. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { CommandError } from '../topology/errors.ts';

export interface AttachedOptions {
  /** Ends the program with SIGTERM. */
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs `argv` with inherited stdin, stdout and stderr. Resolves to its exit code, or 128 + signal as shells say it.
 * Ctrl-C reaches the program from the terminal itself; SIGTERM of this process is handed on. Throws CommandError when it cannot be started.
 */
export async function runAttached(argv: readonly string[], options: AttachedOptions = {}): Promise<number> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', ...(options.env === undefined ? {} : { env: { ...options.env } }) });
    const end = (): void => {
      child.kill('SIGTERM');
    };
    const ignore = (): void => undefined;
    process.on('SIGINT', ignore);
    process.on('SIGTERM', end);
    options.signal?.addEventListener('abort', end, { once: true });
    const settle = (): void => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', end);
      options.signal?.removeEventListener('abort', end);
    };
    child.once('error', (cause) => {
      settle();
      reject(
        new CommandError({
          code: 'COMMAND_FAILED',
          message: `cannot start ${program}: ${cause.message}`,
          hint: 'is it installed, and are you allowed to run it?',
          details: { argv },
          cause,
        }),
      );
    });
    child.once('exit', (code, signal) => {
      settle();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
