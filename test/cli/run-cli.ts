/** Runs a command line inside the test, with captured streams and a lab API of the test's own. */
import { LabError } from '../../topology/errors.ts';
import type { LabApi } from '../../cli/lab-api.ts';
import { runProgram, type ProgramDependencies } from '../../cli/program.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly lab?: Partial<LabApi>;
  readonly env?: Readonly<Record<string, string>>;
  readonly tty?: boolean;
  readonly cwd?: string;
  readonly signals?: ProgramDependencies['signals'];
  readonly exit?: (code: number) => void;
}

/** A function of lab/ that the test did not expect to be called fails as an engine would. */
function unexpected(name: string): () => never {
  return () => {
    throw new LabError({ code: 'ENGINE_STEP_FAILED', message: `unexpected call of ${name}`, hint: 'the test did not foresee it' });
  };
}

export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  const isTTY = options.tty ?? false;
  const streams = {
    stdout: {
      write: (text: string | Uint8Array) => {
        stdout += typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
        return true;
      },
      isTTY,
      columns: 90,
    },
    stderr: {
      write: (text: string) => {
        stderr += text;
        return true;
      },
      isTTY,
      columns: 90,
    },
    env: options.env ?? { LANG: 'C.UTF-8' },
    cwd: options.cwd ?? process.cwd(),
    interactive: isTTY,
  };
  const lab = new Proxy(
    { ...options.lab },
    { get: (given, name) => (name === 'then' ? undefined : (Reflect.get(given, name) ?? unexpected(String(name)))) },
  ) as LabApi;
  const code = await runProgram(argv, streams, {
    lab,
    ...(options.signals === undefined ? {} : { signals: options.signals }),
    ...(options.exit === undefined ? {} : { exit: options.exit }),
  });
  return { code, stdout, stderr };
}
