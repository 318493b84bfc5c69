/** Packets followed in a place, over a runner whose program ends when it is told to, or does not. */
import { describe, expect, it, vi } from 'vitest';
import { followPackets } from '../../engines/kubernetes/follow-packets.ts';
import type { RunInPlace } from '../../engines/kubernetes/try-ways.ts';
import type { CapturedPacket, CommandResult } from '../../engines/port.ts';
import { LabError } from '../../topology/errors.ts';

const REQUEST = { netns: 'pod:c1/default/web', dev: null, bytes: 64 };
const PACKET = 'eth0\tin\tethernet\t1700000000000000\t60\t0badc0de';
const DONE: CommandResult = { exitCode: 0, stdout: '', stderr: '' };

interface Place {
  readonly run: RunInPlace;
  /** Every program that was run there, without the script. */
  readonly ran: string[];
  /** The program says a line. */
  readonly say: (line: string) => void;
}

/** @param pkill what ending the program gives; the program itself ends when it is met (exit code 0), or when its client is ended */
function place(pkill: () => Promise<CommandResult>): Place {
  const ran: string[] = [];
  let hear: (line: string) => void = () => undefined;
  let end: (result: CommandResult) => void = () => undefined;
  return {
    ran,
    say: (line) => hear(line),
    run: async (_netns, argv, { onStderrLine, signal }) => {
      ran.push(argv[0] ?? '');
      if (argv[0] === 'pkill') {
        const result = await pkill();
        if (result.exitCode === 0) end({ exitCode: 0, stdout: 'dropped\t3\n', stderr: '' });
        return result;
      }
      hear = onStderrLine ?? hear;
      return await new Promise((resolve, reject) => {
        end = resolve;
        signal?.addEventListener('abort', () => reject(new LabError({ code: 'TIMEOUT', message: 'perl was canceled', hint: '' })));
      });
    },
  };
}

describe('packets that are followed', () => {
  it('are told until the signal, with how many were missed', async () => {
    const told: CapturedPacket[] = [];
    const [{ run, ran, say }, stopping] = [place(async () => await Promise.resolve(DONE)), new AbortController()];
    const following = followPackets(run, REQUEST, { onStart: () => undefined, onPackets: (packets) => told.push(...packets), signal: stopping.signal });
    say('ready');
    say(PACKET);
    stopping.abort();
    expect(await following).toBe(3);
    expect(told).toMatchObject([{ dev: 'eth0', direction: 'in', length: 60, data: Buffer.from('0badc0de', 'hex').toString('base64') }]);
    expect(ran).toEqual(['perl', 'pkill']);
  });

  it.each(['onStart', 'onPackets'] as const)('end by what %s throws, and that is told', async (name) => {
    const full = new LabError({ code: 'OUTPUT_FAILED', message: 'cannot write out: ENOSPC', hint: 'name a file in a folder with room' });
    const { run, ran, say } = place(async () => await Promise.resolve(DONE));
    let packets = 0;
    const context = { onStart: () => undefined, onPackets: () => void (packets += 1), signal: new AbortController().signal };
    const broken = (): never => {
      packets += 1;
      throw full;
    };
    const following = followPackets(run, REQUEST, { ...context, [name]: broken });
    // As a transform of the runner, which must not throw.
    for (const line of ['ready', PACKET, PACKET]) expect(() => say(line)).not.toThrow();
    await expect(following).rejects.toBe(full);
    expect(packets).toBe(1);
    expect(ran).toEqual(['perl', 'pkill']);
  });

  it.each<[string, () => Promise<CommandResult>]>([
    ['the place is gone', () => Promise.reject(new LabError({ code: 'TARGET_UNKNOWN', message: 'pod web does not run there any more', hint: '' }))],
    ['there is no pkill', async () => await Promise.resolve({ exitCode: 127, stdout: '', stderr: 'sh: pkill: not found' })],
  ])('do not go on for a day where %s', async (_what, pkill) => {
    const [{ run, say }, stopping] = [place(pkill), new AbortController()];
    const following = followPackets(run, REQUEST, { onStart: () => undefined, onPackets: () => undefined, signal: stopping.signal });
    say('ready');
    stopping.abort();
    await expect(following).rejects.toMatchObject({ code: 'COMMAND_FAILED', message: expect.stringContaining('could not be ended') as string });
  });

  it('do not go on for a day where the program does not end though it was told to', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      // Nothing is met, and nothing ends.
      const [{ run, say }, stopping] = [place(async () => await Promise.resolve({ ...DONE, exitCode: 1 })), new AbortController()];
      const following = followPackets(run, REQUEST, { onStart: () => undefined, onPackets: () => undefined, signal: stopping.signal });
      const told = expect(following).rejects.toMatchObject({ code: 'COMMAND_FAILED', message: expect.stringContaining('could not be ended') as string });
      say('ready');
      stopping.abort();
      await vi.advanceTimersByTimeAsync(15_000);
      await told;
    } finally {
      vi.useRealTimers();
    }
  });
});
