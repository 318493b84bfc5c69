/** Walks between machines that are no nodes, on the real kernel: containers and published ports, cables laid by hand, routers, and from outside to a node port. */
import { describe, expect, it } from 'vitest';
import type { EngineSession } from '../../engines/port.ts';
import type { LabSpec } from '../../topology/spec.ts';
import type { WalkEnds } from '../../verify/walk/goal.ts';
import type { WalkReport } from '../../verify/walk/document.ts';
import { diagnoseWay } from '../../verify/diagnose-way.ts';
import { explainWay } from '../../verify/walk/explain-way.ts';
import { lacking } from '../requires.ts';
import { VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins');

type Walk = (from: string, to: string, port?: number) => Promise<WalkReport>;

/** Runs with a lab that is up; `kind`: what the second ends are. */
async function walking(spec: LabSpec, work: (walk: Walk, session: EngineSession) => Promise<void>, kind: 'host' | 'node' | 'pod' = 'host'): Promise<void> {
  await using lab = await VerifiedLab.up(spec);
  const session = await lab.open();
  const walk: Walk = async (from, to, port) => {
    const between: WalkEnds = { cluster: lab.plan.clusters[0]?.name ?? '', from, to: { kind, id: to } };
    return explainWay(session, lab.plan, { between, word: to, address: null, port: port ?? null, live: true });
  };
  try {
    await work(walk, session);
  } finally {
    await session.close();
  }
}

/** Two networks, and between them a machine that does not forward. */
const ROUTED: LabSpec = {
  name: 'walk-router',
  underlay: {
    segments: [
      { name: 'net1', cidr: '192.168.1.0/24' },
      { name: 'net2', cidr: '192.168.2.0/24' },
    ],
  },
  hosts: [
    { name: 'a', segment: 'net1' },
    { name: 'c', segment: 'net2' },
  ],
  routers: [{ name: 'b', forwarding: false, interfaces: [{ segment: 'net1' }, { segment: 'net2' }] }],
};

const plainly = ({ arrives, why: reason, live }: WalkReport): unknown => ({ arrives, why: reason, outcome: live?.outcome, differs: live?.differs });
const GOOD = { arrives: 'yes', why: '', outcome: 'ok', differs: [] };

describe.skipIf(why !== null)(`walks between hosts${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('reach containers by published ports, and end where Docker keeps networks apart', async () => {
    const spec: LabSpec = {
      name: 'walk-docker',
      hosts: [
        {
          name: 'docker1',
          docker: {
            networks: [{ name: 'shop', subnet: '172.18.0.0/16' }],
            containers: [{ name: 'web', ports: [{ hostPort: 8080, containerPort: 80 }] }, { name: 'peer' }, { name: 'db', network: 'shop' }],
          },
        },
        { name: 'client' },
      ],
    };
    await walking(spec, async (walk) => {
      const published = await walk('client', 'docker1', 8080);
      expect(plainly(published)).toEqual(GOOD);
      expect(published.live?.answeredBy).toBe('docker1/web');
      expect(published.legs[0]?.hops.map(({ says }) => says).join('\n')).toMatch(/its destination becomes 172\.17\.0\.\d:80/);
      expect(plainly(await walk('docker1/web', 'docker1/peer'))).toEqual(GOOD);
      const out = await walk('docker1/web', 'client');
      expect(plainly(out)).toEqual(GOOD);
      expect(out.notes.join()).toMatch(/client sees .* in the place of 172\.17\.0/);
      expect(plainly(await walk('docker1/web', 'docker1/db'))).toMatchObject({
        arrives: 'no',
        why: expect.stringMatching(/DOCKER-ISOLATION/),
        outcome: 'silent',
        differs: [],
      });
      expect(plainly(await walk('docker1/peer', 'docker1', 8080))).toMatchObject({
        arrives: 'unknown',
        why: expect.stringMatching(/docker-proxy/),
        outcome: 'ok',
        differs: [],
      });
    });
  });

  it('follow a cable that was laid by hand', async () => {
    await walking({ name: 'walk-hand', hosts: ['ns1', 'ns2'].map((name) => ({ name, segment: 'none' })) }, async (walk, session) => {
      const run = async (netns: string, line: string): Promise<void> => expect(await session.run(netns, line.split(' '))).toMatchObject({ exitCode: 0 });
      await run('ns1', 'ip link add veth0 type veth peer name veth1');
      await run('ns1', 'ip link set veth1 netns ns2');
      await run('ns1', 'ip address add 10.1.1.2/24 dev veth0');
      await run('ns2', 'ip address add 10.1.1.3/24 dev veth1');
      await run('ns1', 'ip link set veth0 up');
      expect(plainly(await walk('ns1', 'ns2'))).toMatchObject({ arrives: 'no', differs: [] });
      await run('ns2', 'ip link set veth1 up');
      expect(plainly(await walk('ns1', 'ns2'))).toEqual(GOOD);
      expect(plainly(await walk('ns2', 'ns1'))).toEqual(GOOD);
    });
  });

  it('end at a router that does not forward', async () => {
    await walking(ROUTED, async (walk, session) => {
      expect(plainly(await walk('a', 'c'))).toEqual({ arrives: 'no', why: 'b does not forward: net.ipv4.ip_forward is 0', outcome: 'silent', differs: [] });
      expect(await session.run('router.b', ['sysctl', '-w', 'net.ipv4.ip_forward=1'])).toMatchObject({ exitCode: 0 });
      expect(plainly(await walk('a', 'c'))).toEqual(GOOD);
      expect(plainly(await walk('b', 'c'))).toEqual(GOOD);
    });
  });

  it('are diagnosed: the same silence at the client, two causes with a command that mends each', async () => {
    await using lab = await VerifiedLab.up(ROUTED);
    const session = await lab.open();
    const between = { cluster: '', from: 'a', to: { kind: 'host', id: 'c' } } as const;
    const diagnosed = async (): Promise<unknown> => {
      const { report } = await diagnoseWay(session, lab.plan, { between, word: 'c', address: null, port: null });
      return [report.found, report.ladder[0]?.verdict, ...report.diagnoses.map(({ name, where, confidence }) => [name, where, confidence])];
    };
    const run = async (netns: string, line: string): Promise<void> => expect(await session.run(netns, line.split(' '))).toMatchObject({ exitCode: 0 });
    try {
      expect(await diagnosed()).toEqual([true, 'fail', ['forwarding-disabled', ['b'], 'certain']]);
      await run('router.b', 'sysctl -w net.ipv4.ip_forward=1');
      expect(await diagnosed()).toEqual([false, 'pass']);
      await run('host.c', 'ip route del default');
      expect(await diagnosed()).toEqual([true, 'fail', ['no-return-route', ['c'], 'certain']]);
    } finally {
      await session.close();
    }
  });

  it('lead from outside to a node port', async () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }] },
    };
    const spec: LabSpec = {
      name: 'walk-outside',
      outside: { hosts: [{ name: 'laptop' }] },
      clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' }, objects: [service], workloads: [{ name: 'web', perNode: 1 }] }],
    };
    await walking(
      spec,
      async (walk) => {
        for (let times = 0; times < 4; times++) expect(plainly(await walk('laptop', 'c1/worker1', 30_080))).toEqual(GOOD);
      },
      'node',
    );
  });
});
