/** BIRD 2 daemons, one per namespace. They outlive the agent and end with the holder. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../../topology/errors.ts';
import type { Op } from '../ops.ts';
import { birdCommand } from './bird-control.ts';
import { LAB_FOLDER, writeLabFile } from './files.ts';
import { netns } from './namespaces.ts';
import { commandText, findProgram, lastLines, processEnvironment, programMissing } from './processes.ts';
import { inNamespace } from './sys.ts';

type BirdOp = Extract<Op, { readonly op: 'bird' }>;

const FOLDER = `${LAB_FOLDER}/bird`;
const START_MS = 5000;
const STOP_MS = 3000;
const POLL_MS = 5;
/** Replies of `configure` that mean it was taken: done, in progress, queued. */
const CONFIGURED = new Set([3, 4, 5, 6]);

const controlPath = (ns: string): string => `${FOLDER}/${ns}.ctl`;
const pidPath = (ns: string): string => `${FOLDER}/${ns}.pid`;
const logPath = (ns: string): string => `${FOLDER}/${ns}.log`;

/** Writes the configuration, then starts BIRD or has the running one read it again. @throws EngineError with BIRD's own message, file and line */
export async function applyBird(op: BirdOp): Promise<void> {
  writeLabFile(op.config, op.text);
  if (birdPid(op.ns) === null) return await startBird(op);
  const reply = await birdCommand(controlPath(op.ns), `configure "${op.config}"`);
  if (!CONFIGURED.has(reply.code)) throw birdFailed(op.ns, 'rejects its new configuration', reply.text);
}

async function startBird(op: BirdOp): Promise<void> {
  const cache = process.env['CNILAB_CACHE'];
  const program = findProgram(['bird'], cache === undefined || cache === '' ? [] : [`${cache}/bird/usr/sbin`]);
  if (program === null) throw programMissing(['bird'], 'install BIRD 2 without its service: `cnilab doctor` prints how');
  mkdirSync(FOLDER, { recursive: true });
  rmSync(controlPath(op.ns), { force: true });
  const argv = [program, '-f', '-c', op.config, '-s', controlPath(op.ns), '-P', pidPath(op.ns)] as const;
  const log = openSync(logPath(op.ns), 'w');
  let ended: string | null = null;
  try {
    const child = inNamespace(netns(op.ns).fd, () => spawn(argv[0], argv.slice(1), { detached: true, env: processEnvironment(), stdio: ['ignore', log, log] }));
    child.once('error', (error) => {
      ended = error.message;
    });
    child.once('exit', (code, signal) => {
      ended = `it ended with ${signal ?? `exit code ${code}`}`;
    });
    child.unref();
  } finally {
    closeSync(log);
  }
  for (const deadline = performance.now() + START_MS; ; ) {
    if (await answers(op.ns)) return;
    // Type assertion: the callbacks above assign it, which flow analysis does not see.
    const reason = ended as string | null;
    if (reason !== null || performance.now() > deadline) {
      throw birdFailed(
        op.ns,
        `does not start (${reason ?? `silent for ${START_MS} ms`})`,
        lastLines(readFileSync(logPath(op.ns), 'utf8')),
        commandText(op.ns, argv),
      );
    }
    await sleep(POLL_MS);
  }
}

async function answers(ns: string): Promise<boolean> {
  if (!existsSync(controlPath(ns))) return false;
  return await birdCommand(controlPath(ns), 'show status').then(
    () => true,
    () => false,
  );
}

/** Shuts BIRD down and waits until the process is gone, so that its routes are withdrawn. Fine when none runs. */
export async function stopBird(ns: string): Promise<void> {
  const pid = birdPid(ns);
  if (pid !== null) {
    await birdCommand(controlPath(ns), 'down').catch(() => process.kill(pid, 'SIGTERM'));
    for (const deadline = performance.now() + STOP_MS; birdPid(ns) !== null; ) {
      if (performance.now() > deadline) process.kill(pid, 'SIGKILL');
      await sleep(POLL_MS);
    }
  }
  for (const path of [controlPath(ns), pidPath(ns), logPath(ns)]) rmSync(path, { force: true });
}

/** `show protocols` of the BIRD of a namespace, or why there is none: for messages. */
export async function birdProtocols(ns: string): Promise<string> {
  if (birdPid(ns) === null) return 'no BIRD runs there';
  return await birdCommand(controlPath(ns), 'show protocols').then(
    ({ text }) => text,
    (error: unknown) => String(error),
  );
}

/** Process id of the BIRD of a namespace; null when it does not run. A zombie does not. */
function birdPid(ns: string): number | null {
  if (!existsSync(pidPath(ns))) return null;
  const pid = Number(readFileSync(pidPath(ns), 'utf8').trim());
  if (!Number.isInteger(pid) || pid <= 1 || !existsSync(`/proc/${pid}/stat`)) return null;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.includes('(bird)') && !stat.includes('(bird) Z') ? pid : null;
}

function birdFailed(ns: string, what: string, said: string, command?: string): EngineError {
  return new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `BIRD ${what}: ${said}`,
    hint: 'the message names the file and line of the configuration; `cnilab down` cleans up',
    details: { netns: ns, log: logPath(ns), ...(command === undefined ? {} : { command }) },
  });
}
