import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../verify/report.ts';
import { lacking } from '../requires.ts';
import { Place } from './cnilab.ts';

/** Labs about Services, names and policies, and the checks that are there for them: none of these may be skipped. */
const ABOUT: Readonly<Record<string, readonly string[]>> = {
  'service-clusterip': ['service-cluster-ip', 'service-from-node', 'service-hairpin', 'service-source', 'dns-records'],
  'service-loadbalancer': ['service-load-balancer', 'service-traffic-policy', 'service-source'],
  'service-kinds': ['service-cluster-ip', 'service-node-port', 'service-load-balancer', 'dns-records'],
  journey: ['service-load-balancer', 'service-source', 'dns-ladder'],
  'dns-broken': ['dns-ladder', 'dns-records'],
  'service-nodeport': ['service-node-port', 'service-traffic-policy', 'service-source'],
  'proxy-modes': ['service-cluster-ip', 'service-hairpin', 'service-node-port', 'service-affinity', 'service-source'],
  'cluster-dns': ['dns-records', 'dns-search', 'dns-resolv-conf'],
  'dns-policy': ['dns-resolv-conf', 'dns-search'],
  'policy-db': ['policy-matrix', 'dns-resolv-conf'],
  'policy-deny-all': ['policy-matrix'],
  'ingress-hosts': ['ingress', 'service-source'],
};
/** Whole clusters of one CNI each, judged in every profile. What other labs have, their lessons check. */
const NETWORK = [
  'bridge-gateway',
  'bridge-routes',
  'calico-bgp',
  'calico-cross-subnet',
  'calico-reflector',
  'flannel-host-gw',
  'flannel-vxlan',
  'three-requirements',
  'weave-mesh',
] as const;
/** A negative control: what is wrong in it must be found. */
const USERSPACE = 'service-userspace';
const why = lacking('netns', 'plugins', 'bird', 'dns-server', 'dnsmasq', 'nginx');

const wrong = (report: Report): readonly string[] =>
  report.checks.filter((c) => c.verdict === 'fail' || c.verdict === 'inconclusive').map((c) => `${c.id}: ${c.failures[0]?.saw ?? c.reason}`);

describe.skipIf(why !== null)(`shipped labs on real network namespaces${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let place: Place;
  beforeAll(() => {
    place = new Place();
  });
  afterAll(async () => {
    await place[Symbol.asyncDispose]();
  });

  async function upLab(file: string): Promise<void> {
    const up = await place.cnilab(['up', join('labs', file)]);
    expect(up.stderr + up.stdout, 'up').toContain('is up');
    expect(up.code).toBe(0);
  }

  async function verified(name: string, ...options: readonly string[]): Promise<{ readonly report: Report; readonly code: number | null }> {
    const { stdout, code } = await place.cnilab(['verify', name, ...options, '--json']);
    return { report: JSON.parse(stdout) as Report, code };
  }

  async function downLab(name: string): Promise<void> {
    expect((await place.cnilab(['down', name])).code).toBe(0);
    expect(place.leftovers()).toEqual([]);
  }

  it.each(NETWORK)('%s comes up, satisfies the network model in every profile, and leaves nothing', async (name) => {
    await upLab(`${name}.ts`);
    for (const profile of ['classic', 'current', 'strict']) {
      const { report, code } = await verified(name, '--profile', profile);
      if (profile === 'strict') {
        // Bridge with masquerade, flannel and Calico rewrite what pods send to nodes, by design; strict is there to show it.
        expect(report.checks.filter((c) => c.verdict === 'fail').map((c) => c.id)).toEqual(['r2-pod-to-node', 'r3-self-view']);
        expect(code).toBe(1);
      } else {
        expect(wrong(report)).toEqual([]);
        expect(code).toBe(0);
        expect(report.verdict).toBe('pass');
        expect(report.requirements.map((r) => [r.id, r.verdict])).toEqual([
          ['R1', 'pass'],
          ['R2', 'pass'],
          ['R3', 'pass'],
        ]);
      }
    }
    await downLab(name);
  });

  it.each(Object.keys(ABOUT))('%s comes up, passes what it is about, and leaves nothing', async (name) => {
    await upLab(`${name}.ts`);
    const { report, code } = await verified(name);
    expect(wrong(report)).toEqual([]);
    expect([code, report.verdict]).toEqual([0, 'pass']);
    const passed = report.checks.filter((check) => check.verdict === 'pass' && check.pairs.passed > 0).map((check) => check.id);
    expect(passed).toEqual(expect.arrayContaining([...(ABOUT[name] ?? [])]));
    await downLab(name);
  });

  it('service-userspace: names reach their endpoints, and the verifier finds the proxy that stands in between', async () => {
    await upLab(`${USERSPACE}.ts`);
    const { report, code } = await verified(USERSPACE);
    const verdictOf = (id: string): string | undefined => report.checks.find((check) => check.id === id)?.verdict;
    expect(code).toBe(1);
    expect(report.checks.filter((check) => check.verdict === 'fail').map((check) => check.id)).toEqual(['service-source']);
    expect(['r1-pod-to-pod', 'service-cluster-ip', 'service-from-node', 'service-hairpin'].map(verdictOf)).toEqual(['pass', 'pass', 'pass', 'pass']);
    expect(report.diagnoses.map((one) => one.name)).toEqual(['proxy-in-path']);
    const [proxy] = report.diagnoses;
    expect(proxy?.evidence.join('\n')).toMatch(/KUBE-PORTALS-CONTAINER .*10\.16\.59\.77\/32 .*--to-ports 53407/);
    expect(proxy?.evidence.join('\n')).toMatch(/a process on node1 listens on 0\.0\.0\.0:53407/);
    await downLab(USERSPACE);
  });

  it('the labs show what their comments say', async () => {
    const shown = async (lab: string, where: string, ...argv: readonly string[]): Promise<string> =>
      (await place.cnilab(['exec', lab, where, '--', ...argv])).stdout;
    await Promise.all(['service-clusterip.ts', 'cluster-dns.ts', 'dns-policy.ts', 'policy-db.ts', 'policy-deny-all.ts'].map(upLab));
    expect(await shown('service-clusterip', 'default/shell', 'getent', 'hosts', 'mysql')).toMatch(/^10\.16\.59\.77\s/);
    expect(await shown('service-clusterip', 'node1', 'iptables-save', '-t', 'nat')).toMatch(/KUBE-SEP-\S+ .*--to-destination 172\.17\.29\.35:3306/);
    expect(await shown('cluster-dns', 'apps/web', 'getent', 'hosts', '10-244-2-5.apps.pod.cluster.local')).toMatch(/^10\.244\.2\.5\s/);
    expect(await shown('cluster-dns', 'apps/web', 'getent', 'hosts', 'web-service')).toMatch(/^10\.107\.37\.188\s/);
    const conf = async (pod: string): Promise<string> => shown('dns-policy', `default/${pod}`, 'cat', '/etc/resolv.conf');
    expect(await conf('host-net')).toBe(await conf('cluster-first'));
    expect(await conf('default')).toBe('nameserver 172.30.0.53\n');
    expect(await conf('none')).toBe('search default.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:2\n');
    const pings = async (lab: string, where: string, address: string): Promise<boolean> =>
      (await shown(lab, where, 'ping', '-c1', '-W1', address)).includes(' 1 received');
    expect(await pings('policy-db', 'stranger', '10.244.0.70')).toBe(false);
    expect(await pings('policy-deny-all', 'calico/node1', '10.244.0.1')).toBe(true);
    expect(await shown('policy-db', 'prod/db', 'timeout', '3', 'getent', 'hosts', 'kubernetes.default')).toBe('');
    expect(await shown('policy-db', 'prod/api-pod', 'getent', 'hosts', 'kubernetes.default')).toMatch(/^10\.96\.0\.1\s/);
    await place.cnilab(['down', '--all']);
    expect(place.leftovers()).toEqual([]);
  });
});
