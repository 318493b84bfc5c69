/** What only verifications inside of clusters need of the checks: replies made up for a rehearsal, two reports as one, and answers that only some programs give. */
import { describe, expect, it } from 'vitest';
import { callingSession } from '../../engines/kubernetes/calling-session.ts';
import type { ProbeLine } from '../../engines/kubernetes/evidence.ts';
import { rehearse } from '../../engines/kubernetes/rehearsal.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { decodeQuestion, decodeReply, encodeQuestion, encodeReply } from '../../verify/dns/message.ts';
import { hasOwnResolvers, nodeConf } from '../../verify/dns/node-conf.ts';
import { clusterEnds } from '../../verify/endpoints.ts';
import { joinReports } from '../../verify/join-reports.ts';
import { cellsOf, unservedPorts } from '../../verify/policy/cells.ts';
import type { Report } from '../../verify/report.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { planFlows } from '../../verify/services/flows.ts';
import { modelSession } from './model-session.ts';

const objects: readonly KubernetesObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: {
      selector: { app: 'web' },
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'other', port: 81, targetPort: 9999 },
      ],
    },
  },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'none' }, spec: { podSelector: {}, policyTypes: ['Ingress'] } },
];
const plan = planLab({
  name: 'joined',
  clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' }, workloads: [{ name: 'web', perNode: 1, ports: [{ containerPort: 8080 }] }], objects }],
});
const [cluster] = plan.clusters;
if (cluster === undefined) throw new Error('no cluster');

describe('a reply for a rehearsal', () => {
  it('is one that a client reads, with the addresses and the question that was asked', () => {
    const question = encodeQuestion(7, 'web.default.svc.cluster.local', 'A');
    expect(decodeQuestion(question)).toEqual({ name: 'web.default.svc.cluster.local', type: 'A' });
    const name = 'web.default.svc.cluster.local';
    expect(decodeReply(encodeReply(question, [{ name, ttl: 30, type: 'A', address: '10.96.0.77' }]))).toEqual({
      id: 7,
      truncated: false,
      rcode: 'NOERROR',
      answers: [{ name, ttl: 30, type: 'A', address: '10.96.0.77' }],
    });
    const six = encodeReply(encodeQuestion(8, name, 'AAAA'), [{ name, ttl: 30, type: 'AAAA', address: 'fd00:10::1' }]);
    expect(decodeReply(six).answers).toMatchObject([{ address: 'fd00:10::1' }]);
    expect(decodeReply(encodeReply(question, [])).answers).toEqual([]);
  });
});

describe('two reports as one', () => {
  const report = async (suite: 'network' | 'services'): Promise<Report> => await verifyLab(modelSession(plan), plan, { suites: [suite] });

  it('have the checks and counts of both, the worse verdict, and leave nothing out that the other did', async () => {
    const [network, services] = await Promise.all([report('network'), report('services')]);
    const joined = joinReports(network, services, ['network', 'services']);
    expect(joined.checks.map((check) => check.id)).toEqual([...network.checks, ...services.checks].map((check) => check.id));
    expect(joined.totals.probes).toBe(network.totals.probes + services.totals.probes);
    expect(joined.requirements).toEqual(network.requirements);
    expect(network.notLookedAt).toContain('the suite services: not asked for');
    expect(joined.notLookedAt.filter((line) => line.endsWith('not asked for')).toSorted()).toEqual([
      'the suite dns: not asked for',
      'the suite policy: not asked for',
    ]);
    const failed = { ...services, checks: services.checks.map((check) => ({ ...check, verdict: 'fail' as const })) };
    expect(joinReports({ ...network, verdict: 'pass' }, failed, ['network', 'services']).verdict).toBe('fail');
  });
});

describe('where no responders can be opened', () => {
  const pods = cluster.pods.filter((pod) => pod.namespace === 'default');
  const addresses = pods.map((pod) => pod.interface?.addresses[0]?.address ?? '');
  const ids = new Set(pods.map((pod) => pod.id));
  const serves = new Set(addresses.map((address) => `${address} tcp 8080`));
  const [ends] = clusterEnds(plan, new Map([['c1', { asks: ids, asksAll: ids, answers: ids, serves, offsets: 'all', nobody: new Map() }]]));
  if (ends === undefined) throw new Error('no ends');

  it('Services are asked at ports alone behind which all programs say who they are', () => {
    const flows = planFlows(plan, ends, 'ipv4', 'tcp').flows;
    expect(new Set(flows.map(({ service, port }) => `${service.name} ${port.name}`))).toEqual(new Set(['web http']));
    const [open] = clusterEnds(plan);
    if (open === undefined) throw new Error('no ends');
    expect(new Set(planFlows(plan, open, 'ipv4', 'tcp').flows.map(({ port }) => port.name))).toContain('other');
  });
  it('policies are tried at ports alone that are served', () => {
    expect(new Set(cellsOf(ends, plan, 'ipv4', 'tcp').map((cell) => cell.port))).toEqual(new Set([8080]));
    expect(cellsOf(ends, plan, 'ipv4', 'udp')).toEqual([]);
    const { cells, ports } = unservedPorts(ends, plan, 'ipv4', 'udp');
    expect(cells).toBeGreaterThan(0);
    expect(ports.length).toBeGreaterThan(0);
    const [open] = clusterEnds(plan);
    if (open === undefined) throw new Error('no ends');
    expect(unservedPorts(open, plan, 'ipv4', 'udp')).toEqual({ cells: 0, ports: [] });
  });
});

describe('policies at ports that nobody serves', () => {
  it('are not judged, and the report says why', async () => {
    const calico = planLab({
      name: 'mute',
      clusters: [{ name: 'c1', workers: 1, cni: { type: 'calico' }, workloads: [{ name: 'web', perNode: 1 }], objects }],
    });
    const ids = new Set(calico.clusters.flatMap((one) => one.pods).map((pod) => pod.id));
    const casts = new Map([['c1', { asks: ids, asksAll: ids, answers: ids, serves: new Set<string>(), offsets: 'all' as const, nobody: new Map() }]]);
    const report = await verifyLab(modelSession(calico), calico, { casts, suites: ['policy'] });
    const [matrix] = report.checks.filter((check) => check.id === 'policy-matrix');
    expect(matrix).toMatchObject({ verdict: 'skip', reason: expect.stringContaining('no program of the lab says who answers at port') });
    expect(report.notLookedAt.join()).toContain('no program of the lab says who answers at port');
  });
});

describe('policies where the CNI enforces them', () => {
  const enforced = planLab({
    name: 'enforced',
    clusters: [{ name: 'c1', workers: 1, cni: { type: 'calico' }, workloads: [{ name: 'web', perNode: 1, ports: [{ containerPort: 8080 }] }], objects }],
  });
  const pods = enforced.clusters.flatMap((one) => one.pods).filter((pod) => pod.namespace === 'default');
  const ids = new Set(pods.map((pod) => pod.id));
  const serves = new Set(pods.map((pod) => `${pod.interface?.addresses[0]?.address ?? ''} tcp 8080`));
  const casts = new Map([['c1', { asks: ids, asksAll: ids, answers: ids, serves, offsets: 'all' as const, nobody: new Map() }]]);
  const options = { casts, suites: ['policy'] as const };

  /** What the calls of a rehearsal would have reported, where each was silent but for those that `answered` lets through. */
  async function judge(answered: (client: string, address: string) => boolean, lab = enforced): Promise<Report> {
    const { session, calls } = rehearse((message) => message);
    await verifyLab(session, lab, options);
    const probes = [...calls()].flatMap(([place, list]) =>
      list.flatMap((call) => {
        if (call.kind !== 'call') return [];
        const server = pods.find((pod) => pod.interface?.addresses[0]?.address === call.address);
        const open = answered(place, call.address);
        return Array.from(
          { length: call.attempts },
          (_, attempt): ProbeLine => ({
            type: 'probe',
            kind: 'call',
            requirement: 'own',
            node: '',
            pod: place,
            target: '',
            targetNode: '',
            address: call.address,
            port: call.port,
            protocol: call.protocol,
            family: 'ipv4',
            attempt,
            exit: open ? 0 : 28,
            error: open ? '' : 'timed out',
            connectMs: open ? 1 : 0,
            ms: 1,
            connects: 1,
            localAddress: '10.0.0.1',
            localPort: 40_000,
            seen: open ? '10.0.0.1:40000' : '',
            hostname: open ? (server?.name ?? '') : '',
            nonce: 'a',
            echo: open ? 'a' : '',
            bytes: 0,
          }),
        );
      }),
    );
    const places = new Map([...calls().keys()].map((place) => [place, place]));
    return await verifyLab(callingSession({ probes, replies: [] }, lab, places), lab, options);
  }
  const own = (client: string, address: string): boolean => {
    const node = enforced.clusters[0]?.nodes.find((one) => one.netns === client);
    // A node is let through to its own pods, whatever policies say.
    return node !== undefined && pods.some((pod) => pod.node === node.name && pod.interface?.addresses[0]?.address === address);
  };

  it('are not judged by the silence of a pod that is not ready and that nobody heard', async () => {
    const starting = {
      ...enforced,
      clusters: enforced.clusters.map((one) => ({ ...one, pods: one.pods.map((pod) => (ids.has(pod.id) ? { ...pod, ready: false } : pod)) })),
    };
    const silent = (await judge(() => false)).checks[0]?.pairs;
    expect(silent?.passed).toBeGreaterThan(0);
    const deaf = (await judge(() => false, starting)).checks[0];
    expect(deaf?.pairs).toMatchObject({ passed: 0, inconclusive: silent?.passed });
    const heard = (await judge(own, starting)).checks[0];
    expect(heard, 'their own nodes are answered').toMatchObject({ verdict: 'pass', pairs: { inconclusive: 0 } });
  });

  it('pass where what they block is silent, and fail where one of it answers', async () => {
    const blocked = await judge(own);
    expect(blocked.checks).toMatchObject([{ id: 'policy-matrix', verdict: 'pass', failuresTotal: 0 }]);
    expect(blocked.checks[0]?.pairs.planned).toBe(6);
    const [first, second] = pods;
    const leak = await judge((client, address) => own(client, address) || (client === first?.netns && address === second?.interface?.addresses[0]?.address));
    expect(leak.checks[0]).toMatchObject({
      verdict: 'fail',
      pairs: { failed: 1 },
      failures: [{ class: 'unexpected-answer', client: first?.id, server: second?.id }],
    });
    // Where nothing was reported nothing is known.
    const mute = await verifyLab(callingSession({ probes: [], replies: [] }, enforced, new Map()), enforced, options);
    expect(mute.checks[0]).toMatchObject({ verdict: 'inconclusive', pairs: { passed: 0, failed: 0 } });
  });
});

describe('the resolver of a node', () => {
  it('is the planned one, but on machines of others the one that they have; null where nobody could read it', async () => {
    const session = modelSession(plan);
    expect(await nodeConf({ session, plan }, 'node')).toEqual({ nameservers: [], search: [], options: [] });
    const names = { exchange: () => Promise.resolve([]), resolve: () => Promise.resolve([]) };
    const run = (): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> =>
      Promise.resolve({ exitCode: 0, stdout: 'search corp.example\nnameserver 192.0.2.53\n', stderr: '' });
    const real = { plan, session: { ...session, names, run } };
    expect(hasOwnResolvers(real)).toBe(true);
    expect(await nodeConf(real, 'node')).toEqual({ nameservers: ['192.0.2.53'], search: ['corp.example'], options: [] });
    const mute = { plan, session: { ...session, names, run: () => Promise.reject(new Error('nobody')) } };
    expect(await nodeConf(mute, 'node')).toBeNull();
  });
});
