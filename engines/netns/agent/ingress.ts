/** The nginx that plays an Ingress controller, one per namespace. It outlives the agent and ends with the holder. */
import { mkdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../../topology/errors.ts';
import { HTTP_PORT } from '../../../topology/ingress/controller.ts';
import type { Op } from '../ops.ts';
import { isStartedAs, logPath, POLL_MS, runningDaemon, START_MS, startDaemon, stopDaemon, type Daemon } from './daemon.ts';
import { writeLabFile } from './files.ts';
import { commandText, lastLines, runProcess } from './processes.ts';

type IngressOp = Extract<Op, { readonly op: 'ingress' }>;

const daemonIn = (ns: string): Daemon => ({ kind: 'ingress', ns });

/** Without -e it would open the log that it was built with, outside of the lab. */
const argvOf = ({ program, folder }: IngressOp, file: string): readonly string[] => [program, '-e', 'stderr', '-p', folder, '-c', `${folder}/${file}`];

/**
 * Starts nginx, or has the running one take the new configuration, as ingress-nginx does when rules change: it is tested, then reloaded, and no connection is
 * refused meanwhile. A configuration that nginx rejects leaves the running one as it is.
 *
 * @throws EngineError with nginx's own message
 */
export async function applyIngress(op: IngressOp): Promise<void> {
  const daemon = daemonIn(op.ns);
  const argv = argvOf(op, 'nginx.conf');
  mkdirSync(op.folder, { recursive: true });
  writeLabFile(`${op.folder}/next.conf`, op.config);
  const tested = await runProcess(op.ns, [...argvOf(op, 'next.conf'), '-t', '-q']);
  if (tested.exitCode !== 0) throw ingressFailed(op, 'rejects its configuration', lastLines(tested.stderr));
  writeLabFile(`${op.folder}/nginx.conf`, op.config);
  const before = runningDaemon(daemon);
  if (before === null || !isStartedAs(daemon, argv)) {
    await stopDaemon(daemon);
    return await startDaemon(daemon, argv, [HTTP_PORT], (what, said) => ingressFailed(op, what, said));
  }
  const said = readFileSync(logPath(daemon), 'utf8').length;
  process.kill(before.pid, 'SIGHUP');
  for (const deadline = performance.now() + START_MS; ; ) {
    const answer = readFileSync(logPath(daemon), 'utf8').slice(said);
    const failure = /\[emerg\] .*/.exec(answer)?.[0];
    // From here on the worker of the old configuration takes no connection any more.
    if (answer.includes('gracefully shutting down')) return;
    if (failure !== undefined && !answer.includes('start worker process')) throw ingressFailed(op, 'did not take its new configuration', failure);
    if (runningDaemon(daemon) === null || performance.now() > deadline) throw ingressFailed(op, 'did not take its new configuration', lastLines(answer));
    await sleep(POLL_MS);
  }
}

function ingressFailed(op: IngressOp, what: string, said: string): EngineError {
  return new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `nginx, which plays the Ingress controller, ${what}: ${said}`,
    hint: 'the message names the file and line of the configuration; `cnilab down` cleans up',
    details: { netns: op.ns, log: logPath(daemonIn(op.ns)), command: commandText(op.ns, argvOf(op, 'next.conf')) },
  });
}
