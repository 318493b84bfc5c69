/** Second networks on real kernels: interfaces and addresses, who reaches whom, what the library breaks of them, in place and without root. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EngineSession } from '../../engines/port.ts';
import type { LabSpec } from '../../topology/spec.ts';
import type { Report } from '../../verify/report.ts';
import { lacking } from '../requires.ts';
import { Place } from './cnilab.ts';
import { failing, told, VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins');
const unprivileged = lacking('rootless');

const NETWORKS = [
  { name: 'storage', cidr: '10.60.0.0/16' },
  { name: 'backup', cidr: ['10.61.0.0/16', 'fd00:61::/56'], mtu: 9000 },
];
const spec: LabSpec = {
  name: 'attachments',
  underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] },
  clusters: [
    {
      name: 'c1',
      workers: 1,
      cni: { type: 'flannel' },
      podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'],
      serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'],
      networks: NETWORKS,
      workloads: [
        { name: 'web', perNode: 2, networks: ['storage', 'backup'] },
        { name: 'other', perNode: 1 },
      ],
    },
  ],
};
const POD = 'pod.c1.default.web-worker1';

async function said(session: EngineSession, netns: string, ...argv: readonly [string, ...string[]]): Promise<string> {
  const { exitCode, stdout, stderr } = await session.run(netns, argv);
  return `${exitCode === 0 ? stdout : stderr || `exit ${exitCode}`}`.replaceAll(/ +/g, ' ').replaceAll(/@\w+/g, '').replaceAll(/ $/gm, '').trim();
}

describe.skipIf(why !== null)(`second networks${why === null ? '' : `: ${why}`}`, () => {
  it('are interfaces with addresses of the share of the node, over which its pods alone reach each other', { timeout: 120_000 }, async () => {
    await using lab = await VerifiedLab.up(spec);
    const session = await lab.open();
    try {
      expect(await said(session, POD, 'ip', '-brief', '-4', 'addr', 'show', 'up')).toBe(
        ['lo UNKNOWN 127.0.0.1/8', 'eth0 UP 10.244.1.2/24', 'net1 UP 10.60.1.2/24', 'net2 UP 10.61.1.2/24'].join('\n'),
      );
      expect(await said(session, POD, 'ip', 'route', 'get', '10.60.1.3')).toContain('dev net1 src 10.60.1.2');
      // What is not of the node's share leaves by the first network, and finds no way.
      expect(await said(session, POD, 'ip', 'route', 'get', '10.60.0.2')).toContain('dev eth0');
      expect(await said(session, POD, 'ping', '-c', '1', '-W', '1', '10.60.0.2')).not.toContain('1 received');
      expect(await said(session, POD, 'ping', '-c', '1', '-W', '2', '10.60.1.3')).toContain('ttl=64');
      expect(await said(session, POD, 'ping', '-c', '1', '-W', '2', '-M', 'do', '-s', String(9000 - 28), '10.61.1.3')).toContain('1 received');
      expect(await said(session, 'pod.c1.default.other-worker1', 'ip', '-brief', 'link', 'show', 'net1')).toContain('does not exist');
    } finally {
      await session.close();
    }
    const report = await lab.verify({ suites: ['network'] });
    expect(told(report)).toEqual(expect.not.arrayContaining([expect.stringMatching(/: (fail|inconclusive)/)]));
    // 8 interfaces; in each network a pair each way on both nodes, and one each way between the nodes, in each of its families.
    expect(report.checks.find(({ id }) => id === 'attachments')).toMatchObject({ verdict: 'pass', pairs: { planned: 22, passed: 22 } });

    const { broken, mended } = await lab.break('attachment-lost', { suites: ['network'] });
    expect(failing(broken)).toEqual(['attachments']);
    expect(broken.diagnoses[0]).toMatchObject({ name: 'attachment-broken', severity: 'fail', confidence: 'certain', where: ['c1/default/web-worker1'] });
    expect(failing(mended)).toEqual([]);

    const gone = await lab.verify({ only: 'attachments' }, [[POD, 'ip', 'link', 'delete', 'net2']]);
    expect(failing(gone)).toEqual(['attachments']);
    expect(gone.diagnoses[0]?.evidence).toContain('net2 of c1/default/web-worker1 is missing (network backup)');
  });
});

describe.skipIf(why !== null || unprivileged !== null)(
  `second networks without root${(why ?? unprivileged) === null ? '' : `: ${why ?? unprivileged}`}`,
  () => {
    it('come, are asked for in place, and go', { timeout: 120_000 }, async () => {
      await using place = new Place([], { CNILAB_ROOTLESS: '1' });
      const file = join(place.directory, 'lab.yaml');
      const write = (networks: string, asked: string): void =>
        writeFileSync(
          file,
          `name: second\nclusters:\n  - { name: c1, controlPlanes: 1, workers: 0, cni: { type: bridge }, ${networks}workloads: [{ name: web, perNode: 2${asked} }] }\n`,
        );
      write('', '');
      expect((await place.cnilab(['up', file])).code).toBe(0);
      write('networks: [{ name: storage, cidr: 10.60.0.0/16 }], ', ', networks: [storage]');
      const up = await place.cnilab(['up', file]);
      expect([up.code, up.stderr]).toEqual([0, expect.stringContaining('is up')]);
      const verified = await place.cnilab(['verify', 'second', '--only', 'attachments', '--json']);
      expect((JSON.parse(verified.stdout) as Report).checks).toMatchObject([{ id: 'attachments', verdict: 'pass', pairs: { planned: 4, passed: 4 } }]);
      expect((await place.cnilab(['exec', 'second', 'c1/default/web-control-plane1', '--', 'ping', '-c', '1', '-W', '2', '10.60.0.3'])).stdout).toContain(
        '1 received',
      );
      expect((await place.cnilab(['down', 'second'])).code).toBe(0);
      expect(place.leftovers()).toEqual([]);
    });
  },
);
