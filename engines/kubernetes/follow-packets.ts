/** Packets as they pass in a place of a cluster's nodes and pods: a program that starts there tells of each. */
import { randomBytes } from 'node:crypto';
import { EngineError } from '../../topology/errors.ts';
import type { CapturedPacket, FollowContext, FollowRequest } from '../port.ts';
import { FOLLOW_SCRIPT } from './follow-script.ts';
import { endAllWith } from './time-limit.ts';
import type { RunInPlace } from './try-ways.ts';

const STOP_MS = 15_000;

/**
 * Tells of packets until the signal; resolves to how many the kernel had no room for.
 *
 * @throws EngineError COMMAND_FAILED where it cannot begin, with the `errno` (ENODEV: there is no such device); LabError of a place that is gone
 */
export async function followPackets(run: RunInPlace, { netns, dev, bytes }: FollowRequest, context: FollowContext): Promise<number> {
  const { onStart, onPackets, signal } = context;
  const nonce = randomBytes(8).toString('hex');
  const stop = (): void => {
    run(netns, endAllWith(nonce), { timeoutMs: STOP_MS }).catch(() => undefined);
  };
  let begun = false;
  const onStderrLine = (line: string): void => {
    if (line === 'ready') {
      begun = true;
      // Sent before, it would have met nobody.
      if (signal.aborted) stop();
      onStart();
    } else if (begun) onPackets(packetOf(netns, line));
  };
  const abort = (): void => {
    if (begun) stop();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    const { exitCode, stdout, stderr } = await run(netns, ['perl', '-', dev ?? '', String(bytes), nonce], {
      input: FOLLOW_SCRIPT,
      // Ctrl-C is the signal's: it has packets to tell of yet.
      detached: true,
      onStderrLine,
    });
    const [what, value, why] = stdout.trim().split('\t');
    if (what === 'dropped') return Number(value);
    const said = what === 'failed' ? why : stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`;
    throw new EngineError({
      code: 'COMMAND_FAILED',
      message: `packets in ${netns} cannot be captured: ${said ?? ''}`,
      hint: 'see what the place has: `cnilab exec LAB PLACE -- ip link`',
      details: { netns, ...(what === 'failed' ? { errno: Number(value) } : {}) },
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }
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
