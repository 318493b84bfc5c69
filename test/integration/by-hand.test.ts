/** `cnilab cni` and `cnilab capture` as a user runs them, with the real plugins and the real kernel, as root and in a user namespace. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CniByHand } from '../../lab/cni.ts';
import { lacking } from '../requires.ts';
import { Place, root } from './cnilab.ts';

const why = lacking('netns', 'plugins');
const LAB = `
name: hand
clusters:
  - name: c1
    workers: 2
    cni: { type: flannel }
    workloads: [{ name: web, perNode: 1 }]
`;
/** The list that docs/cni-by-hand.md shows. */
const LIST = /```json\n([^]*?)```/.exec(readFileSync(join(root, 'docs/cni-by-hand.md'), 'utf8'))?.[1] ?? '';
const codes = ({ calls }: CniByHand): readonly unknown[] => calls.map(({ plugin, exitCode, answer }) => [plugin, exitCode, answer?.['code'] ?? null]);

describe.skipIf(why !== null).each([
  ['as root', {}],
  ['in a user namespace', { CNILAB_ROOTLESS: '1' }],
] as const)(`by hand, %s${why === null ? '' : ` (skipped: ${why})`}`, (_title, env) => {
  it('plugins are called as a runtime calls them, and packets are seen as they pass', async () => {
    await using place = new Place([], env);
    const path = (name: string, text: string): string => {
      writeFileSync(join(place.directory, name), text);
      return join(place.directory, name);
    };
    const file = path('lab.yaml', LAB);
    const list = path('by-hand.conflist', LIST);
    const cni = async (...args: readonly string[]): Promise<CniByHand> => {
      const { stdout, stderr } = await place.cnilab(['cni', ...args, '--json']);
      expect(stdout, stderr).not.toBe('');
      return JSON.parse(stdout) as CniByHand;
    };
    expect((await place.cnilab(['up', file])).stderr).toContain('is up');

    // Both plugins in the order of the list, the second with the first one's result.
    const added = await cni('add', 'hand', 'by-hand', list, '--node', 'worker1');
    expect(added).toMatchObject({ ok: true, made: true, netns: 'by-hand.by-hand', result: { ips: [{ address: '10.99.0.2/24', gateway: '10.99.0.1' }] } });
    expect(codes(added)).toEqual([
      ['bridge', 0, null],
      ['tuning', 0, null],
    ]);
    const [bridge, tuning] = added.calls;
    expect(bridge?.env).toMatchObject({
      CNI_COMMAND: 'ADD',
      CNI_NETNS: '/run/netns/by-hand.by-hand',
      CNI_IFNAME: 'eth0',
      CNI_PATH: expect.stringContaining('/'),
    });
    expect(bridge?.env['CNI_CONTAINERID']).toMatch(/^[0-9a-f]{64}$/);
    expect(bridge?.stdin).toMatchObject({ ipam: { dataDir: '/run/cnilab/node.c1.worker1/networks' } });
    expect(tuning?.stdin).toMatchObject({ prevResult: bridge?.answer ?? {} });
    expect((await place.cnilab(['exec', 'hand', 'by-hand', '--', 'ip', '-4', 'address', 'show', 'eth0'])).stdout).toContain('inet 10.99.0.2/24');
    // The lab itself is none the worse.
    expect((await place.cnilab(['verify', 'hand', '--attempts', '1'])).code).toBe(0);

    // Twice is once too often; another interface is another attachment.
    const twice = await place.cnilab(['cni', 'add', 'hand', 'by-hand', list]);
    expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining('attached as eth0 already')]);
    expect(await cni('add', 'hand', 'web-worker1', list, '--ifname', 'net1')).toMatchObject({
      ok: true,
      made: false,
      result: { ips: [{ address: '10.99.0.3/24' }] },
    });

    // What passes between the two is seen on the bridge, live, and only what the filter asks for.
    const seen = place.cnilab([
      'capture',
      'hand',
      'worker1',
      '--interface',
      'br-by-hand',
      '--count',
      '4',
      '--seconds',
      '60',
      'icmp',
      'and',
      'host',
      '10.99.0.3',
    ]);
    const ping = ['exec', 'hand', 'by-hand', '--', 'ping', '-c', '2', '-W', '2', '10.99.0.3'];
    let ended = false;
    void seen.finally(() => {
      ended = true;
    });
    while (!ended) expect((await place.cnilab(ping)).code).toBe(0);
    const lines = (await seen).stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatch(/br-by-hand +(in|out) +10\.99\.0\.[23] > 10\.99\.0\.[23] echo (request|reply), ttl 64/);
    expect((await place.cnilab(['capture', 'hand', 'worker1', '--interface', 'eth9'])).code).toBe(2);

    // CHECK finds what was changed.
    expect((await cni('check', 'hand', 'by-hand', list)).ok).toBe(true);
    await place.cnilab(['exec', 'hand', 'by-hand', '--', 'ip', 'address', 'flush', 'dev', 'eth0']);
    const checked = await place.cnilab(['cni', 'check', 'hand', 'by-hand', list]);
    expect([checked.code, checked.stdout]).toEqual([1, expect.stringMatching(/CHECK bridge[^]*failed, exit code 1, code \d+: /)]);

    // DEL in reverse order; the namespace goes with its last attachment; once more is fine.
    const deleted = await cni('del', 'hand', 'by-hand', list);
    expect(deleted).toMatchObject({ ok: true, removed: true, calls: [{ plugin: 'tuning' }, { plugin: 'bridge' }] });
    expect((await place.cnilab(['exec', 'hand', 'by-hand', '--', 'true'])).code).toBe(2);
    const again = await cni('del', 'hand', 'by-hand', list, '--node', 'worker1');
    expect(again).toMatchObject({ ok: true, removed: false, calls: [{ env: { CNI_NETNS: '' } }, {}] });
    expect(await cni('del', 'hand', 'web-worker1', list, '--ifname', 'net1')).toMatchObject({ ok: true, removed: false });
    expect((await place.cnilab(['exec', 'hand', 'web-worker1', '--', 'ip', 'link', 'show', 'net1'])).code).not.toBe(0);

    // A plugin's refusal is shown, and what was done before it is taken back.
    const changed = (change: (list: Record<string, unknown>) => void): string => {
      const copy = JSON.parse(LIST) as Record<string, unknown>;
      change(copy);
      return JSON.stringify(copy);
    };
    const failing = path(
      'failing.conflist',
      changed((copy) => Object.assign((copy['plugins'] as object[])[1] ?? {}, { sysctl: { 'net.no.such': '1' } })),
    );
    const refused = await cni('add', 'hand', 'other', failing, '--node', 'worker1');
    expect(refused).toMatchObject({
      ok: false,
      made: false,
      undone: [
        { command: 'DEL', plugin: 'tuning' },
        { command: 'DEL', plugin: 'bridge' },
      ],
    });
    expect(refused.calls.map(({ plugin, exitCode }) => [plugin, exitCode])).toEqual([
      ['bridge', 0],
      ['tuning', 1],
    ]);
    expect((await place.cnilab(['exec', 'hand', 'other', '--', 'true'])).code).toBe(2);
    const old = await cni(
      'add',
      'hand',
      'other',
      path(
        'old.conflist',
        changed((copy) => (copy['cniVersion'] = '9.9.9')),
      ),
      '--node',
      'worker1',
    );
    expect([old.ok, codes(old)]).toEqual([false, [['bridge', 1, 1]]]);
    const missing = path(
      'missing.conflist',
      changed((copy) => (copy['plugins'] as object[]).push({ type: 'no-such-plugin' })),
    );
    const lost = await place.cnilab(['cni', 'add', 'hand', 'other', missing, '--node', 'worker1']);
    expect([lost.code, lost.stdout, lost.stderr]).toEqual([3, '', expect.stringContaining('"no-such-plugin" was not found')]);
    expect((await place.cnilab(['cni', 'check', 'hand', 'other', list, '--node', 'worker1'])).code).toBe(2);

    // What was made by hand goes with the lab.
    expect((await cni('add', 'hand', 'stays', list, '--node', 'worker2')).ok).toBe(true);
    expect((await place.cnilab(['down', 'hand'])).code).toBe(0);
    expect(place.leftovers()).toEqual([]);
  });

  it('a capture ended by Ctrl-C leaves a file that is whole', async () => {
    await using place = new Place([], env);
    const file = join(place.directory, 'lab.yaml');
    writeFileSync(file, LAB);
    expect((await place.cnilab(['up', file])).stderr).toContain('is up');
    const out = join(place.directory, 'eth0.pcapng');
    const argv = ['dist/cli/main.js', 'capture', 'hand', 'worker1', '-o', out, '--interface', 'eth0', 'udp port 8472'];
    const child = spawn(process.execPath, argv, { cwd: root, env: place.environment, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    let stderr = '';
    await new Promise<void>((resolve) => {
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
        if (stderr.includes('capturing in c1/worker1')) resolve();
      });
    });
    expect((await place.cnilab(['verify', 'hand', '--attempts', '1', '--only', 'r1-pod-to-pod'])).code).toBe(0);
    // As a terminal does: to everything that was started there.
    process.kill(-(child.pid ?? 0), 'SIGINT');
    const code = await new Promise((resolve) => {
      child.on('close', resolve);
    });
    expect([code, stderr]).toEqual([0, expect.stringMatching(/\d+ packets of \d+; wrote/)]);
    const blocks = blocksOf(readFileSync(out));
    expect(blocks.slice(0, 2)).toEqual([0x0a0d0d0a, 1]);
    expect(blocks.filter((type) => type === 6)).toHaveLength(Number(/([\d ]+) packets of/.exec(stderr)?.[1]?.replaceAll(' ', '')));
    expect((await place.cnilab(['down', 'hand'])).code).toBe(0);
  });
});

/** Types of the blocks of a pcapng file; throws where one is cut. */
function blocksOf(file: Buffer): readonly number[] {
  const types: number[] = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    expect(file.readUInt32LE(at + length - 4)).toBe(length);
    types.push(file.readUInt32LE(at));
    at += length;
  }
  return types;
}
