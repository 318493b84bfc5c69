#!/usr/bin/env node
/** The process: streams, signals and exit. Help is answered before anything else is loaded. */
import { helpTopic, renderHelp } from './help.ts';

const argv = process.argv.slice(2);
// A reader that has seen enough (`| head`) is no error.
const quietEpipe = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'EPIPE') throw error;
};
process.stdout.on('error', quietEpipe);
process.stderr.on('error', quietEpipe);

const topic = helpTopic(argv);
if (topic === undefined) await main();
else process.stdout.write(renderHelp(topic));

async function main(): Promise<void> {
  const nodeModule = await import('node:module');
  // Node 22.8 and later keep compiled code between runs.
  const { enableCompileCache } = nodeModule as { readonly enableCompileCache?: () => unknown };
  enableCompileCache?.();
  const { runProgram } = await import('./program.ts');
  const exit = (code: number): never => process.exit(code);
  const streams = { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd(), interactive: process.stdin.isTTY };
  const bug = (error: unknown): void => {
    void import('./output.ts')
      .then(({ createOutput }) => createOutput(streams, { json: argv.includes('--json'), quiet: false, verbose: true }).error(error))
      .finally(() => exit(70));
  };
  process.on('uncaughtException', bug);
  process.on('unhandledRejection', bug);
  const code = await runProgram(argv, streams, { signals: process, exit });
  // Handles that are still open (a child that ends by itself) must not keep the terminal; what was written must arrive.
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  exit(code);
}

async function drained(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return;
  await new Promise<void>((resolve) => {
    stream.once('error', () => {
      resolve();
    });
    stream.write('', () => {
      resolve();
    });
  });
}
