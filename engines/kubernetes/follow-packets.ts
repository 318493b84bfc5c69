/** Packets as they pass in a place of a cluster's nodes and pods: a program that starts there tells of each. */
import { randomBytes } from 'node:crypto';
import { EngineError } from '../../topology/errors.ts';
import type { CapturedPacket, FollowContext, FollowRequest } from '../port.ts';
import { FOLLOW_SCRIPT } from './follow-script.ts';
import { endAllWith } from './time-limit.ts';
import type { RunInPlace } from './try-ways.ts';

const STOP_MS = 15_000;

/** Exit codes of a pkill that has looked: it found what to end, or nothing any more. */
const LOOKED: ReadonlySet<number> = new Set([0, 1]);

/**
 * Tells of packets until the signal; resolves to how many the kernel had no room for.
 *
 * @throws EngineError COMMAND_FAILED where it cannot begin, with the `errno` (ENODEV: there is no such device), and where it cannot be ended; LabError of a place that
 * is gone; what `onStart` and `onPackets` throw, which ends it
 */
export async function followPackets(run: RunInPlace, { netns, dev, bytes }: FollowRequest, context: FollowContext): Promise<number> {
  const { onStart, onPackets, signal } = context;
  const nonce = randomBytes(8).toString('hex');
  // Ends only the client here, where the program there cannot be ended.
  const giveUp = new AbortController();
  const stop = (): void => {
    run(netns, endAllWith(nonce), { timeoutMs: STOP_MS }).then(
      ({ exitCode }) => (LOOKED.has(exitCode) ? setTimeout(() => giveUp.abort(), STOP_MS).unref() : giveUp.abort()),
      () => giveUp.abort(),
    );
  };
  // Thrown where its lines are read, it would break the pipe, and end the client without a word.
  const thrown: unknown[] = [];
  const tell = (work: () => void): void => {
    if (thrown.length > 0) return;
    try {
      work();
    } catch (error) {
      thrown.push(error);
      stop();
    }
  };
  let begun = false;
  const onStderrLine = (line: string): void => {
    if (line === 'ready') {
      begun = true;
      // Sent before, it would have met nobody.
      if (signal.aborted) stop();
      tell(onStart);
    } else if (begun) tell(() => onPackets(packetOf(netns, line)));
  };
  const abort = (): void => {
    if (begun) stop();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    const { exitCode, stdout, stderr } = await run(netns, ['perl', '-', dev ?? '', String(bytes), nonce], {
      input: FOLLOW_SCRIPT,
      signal: giveUp.signal,
      // Ctrl-C is the signal's: it has packets to tell of yet.
      detached: true,
      onStderrLine,
    });
    if (thrown.length > 0) throw thrown[0];
    const [what, value, why] = stdout.trim().split('\t');
    if (what === 'dropped') return Number(value);
    const said = what === 'failed' ? why : stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`;
    throw new EngineError({
      code: 'COMMAND_FAILED',
      message: `packets in ${netns} cannot be captured: ${said ?? ''}`,
      hint: 'see what the place has: `cnilab exec LAB PLACE -- ip link`',
      details: { netns, ...(what === 'failed' ? { errno: Number(value) } : {}) },
    });
  } catch (error) {
    if (thrown.length > 0) throw thrown[0];
    throw giveUp.signal.aborted ? cannotEnd(netns, nonce, error) : error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function cannotEnd(netns: string, nonce: string, cause: unknown): EngineError {
  return new EngineError({
    code: 'COMMAND_FAILED',
    message: `the capture in ${netns} could not be ended there: its last packets are not told, nor how many were missed`,
    hint: `its program ends by itself after a day; where the node runs, \`cnilab exec LAB NODE -- pkill -f ${nonce}\` ends it`,
    details: { netns },
    cause,
  });
}

/** None for a line that is cut: the program was ended in the middle of it. */
function packetOf(netns: string, line: string): readonly CapturedPacket[] {
  const [dev = '', direction, link, atUs, length, data] = line.split('\t');
  if (data === undefined) return [];
  return [
    {
      netns,
      dev,
      direction: direction === 'out' ? 'out' : 'in',
      link: link === 'ethernet' ? 'ethernet' : 'ip',
      atUs: Number(atUs),
      length: Number(length),
      data: Buffer.from(data, 'hex').toString('base64'),
    },
  ];
}
