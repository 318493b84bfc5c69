import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StopSignal } from '../../cli/signals.ts';
import type { CapturedPacket } from '../../engines/port.ts';
import type { CaptureOptions, CaptureSummary } from '../../lab/capture.ts';
import { writePcapng } from '../../verify/evidence/pcapng.ts';
import { runCli } from './run-cli.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cnilab-capture-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const ping = [...Array<number>(12).fill(2), 8, 0, 0x45, 0, 0, 24, 0, 1, 0x40, 0, 64, 1, 0, 0, 10, 244, 1, 2, 10, 244, 2, 2, 8, 0, 0, 0];
const packet: CapturedPacket = {
  netns: 'n1',
  dev: 'eth0',
  direction: 'out',
  link: 'ethernet',
  atUs: 1_700_000_000_000_042,
  length: 98,
  data: Buffer.from(ping).toString('base64'),
};
const place = { id: 'c1/worker1', netns: 'n1', overlayPorts: new Set<number>() };
/** Two packets pass; ends by the signal where one is waited for. */
function capturing(asked: unknown[] = [], untilSignal = false) {
  return {
    capture: async (name: string, target: string, options: CaptureOptions): Promise<CaptureSummary> => {
      asked.push([name, target, options]);
      options.onStart?.(place);
      options.onPacket(packet);
      options.onPacket({ ...packet, dev: 'flannel.1', direction: 'in' });
      if (untilSignal && options.signal?.aborted === false) {
        await new Promise((resolve) => {
          options.signal?.addEventListener('abort', resolve);
        });
      }
      return { id: place.id, netns: place.netns, matched: 2, seen: 5, dropped: 1, endedBy: untilSignal ? 'signal' : 'count' };
    },
  };
}

describe('cnilab capture', () => {
  it('prints a line for each packet, and for people what there was besides', async () => {
    const asked: unknown[] = [];
    const argv = ['capture', 'shop', 'worker1', '--count', '2', '--interface', 'eth0', '--seconds', '1.5', 'icmp', 'or', 'arp'];
    const { code, stdout, stderr } = await runCli(argv, { lab: capturing(asked) });
    expect(code).toBe(0);
    expect(asked).toEqual([['shop', 'worker1', expect.objectContaining({ filter: 'icmp or arp', count: 2, seconds: 1.5, dev: 'eth0' })]]);
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^\d\d:13:20\.000042 {2}eth0 {10}out {2}10\.244\.1\.2 > 10\.244\.2\.2 echo request, ttl 64, DF, 98 bytes$/),
      expect.stringMatching(/ {2}flannel\.1 {5}in {3}10\.244/),
      '',
    ]);
    expect(stderr).toContain('capturing in c1/worker1: icmp or arp; Ctrl-C ends it');
    expect(stderr).toContain('2 packets of 5; 1 found no room in the buffer');
  });

  it('is one document with --json', async () => {
    const { stdout } = await runCli(['capture', 'shop', 'worker1', '--json'], { lab: capturing() });
    expect(JSON.parse(stdout)).toMatchObject({
      lab: 'shop',
      target: 'c1/worker1',
      matched: 2,
      seen: 5,
      dropped: 1,
      packets: [{ time: '2023-11-14T22:13:20.000042Z', interface: 'eth0', direction: 'out', bytes: 98, text: expect.stringContaining('echo request') }, {}],
    });
  });

  it('writes pcapng into a file, whole after Ctrl-C, and to stdout', async () => {
    const file = join(folder, 'a.pcapng');
    const listeners = new Map<StopSignal, () => void>();
    const signals = { on: (name: StopSignal, listener: () => void) => listeners.set(name, listener), off: () => undefined };
    const running = runCli(['capture', 'shop', 'worker1', '-o', file], { lab: capturing([], true), signals });
    setTimeout(() => listeners.get('SIGINT')?.(), 200);
    expect(await running).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('wrote') });
    const expected = writePcapng([packet, { ...packet, dev: 'flannel.1', direction: 'in' }], 65_550, ({ dev }) => dev);
    expect(readFileSync(file)).toEqual(expected);
    const { stdout } = await runCli(['capture', 'shop', 'worker1', '-o', '-'], { lab: capturing() });
    expect(Buffer.from(stdout, 'latin1')).toEqual(expected);
  });

  it('refuses before the work what it cannot write, and is an error at the time limit', async () => {
    const file = join(folder, 'mine');
    writeFileSync(file, 'mine');
    expect(await runCli(['capture', 'shop', 'worker1', '-o', file], { lab: {} })).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
    expect(await runCli(['capture', 'shop', 'worker1', '-o', join(folder, 'no/x')], { lab: {} })).toMatchObject({ code: 2 });
    expect(await runCli(['capture', 'shop', 'worker1', '-o', folder, '--force'], { lab: {} })).toMatchObject({ code: 2 });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await runCli(['capture', 'shop', 'worker1', '-o', file, '--force'], { lab: capturing() })).code).toBe(0);
    expect(readFileSync(file).readUInt32LE(0)).toBe(0x0a0d0d0a);
    expect(await runCli(['capture', 'shop', 'worker1', '--timeout', '0.1'], { lab: capturing([], true) })).toMatchObject({ code: 4 });
  });
});
