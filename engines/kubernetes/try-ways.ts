/** Single probes between places of a cluster's nodes and pods: two programs that start for each, and tell what each end saw. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../../topology/errors.ts';
import type { CommandOptions } from '../run-command.ts';
import type { CommandResult, Endpoint, Outcome, ProbeRecord, ProbeRequest, ProbeSummary, ProbeBatch } from '../port.ts';
import { createBatch } from '../probe-batch.ts';
import { UNSEEN } from './probe-record.ts';
import { endAllWith } from './time-limit.ts';
import { WAY_SCRIPT } from './way-script.ts';

/** Runs a program as root in the network namespace of a place, with the files of its node. */
export type RunInPlace = (
  netns: string,
  argv: readonly string[],
  options: Pick<CommandOptions, 'input' | 'timeoutMs' | 'signal' | 'detached' | 'onStderrLine'>,
) => Promise<CommandResult>;

/** What a busy node may take to start a program. */
export const START_MS = 15_000;
/** And until what one end saw is here, when the other end is. */
const TELL_MS = 1500;

/** Linux numbers: those of this process may be others. */
const BY_ERRNO: Readonly<Record<number, Outcome>> = { 0: 'ok', 90: 'too-big', 101: 'no-route', 110: 'silent', 111: 'refused', 113: 'unreachable' };

/** One end of a way, as it tells. */
interface Told {
  /** Why it has nothing to tell; ''. */
  readonly failed: string;
  readonly words: readonly string[];
}

interface Listener {
  readonly index: number;
  readonly netns: string;
  readonly told: Promise<Told>;
}

interface Way {
  readonly run: RunInPlace;
  readonly slowness: number;
  readonly request: ProbeRequest;
  readonly address: string;
  /** Unlike any other: by it packets are told apart, and programs found. */
  readonly nonce: string;
}

/**
 * Answers a request of few probes (a list of pairs): one after the other, each with responders of its own. A place that cannot be entered, or has no perl, is
 * unusable, with the reason; so is a responder whose port is taken (`in use`).
 *
 * @param slowness by how much everything takes longer in these places: `run` makes its time limits longer by as much
 * @throws LabError ENGINE_UNSUPPORTED for a matrix, chosen sizes and streams: that is a verification's, which probes from inside of the cluster
 */
export async function tryWays(run: RunInPlace, request: ProbeRequest, onBatch: (batch: ProbeBatch) => void, slowness = 1): Promise<ProbeSummary> {
  const { pairs, payloadBytes, df, streamBytes } = request;
  if (pairs.kind !== 'list' || (payloadBytes ?? df ?? streamBytes) !== undefined) throw tooMuch();
  const startedAt = performance.now();
  const unusable: Record<string, string> = {};
  const records: ProbeRecord[] = [];
  for (const [client, server] of pairs.pairs)
    for (let attempt = 0; attempt < request.attempts; attempt += 1)
      records.push(await tryWay({ run, slowness, request }, { client, server, attempt }, unusable));
  onBatch(createBatch(records));
  return { probes: records.length, elapsedMs: Math.round(performance.now() - startedAt), conntrack: [], unusable };
}

async function tryWay(
  { run, slowness, request }: Pick<Way, 'run' | 'slowness' | 'request'>,
  probe: Pick<ProbeRecord, 'client' | 'server' | 'attempt'>,
  unusable: Record<string, string>,
): Promise<ProbeRecord> {
  const { endpoints, family, protocol, responders, port, deadlineMs } = request;
  const [from, to] = [endpoints[probe.client], endpoints[probe.server]];
  const address = request.dial ?? to?.addresses.find((one) => one.family === family)?.address ?? '';
  const dialled = { ...probe, dialledAddress: address, dialledPort: protocol === 'icmp' ? 0 : (to?.port ?? port) };
  const way: Way = { run, slowness, request, address, nonce: randomBytes(8).toString('hex') };
  const asked = responders === 'listen' ? [probe.server] : responders === 'none' ? [] : responders;
  const listeners = await Promise.all(asked.flatMap((index) => (endpoints[index] === undefined ? [] : [listen(way, index, endpoints[index])])));
  const end = await told(run(from?.netns ?? '', perl(way, 'dial', dialled.dialledPort, deadlineMs), { input: WAY_SCRIPT, timeoutMs: deadlineMs + START_MS }));
  const [errno, connected, localPort, awayUs] = [0, 1, 3, 4].map((at) => Number(end.words[at]));
  const back = end.failed === '' && errno === 0;
  const all = Promise.all(listeners.map(async (one) => ({ index: one.index, ...(await one.told) })));
  // Those that heard nothing would listen on until their time is up.
  if ((await Promise.race([all, sleep(back ? TELL_MS * slowness : 0)])) === undefined)
    await Promise.allSettled(listeners.map(async ({ netns }) => await run(netns, endAllWith(way.nonce), { timeoutMs: START_MS })));
  const seen = await all;
  for (const { index, failed } of seen) if (failed !== '') unusable[endpoints[index]?.id ?? ''] = failed;
  if (end.failed !== '') unusable[from?.id ?? ''] = end.failed;
  const heard = seen.find(({ failed, words }) => failed === '' && words.length > 0);
  const [source = '', sourcePort, destination = '', destinationPort, ttl] = heard?.words ?? [];
  return {
    ...UNSEEN,
    ...dialled,
    outcome: end.failed !== '' ? 'not-run' : errno === 110 && connected === 1 ? 'stalled' : (BY_ERRNO[errno ?? 0] ?? 'error'),
    errno: end.failed === '' ? (errno ?? 0) : 0,
    rttUs: back ? (awayUs ?? 0) : 0,
    localAddress: end.words[2] ?? '',
    localPort: localPort || 0,
    ...(heard === undefined
      ? {}
      : {
          seenSourceAddress: source,
          seenSourcePort: Number(sourcePort),
          seenDestinationAddress: destination,
          seenDestinationPort: Number(destinationPort),
          seenTtl: Number(ttl),
          answeredBy: heard.index,
          nonceThere: true,
        }),
    nonceBack: back,
  };
}

/** Resolves when it listens, or cannot. */
async function listen(way: Way, index: number, { netns, port }: Endpoint): Promise<Listener> {
  const { request, run } = way;
  let onReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    onReady = resolve;
  });
  // Longer than the other end takes to start and to give up.
  const listensMs = request.deadlineMs + START_MS;
  const said = told(
    run(netns, perl(way, 'listen', port ?? request.port, listensMs), {
      input: WAY_SCRIPT,
      timeoutMs: listensMs + START_MS,
      onStderrLine: (line) => {
        if (line === 'ready') onReady();
      },
    }),
  );
  await Promise.race([ready, said]);
  return { index, netns, told: said };
}

function perl({ request, slowness, address, nonce }: Way, mode: 'listen' | 'dial', port: number, ms: number): readonly string[] {
  return ['perl', '-', mode, request.protocol, request.family, address, String(port), nonce, String((ms * slowness) / 1000)];
}

/** `seen` and `dialled` with what follows; nothing of one that was ended, or waited in vain. */
async function told(running: Promise<CommandResult>): Promise<Told> {
  try {
    const { exitCode, stdout, stderr } = await running;
    const [what = '', ...words] = stdout.trim().split('\t');
    if (what === 'seen' || what === 'dialled') return { failed: '', words };
    if (what === 'failed') return { failed: words.join(' '), words: [] };
    const listened = what === 'unseen' || stderr.split('\n').includes('ready');
    return { failed: listened ? '' : `no probe could be started: ${stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`}`, words: [] };
  } catch (error) {
    if (!(error instanceof LabError) || error.code === 'INTERRUPTED') throw error;
    return { failed: error.message, words: [] };
  }
}

function tooMuch(): LabError {
  return new LabError({
    code: 'ENGINE_UNSUPPORTED',
    message: 'probes by the dozen, of chosen sizes and streams are taken by Jobs inside of the cluster, not through a session',
    hint: '`cnilab verify LAB` runs them; `cnilab exec LAB NODE -- COMMAND` runs a program on a node',
  });
}
