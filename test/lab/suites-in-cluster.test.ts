/** What is settled of Services, names and policies before anything is created in a cluster. */
import { describe, expect, it } from 'vitest';
import type { PodObject } from '../../engines/kubernetes/api-objects.ts';
import type { Beyond } from '../../engines/kubernetes/collect.ts';
import { expectedJobs } from '../../engines/kubernetes/expected-jobs.ts';
import { kubectlFor } from '../../engines/kubernetes/kubectl.ts';
import { observedPlan } from '../../engines/kubernetes/observed-plan.ts';
import { targetLines } from '../../engines/kubernetes/targets.ts';
import { guestAddresses, rangesDecide } from '../../lab/guest-addresses.ts';
import { suitesInCluster, type SuitesInCluster } from '../../lab/suites-in-cluster.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import type { Suite } from '../../verify/suites.ts';
import { recordedFacts } from '../engines/kubernetes-fixture.ts';

const facts = recordedFacts();
const NODES = ['control-plane1', 'worker1', 'worker2'].map((plan, index) => ({ plan, name: facts.nodes[index]?.name ?? '' }));
const WORKER = facts.nodes[1];

const service = (ranges: readonly string[]): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    type: 'LoadBalancer',
    clusterIP: '10.96.7.7',
    clusterIPs: ['10.96.7.7'],
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    loadBalancerSourceRanges: ranges,
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
  },
  status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } },
});
const ADDRESSES = ['10.244.3.20', '10.244.3.21'];
const pods = ADDRESSES.map(
  (ip, index): PodObject => ({
    metadata: { name: `web-${index}`, namespace: 'default', labels: { app: 'web' } },
    spec: { nodeName: WORKER?.name ?? '', containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec'] }] },
    status: { phase: 'Running', podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
  }),
);
const slice = {
  metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: ADDRESSES.map((ip, index) => ({
    addresses: [ip],
    conditions: { ready: true },
    nodeName: WORKER?.name,
    targetRef: { kind: 'Pod', namespace: 'default', name: `web-${index}` },
  })),
};

interface Settled {
  readonly beyond: Beyond | null;
  readonly suites: SuitesInCluster;
  readonly observed: LabPlan;
  readonly allowed: number;
  /** File of calls → its lines. */
  readonly calls: Readonly<Record<string, readonly string[]>>;
}

async function settle(suites: readonly Suite[], ranges: readonly string[] = []): Promise<Settled> {
  const plan = planLab({
    name: 'settled',
    clusters: [
      {
        name: 'lab',
        workers: 2,
        cni: { type: 'flannel' },
        dns: false,
        workloads: [{ name: 'web', replicas: 2 }],
        objects: [service(ranges)].map(({ status: _status, ...object }) => object),
      },
    ],
  });
  const lists: Readonly<Record<string, readonly unknown[]>> = {
    services: [service(ranges)],
    endpointslices: [slice],
    pods,
    nodes: facts.nodes.map((node) => ({
      metadata: { name: node.name },
      status: { addresses: node.internalIPs.map((address) => ({ type: 'InternalIP', address })) },
    })),
  };
  const kubectl = kubectlFor(
    { cluster: 'lab', kubeconfig: null, context: null, onNode: null },
    {
      run: (argv) => Promise.resolve({ exitCode: 0, stderr: '', failure: '', stdout: JSON.stringify({ items: lists[argv.at(-1)?.split('/').at(-1) ?? ''] }) }),
    },
  );
  let allowed = 0;
  let observed = plan;
  const made = suitesInCluster({
    kubectl,
    facts,
    suites,
    lab: 'settled',
    namespace: 'verify',
    ownLab: true,
    options: { families: ['ipv4'], attempts: 3 },
    deadlineMs: 1000,
    signal: new AbortController().signal,
    mayEnter: () => Promise.resolve(void allowed++),
    observe: (jobs): LabPlan => {
      observed = observedPlan({ lab: 'settled', cluster: 'lab', facts, plan, nodes: NODES, collected: expectedJobs('verify', jobs, ['ipv4']) });
      return observed;
    },
  });
  const beyond = await made.prepare(targetLines(facts, []));
  const files = beyond?.objects.flatMap((object) => Object.entries(object['data'] as Readonly<Record<string, string>>)) ?? [];
  return { beyond, suites: made, observed, allowed, calls: Object.fromEntries(files.map(([name, text]) => [name, text.split('\n')])) };
}

/** Connections of the Job of R1 on the first worker to the load balancer. */
function balanced({ calls }: Settled): number {
  const line = (calls['r1-1'] ?? calls['r1'])?.find((one) => one.startsWith('call\ttcp\t203.0.113.7\t80\t'));
  return Number(line?.split('\t')[4] ?? 0);
}

describe('what is asked of a cluster', () => {
  it('needs to enter pods of the lab for Services and policies, and for names alone not', async () => {
    const [names, services] = [await settle(['dns']), await settle(['services'])];
    expect(names).toMatchObject({ allowed: 0, beyond: { enterMs: 0 } });
    expect(names.suites.notes).toContainEqual(expect.stringContaining('they are entered for Services and policies alone'));
    expect(services.allowed).toBe(1);
    expect(services.beyond?.enterMs).toBeGreaterThan(60_000);
  });

  it('names an entered pod that did not come to its end', async () => {
    const { suites, observed } = await settle(['services']);
    const done = { type: 'done', requirement: 'own', node: NODES[1]?.name ?? '', probes: 1, error: '' } as const;
    const ended = [
      { ...done, pod: 'default/web-0', complete: true },
      { ...done, pod: 'default/web-1', complete: false, error: 'not done after 30 seconds' },
    ];
    await suites.judged(observed, { probes: [], replies: [], done: ended });
    expect(suites.notes.filter((note) => note.includes('not all was asked'))).toEqual(['lab: not all was asked from default/web-1: not done after 30 seconds']);
  });

  it('is enough whatever address a pod gets, where a range decides who may call', async () => {
    const open = balanced(await settle(['services']));
    expect(open).toBeGreaterThan(1);
    // The first half of the worker's share, and the second.
    expect(balanced(await settle(['services'], ['10.244.3.0/25']))).toBeGreaterThanOrEqual(open);
    expect(balanced(await settle(['services'], ['10.244.3.128/25']))).toBeGreaterThanOrEqual(open);
    expect(balanced(await settle(['services'], ['198.51.100.0/24']))).toBe(1);
  });
});

describe('addresses of pods that are not there yet', () => {
  it('are free ones of their node, from both ends, and in no family none', () => {
    expect(guestAddresses(['10.244.3.0/24'], new Set(['10.244.3.2', '10.244.3.254']))).toEqual([
      ['10.244.3.253', '2001:db8::1'],
      ['10.244.3.3', '2001:db8::1'],
      ['192.0.2.1', '2001:db8::1'],
    ]);
    expect(guestAddresses(['fd00:10:244:1::/64', '10.244.1.0/24'], new Set())[0]).toEqual(['fd00:10:244:1:ffff:ffff:ffff:ffff', '10.244.1.254']);
    expect(guestAddresses([], new Set())[0]).toEqual(['192.0.2.1', '2001:db8::1']);
  });
  it('decide where a policy has a block', () => {
    const withPolicy = (from: object): boolean => {
      const objects = [
        { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'p' }, spec: { podSelector: {}, ingress: [{ from: [from] }] } },
      ];
      const [cluster] = planLab({ name: 'blocks', clusters: [{ name: 'c1', cni: { type: 'calico' }, objects }] }).clusters;
      return rangesDecide(cluster ?? expect.fail('no cluster'));
    };
    expect(withPolicy({ ipBlock: { cidr: '10.244.3.0/25' } })).toBe(true);
    expect(withPolicy({ podSelector: {} })).toBe(false);
  });
});
