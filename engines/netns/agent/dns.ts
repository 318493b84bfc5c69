/** DNS servers, one per namespace. They outlive the agent and end with the holder. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../../topology/errors.ts';
import type { NamespaceSnapshot } from '../../port.ts';
import type { Op } from '../ops.ts';
import { isStartedAs, logPath, POLL_MS, runningDaemon, signalDaemon, START_MS, startDaemon, stopDaemon, type Daemon } from './daemon.ts';
import { writeLabFile } from './files.ts';
import { commandText, lastLines, runProcess } from './processes.ts';

type DnsOp = Extract<Op, { readonly op: 'dns' }>;

const NAMES: Readonly<Record<DnsOp['kind'], string>> = { coredns: 'CoreDNS', dnsmasq: 'dnsmasq' };
const DNS_PORT = 53;

const daemonIn = (ns: string): Daemon => ({ kind: 'dns', ns });

/**
 * Starts the server, or has the running one take the new files: CoreDNS reads them again while it answers, dnsmasq is replaced, once it has found nothing
 * wrong with them.
 *
 * @throws EngineError with the server's own message
 */
export async function applyDns(op: DnsOp): Promise<void> {
  const daemon = daemonIn(op.ns);
  const before = runningDaemon(daemon);
  const same = before !== null && isStartedAs(daemon, op.argv);
  if (!same || op.kind !== 'coredns') {
    writeFiles(op);
    if (op.kind === 'dnsmasq') await checkDnsmasq(op);
    await stopDaemon(daemon);
    return await startDaemon(daemon, op.argv, [DNS_PORT], (what, said) => dnsFailed(op, what, said));
  }
  const said = readFileSync(logPath(daemon), 'utf8').length;
  writeFiles(op);
  signalDaemon(before, 'SIGUSR1');
  for (const deadline = performance.now() + START_MS; ; ) {
    const answer = readFileSync(logPath(daemon), 'utf8').slice(said);
    const failure = /\[ERROR\] (Restart failed: .*)/.exec(answer)?.[1];
    if (failure !== undefined) throw dnsFailed(op, 'rejects its new configuration', failure);
    if (answer.includes('Reloading complete')) return;
    if (runningDaemon(daemon) === null || performance.now() > deadline) throw dnsFailed(op, 'did not take its new configuration', lastLines(answer));
    await sleep(POLL_MS);
  }
}

/** What the server of a namespace wrote last; nothing where none was started, or it runs. */
export function readEndedServer(ns: string): Pick<NamespaceSnapshot, 'dnsServerEnded'> {
  const daemon = daemonIn(ns);
  if (!existsSync(logPath(daemon)) || runningDaemon(daemon) !== null) return {};
  return { dnsServerEnded: lastLines(readFileSync(logPath(daemon), 'utf8'), 1) };
}

function writeFiles(op: DnsOp): void {
  rmSync(op.folder, { recursive: true, force: true });
  for (const [name, text] of Object.entries(op.files)) writeLabFile(`${op.folder}/${name}`, text);
}

async function checkDnsmasq(op: DnsOp): Promise<void> {
  const { exitCode, stderr } = await runProcess(op.ns, [...op.argv, '--test']);
  if (exitCode !== 0) throw dnsFailed(op, 'rejects its configuration', lastLines(stderr));
}

function dnsFailed(op: DnsOp, what: string, said: string): EngineError {
  return new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `${NAMES[op.kind]} ${what}: ${said}`,
    hint: 'the message names the file and line of the configuration; `cnilab down` cleans up',
    details: { netns: op.ns, log: logPath(daemonIn(op.ns)), command: commandText(op.ns, op.argv) },
  });
}
