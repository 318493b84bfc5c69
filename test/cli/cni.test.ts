import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CniByHand } from '../../lab/cni.ts';
import type { CniCall } from '../../engines/port.ts';
import { shippedFolder } from '../../lab/shipped.ts';
import { runCli } from './run-cli.ts';

const call: CniCall = {
  command: 'ADD',
  plugin: 'bridge',
  program: '/opt/cni/bin/bridge',
  env: { CNI_COMMAND: 'ADD', CNI_IFNAME: 'eth0' },
  stdin: { cniVersion: '1.0.0', name: 'n', type: 'bridge' },
  exitCode: 0,
  answer: { cniVersion: '1.0.0', ips: [] },
  stderr: '',
  ms: 4.6,
};
const added: CniByHand = {
  lab: 'shop',
  command: 'ADD',
  pod: 'by-hand/x',
  node: 'c1/worker1',
  netns: 'by-hand.x',
  ifname: 'eth0',
  calls: [call],
  undone: [],
  ok: true,
  result: { ips: [] },
  made: true,
  removed: false,
};
const refusal: CniCall = { ...call, plugin: 'tuning', exitCode: 1, answer: { code: 7, msg: 'no such sysctl', details: 'net/x' }, stderr: 'one\ntwo\n' };
const answering = (answer: CniByHand, asked: unknown[] = []) => ({
  cniByHand: async (...args: readonly unknown[]): Promise<CniByHand> => {
    asked.push(args);
    return answer;
  },
});

describe('cnilab cni', () => {
  it('shows what a plugin was given and what it answered', async () => {
    const asked: unknown[] = [];
    const argv = ['cni', 'add', 'shop', 'x', 'n.conflist', '--node', 'worker1', '--ifname', 'net1'];
    const { code, stdout, stderr } = await runCli(argv, { lab: answering(added, asked), cwd: '/somewhere' });
    expect(code).toBe(0);
    expect(asked).toEqual([['ADD', 'shop', 'x', '/somewhere/n.conflist', { node: 'worker1', ifname: 'net1' }]]);
    await expect(stdout).toMatchFileSnapshot('golden/cni-add.txt');
    expect(stderr).toContain('next: cnilab exec shop by-hand/x -- ip address show eth0');
  });

  it('takes the list of the package where there is no such file', async () => {
    const asked: unknown[] = [];
    for (const word of ['by-hand.conflist', './by-hand.conflist', 'other.conflist'])
      await runCli(['cni', 'add', 'shop', 'x', word], { lab: answering(added, asked), cwd: '/somewhere' });
    const shipped = join(shippedFolder, 'by-hand.conflist');
    expect(asked.map((args) => (args as readonly unknown[])[3])).toEqual([shipped, '/somewhere/by-hand.conflist', '/somewhere/other.conflist']);
    const here = await runCli(['cni', 'add', 'shop', 'x', 'by-hand.conflist'], { lab: answering(added, asked), cwd: shippedFolder });
    expect([here.code, (asked.at(-1) as readonly unknown[])[3]]).toEqual([0, shipped]);
  });

  it('shows a refusal with its code, and what was taken back; exit 4, of CHECK 1', async () => {
    const failed = { ...added, ok: false, made: false, calls: [call, refusal], undone: [{ ...call, command: 'DEL' as const, answer: null }] };
    const { code, stdout } = await runCli(['cni', 'add', 'shop', 'x', 'n.conflist'], { lab: answering(failed) });
    expect(code).toBe(4);
    await expect(stdout).toMatchFileSnapshot('golden/cni-add-refused.txt');
    expect((await runCli(['cni', 'check', 'shop', 'x', 'n.conflist'], { lab: answering({ ...failed, command: 'CHECK' }) })).code).toBe(1);
  });

  it('is one document with --json; DEL of nothing is fine', async () => {
    const removed = { ...added, command: 'DEL' as const, calls: [], made: false, removed: true };
    const { code, stdout } = await runCli(['cni', 'del', 'shop', 'x', 'n.conflist', '--json'], { lab: answering(removed) });
    expect([code, JSON.parse(stdout)]).toEqual([0, removed]);
    expect((await runCli(['cni', 'del', 'shop', 'x', 'n.conflist'], { lab: answering(removed) })).stdout).toContain('removed the namespace by-hand.x');
  });
});
