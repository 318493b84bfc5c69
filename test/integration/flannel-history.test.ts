import { describe, expect, it } from 'vitest';
import { canOpenTun, TUN_FILE } from '../../engines/netns/kernel-feature.ts';
import type { EngineSession } from '../../engines/port.ts';
import type { CniSpec, LabSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { failing, told, VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins');

const spec = (cni: CniSpec): LabSpec => ({ name: 'history', clusters: [{ name: 'c1', workers: 1, cni, workloads: [{ name: 'web', perNode: 1 }] }] });

const [ONE, TWO] = ['node.c1.control-plane1', 'node.c1.worker1'];
const POD = 'pod.c1.default.web-control-plane1';

async function said(session: EngineSession, netns: string, ...argv: readonly [string, ...string[]]): Promise<string> {
  const { exitCode, stdout, stderr } = await session.run(netns, argv);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
  return stdout.replaceAll(/ +/g, ' ').replaceAll(/ $/gm, '').trim();
}

describe.skipIf(why !== null || !canOpenTun())(`flannel with backend udp${why ?? (canOpenTun() ? '' : `: ${TUN_FILE} is not here`)}`, () => {
  it('passes the requirements, by a process that the packets need', { timeout: 120_000 }, async () => {
    await using lab = await VerifiedLab.up(spec({ type: 'flannel', backend: 'udp' }));
    expect(told(await lab.verify({}))).toEqual(expect.not.arrayContaining([expect.stringMatching(/: (fail|inconclusive)/)]));
    const session = await lab.open();
    try {
      expect(await said(session, ONE, 'ip', 'route', 'show', 'root', '10.244.0.0/16')).toBe(
        '10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1\n10.244.0.0/16 dev flannel0 proto static scope link',
      );
      // Each node, and each process, is a router of its own.
      expect(await said(session, POD, 'ping', '-c', '1', '-W', '2', '10.244.1.2')).toContain('ttl=60');
      expect(await said(session, POD, 'ping', '-c', '1', '-W', '2', '-M', 'do', '-s', String(1472 - 28), '10.244.1.2')).toContain('1 received');
      // What comes while the device is down is lost, and nothing else is: the process goes on. The route goes with the device.
      await said(session, TWO, 'ip', 'link', 'set', 'flannel0', 'down');
      expect(await session.run(POD, ['ping', '-c', '1', '-W', '1', '10.244.1.2'])).toMatchObject({ exitCode: 1 });
      await said(session, TWO, 'ip', 'link', 'set', 'flannel0', 'up');
      await said(session, TWO, 'ip', 'route', 'replace', '10.244.0.0/16', 'dev', 'flannel0', 'proto', 'static');
      expect(await said(session, POD, 'ping', '-c', '1', '-W', '2', '10.244.1.2')).toContain('1 received');
      const socket = await said(session, TWO, 'ss', '-Hlunp', 'sport = :8285');
      await said(session, TWO, 'kill', /pid=(\d+)/.exec(socket)?.[1] ?? '');
    } finally {
      await session.close();
    }
    const broken = await lab.verify({});
    expect(failing(broken)).toEqual(expect.arrayContaining(['r1-pod-to-pod']));
    expect(broken.diagnoses.map(({ name, where }) => [name, where])).toContainEqual(['link-down', ['c1/worker1']]);
  });
});

describe.skipIf(why !== null)(`flannel that feeds Docker${why === null ? '' : `: ${why}`}`, () => {
  it('passes the requirements, with the whole network on one wire', { timeout: 120_000 }, async () => {
    await using lab = await VerifiedLab.up(spec({ type: 'flannel', docker: true, vni: 7890 }));
    expect(failing(await lab.verify({}))).toEqual([]);
    const session = await lab.open();
    try {
      expect(await said(session, ONE, 'ip', '-brief', '-4', 'address', 'show', 'docker0')).toBe('docker0 UP 10.244.0.1/24');
      expect(await said(session, TWO, 'ip', '-brief', '-4', 'address', 'show', 'flannel.7890')).toBe('flannel.7890 UNKNOWN 10.244.1.0/16');
      expect(await said(session, TWO, 'cat', `/run/cnilab/${TWO}/docker_opts.env`)).toContain('DOCKER_OPTS=" --bip=10.244.1.1/24 --ip-masq=false --mtu=1450"');
    } finally {
      await session.close();
    }
    expect(failing(await lab.verify({}, [[ONE, 'ip', 'address', 'delete', '10.244.0.1/24', 'dev', 'docker0']]))).toEqual(
      expect.arrayContaining(['r1-pod-to-pod']),
    );
  });
});
