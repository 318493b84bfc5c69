/**
 * Entry of the process that loads one TypeScript or JavaScript lab file: argv[2] is its absolute path, argv[3] the process that waits for it. Reports
 * one line of JSON on descriptor 3 and ends at once, whatever the lab has left running. It is a process of its own because a lab file is code: it may
 * never end, exit, or crash.
 */
import { writeSync } from 'node:fs';
import { register, syncBuiltinESMExports } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { apiFile, isPackageFile, moduleExtension } from './installation.ts';
import { placeOf } from './load-place.ts';
import type { HooksData, ResolvedImport } from './load-hooks.ts';
import type { LoadedBy, LoadFailure, LoadReport } from './load-report.ts';
import { pickLab } from './pick-lab.ts';

const REPORT_FD = 3;

/**
 * Ends this process when the one that waits for it is gone: killed, it cannot end us, and a lab in an endless loop never looks up. Only another
 * thread sees it.
 */
const WATCH_PARENT = `
  const parent = require('node:worker_threads').workerData;
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 250);
`;
new Worker(WATCH_PARENT, { eval: true, execArgv: [], env: {}, workerData: Number(process.argv[3]) }).unref();

const file = process.argv[2] ?? '';
const exit: (code?: number | string | null) => never = process.exit.bind(process);
const realEnvironment = process.env;
let reported = false;

function report(result: LoadReport): void {
  if (reported) return;
  reported = true;
  let rest = Buffer.from(`${JSON.stringify(result)}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSync(REPORT_FD, rest));
}

function fail(failure: LoadFailure): never {
  report({ ok: false, failure });
  exit(1);
}

function failWith(error: unknown): never {
  const thrown = error instanceof Error ? error : new Error(typeof error === 'string' ? error : `threw ${JSON.stringify(error) ?? String(error)}`);
  const place = placeOf(thrown, file);
  fail({ kind: thrown.name === 'SyntaxError' || thrown.name === 'TransformError' ? 'syntax' : 'throws', stack: thrown.stack ?? '', ...place });
}

/** What the lab asks of the world outside its files, as far as it can be seen. The clock and Math.random are not watched. */
const read = { environment: new Set<string>(), workingDirectory: false, unrepeatable: new Set<string>() };

function watchEnvironment(): void {
  const note = (key: string | symbol): void => {
    if (typeof key === 'string') read.environment.add(key);
  };
  process.env = new Proxy(realEnvironment, {
    get: (target, key) => {
      note(key);
      return Reflect.get(target, key) as unknown;
    },
    has: (target, key) => {
      note(key);
      return Reflect.has(target, key);
    },
    getOwnPropertyDescriptor: (target, key) => {
      note(key);
      return Reflect.getOwnPropertyDescriptor(target, key);
    },
    ownKeys: (target) => {
      read.unrepeatable.add('reads the whole environment');
      return Reflect.ownKeys(target);
    },
  });
  const cwd = process.cwd.bind(process);
  process.cwd = () => {
    read.workingDirectory = true;
    return cwd();
  };
  const { fetch } = globalThis;
  globalThis.fetch = (...args) => {
    read.unrepeatable.add('uses fetch');
    return fetch(...args);
  };
  const { getBuiltinModule } = process as { getBuiltinModule?: (id: string) => object | undefined };
  if (getBuiltinModule !== undefined) {
    Object.assign(process, {
      getBuiltinModule: (id: string) => {
        read.unrepeatable.add(`gets the builtin module ${id}`);
        return getBuiltinModule(id);
      },
    });
  }
  process.exit = (code) => {
    const place = placeOf(new Error('process.exit'), file);
    report({
      ok: false,
      failure: { kind: 'exits', exitCode: Number(code ?? process.exitCode ?? 0), file: place.file, line: place.line, column: place.column },
    });
    return exit(code);
  };
  syncBuiltinESMExports();
}

/** Builtins with which a lab cannot look at anything that is not tracked. */
const HARMLESS = new Set([
  'node:path',
  'node:path/posix',
  'node:url',
  'node:util',
  'node:assert',
  'node:assert/strict',
  'node:process',
  'node:querystring',
  'node:string_decoder',
]);

function loadedBy(imports: readonly ResolvedImport[]): LoadedBy {
  const own = new Set<string>();
  const packages = new Set<string>();
  for (const { url, parent } of imports) {
    const fromOwn = parent === '' || !parent.startsWith('file:') || !isPackageFile(fileURLToPath(parent));
    if (url.startsWith('file:')) {
      const path = fileURLToPath(new URL(new URL(url).pathname, 'file:'));
      (isPackageFile(path) ? packages : own).add(path);
      // What CommonJS modules require is not seen by these hooks.
      if (/\.c[jt]s$/.test(path) && !isPackageFile(path)) read.unrepeatable.add(`imports the CommonJS module ${path}`);
    } else if (fromOwn && !HARMLESS.has(url) && !url.startsWith('data:')) {
      read.unrepeatable.add(`imports ${url}`);
    }
  }
  return {
    ownFiles: [...own].sort(),
    packageFiles: [...packages].sort(),
    environment: [...read.environment].sort(),
    workingDirectory: read.workingDirectory,
    unrepeatable: [...read.unrepeatable].sort(),
  };
}

const { port1, port2 } = new MessageChannel();
register<HooksData>(`./load-hooks.${moduleExtension}`, {
  parentURL: import.meta.url,
  data: { port: port2, apiUrl: pathToFileURL(apiFile).href },
  transferList: [port2],
});
port1.unref();

process.on('uncaughtException', failWith);
process.on('unhandledRejection', failWith);
// The event loop ran empty while the lab was still awaited.
process.on('exit', () => report({ ok: false, failure: { kind: 'waits' } }));

watchEnvironment();
try {
  const module = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  const picked = await pickLab(module);
  if (!picked.ok) fail({ kind: 'exports', message: picked.message, hint: picked.hint });
  const imports: ResolvedImport[] = [];
  for (let next = receiveMessageOnPort(port1); next !== undefined; next = receiveMessageOnPort(port1)) imports.push(next.message as ResolvedImport);
  report({ ok: true, input: picked.input, by: loadedBy(imports) });
} catch (error) {
  failWith(error);
}
exit(0);
