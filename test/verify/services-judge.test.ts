/** What became of connections, as findings: under which check each belongs, and what is no finding. */
import { describe, expect, it } from 'vitest';
import { planLab } from '../../topology/plan-lab.ts';
import type { Outcome } from '../../engines/port.ts';
import type { IpvsScheduler, KubernetesObject } from '../../topology/spec.ts';
import { clusterEnds } from '../../verify/endpoints.ts';
import { createHistogram } from '../../verify/latency.ts';
import { planFlows, type FlowCandidate, type ServiceFlow } from '../../verify/services/flows.ts';
import { judgeSight, type JudgedFlow } from '../../verify/services/judge.ts';
import type { ObservedFlow } from '../../verify/services/observe.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { serviceObject } from '../service-object.ts';
import { modelSession, SILENT } from './model-session.ts';

const service = (name: string, app: string, spec: Readonly<Record<string, unknown>> = {}): KubernetesObject =>
  serviceObject(name, { selector: { app }, ...spec });
const plan = planLab({
  name: 'judged',
  clusters: [
    {
      name: 'c1',
      workers: 2,
      controlPlanes: 1,
      cni: { type: 'flannel' },
      dns: false,
      workloads: [
        { name: 'web', perNode: 1 },
        { name: 'client', perNode: 1 },
      ],
      objects: [
        service('web', 'web', { type: 'NodePort' }),
        service('sticky', 'web', { sessionAffinity: 'ClientIP' }),
        service('near', 'web', { internalTrafficPolicy: 'Local' }),
        service('close', 'web', { trafficDistribution: 'PreferSameNode' }),
        service('nobody', 'nobody'),
      ],
    },
  ],
});
const [cluster] = clusterEnds(plan);
const flows = planFlows(plan, cluster ?? expect.fail('no cluster'), 'ipv4', 'tcp');

function flowOf(client: string, name: string, via: ServiceFlow['door']['via'] = 'cluster-ip', node: string | null = null): ServiceFlow {
  const found = flows.flows.find((one) => one.client.id === `c1/${client}` && one.service.name === name && one.door.via === via && one.door.node === node);
  return found ?? expect.fail(`${client} ${name} ${via}`);
}
const listenerOf = (pod: string): number => flows.listeners.findIndex((one) => one.id === `c1/default/${pod}`);

interface Seen {
  readonly outcomes: Partial<Record<Outcome, number>>;
  readonly answers?: Readonly<Record<string, number>>;
  readonly more?: Partial<ObservedFlow>;
}

function observe(flow: ServiceFlow, { outcomes, answers = {}, more = {} }: Seen): ObservedFlow {
  const counted = new Map(Object.entries(outcomes)) as ObservedFlow['outcomes'];
  const records = [...counted.values()].reduce((sum, times) => sum + times, 0);
  return {
    flow,
    planned: records,
    records,
    outcomes: counted,
    answers: new Map(Object.entries(answers).map(([pod, times]) => [listenerOf(pod), times])),
    foreignSources: new Map(),
    garbled: 0,
    unusable: null,
    occupied: false,
    ...more,
  };
}

const judge = (...observed: readonly ObservedFlow[]): readonly JudgedFlow[] => judgeSight({ plan: flows, observed, latency: createHistogram() });
const findings = (...observed: readonly ObservedFlow[]): readonly string[] =>
  judge(...observed).flatMap((one) => one.findings.map(({ check, class: what }) => `${check} ${what}`));

const client = flowOf('default/client-worker1', 'web');
const itself = flowOf('default/web-worker1', 'web');
const EACH = { 'web-control-plane1': 20, 'web-worker1': 20, 'web-worker2': 20 };

describe('a served flow', () => {
  it('is a case of its own check and of the source it shows', () => {
    expect(judge(observe(client, { outcomes: { ok: 60 }, answers: EACH }))).toMatchObject([
      { primary: 'service-cluster-ip', checks: ['service-cluster-ip', 'service-source'], findings: [], unknown: null },
    ]);
    expect(judge(observe(itself, { outcomes: { ok: 60 }, answers: EACH }))[0]?.checks).toContain('service-hairpin');
    expect(judge(observe(flowOf('worker1', 'web'), { outcomes: { ok: 60 }, answers: EACH }))[0]?.primary).toBe('service-from-node');
    expect(judge(observe(flowOf('default/client-worker1', 'web', 'node-port', 'worker2'), { outcomes: { ok: 60 }, answers: EACH }))[0]?.primary).toBe(
      'service-node-port',
    );
  });

  it('fails where some connections are not answered, and says how many', () => {
    const [judged] = judge(observe(client, { outcomes: { ok: 40, silent: 20 }, answers: { 'web-worker1': 20, 'web-worker2': 20 } }));
    expect(judged?.findings).toMatchObject([{ check: 'service-cluster-ip', class: 'silent', saw: expect.stringContaining('20 of 60 connections') }]);
  });

  it('is a hairpin where a pod meets all others and never itself', () => {
    expect(findings(observe(itself, { outcomes: { ok: 40, silent: 20 }, answers: { 'web-control-plane1': 20, 'web-worker2': 20 } }))).toEqual([
      'service-hairpin silent',
    ]);
    expect(findings(observe(itself, { outcomes: { ok: 20, silent: 40 }, answers: { 'web-worker2': 20 } }))).toEqual(['service-cluster-ip silent']);
    expect(findings(observe(itself, { outcomes: { ok: 40, silent: 20 }, answers: { 'web-worker1': 20, 'web-worker2': 20 } }))).toEqual([
      'service-cluster-ip silent',
    ]);
  });

  it('fails where something else answers, by name of the policy that forbids it', () => {
    expect(
      findings(
        observe(client, {
          outcomes: { ok: 60 },
          answers: EACH,
          more: { answers: new Map([...Object.keys(EACH).map((pod) => [listenerOf(pod), 20] as const), [-1, 1]]) },
        }),
      ),
    ).toEqual(['service-cluster-ip wrong-server']);
    const near = flowOf('default/client-worker1', 'near');
    expect(findings(observe(near, { outcomes: { ok: 2 }, answers: { 'web-worker1': 1, 'web-worker2': 1 } }))).toEqual(['service-traffic-policy wrong-server']);
  });

  it('fails where an endpoint answers that its node passes over by hints', () => {
    const close = flowOf('default/client-worker1', 'close');
    expect(findings(observe(close, { outcomes: { ok: 2 }, answers: { 'web-worker1': 2 } }))).toEqual([]);
    const [far] = judge(observe(close, { outcomes: { ok: 2 }, answers: { 'web-worker1': 1, 'web-worker2': 1 } }));
    expect(far?.findings).toEqual([
      {
        check: 'service-cluster-ip',
        class: 'wrong-server',
        saw: 'c1/default/web-worker2 port 8080 answered 1 of 2 connections',
        expected: 'answers from c1/default/web-worker1 alone, hinted for that node or its zone',
      },
    ]);
  });

  it('fails where the endpoint sees another client', () => {
    const foreignSources = new Map([[`${listenerOf('web-worker2')} 172.30.0.3`, 4]]);
    expect(findings(observe(client, { outcomes: { ok: 60 }, answers: EACH, more: { foreignSources } }))).toEqual(['service-source rewritten']);
  });

  it('keeps its endpoint under session affinity', () => {
    const sticky = flowOf('default/client-worker1', 'sticky');
    expect(findings(observe(sticky, { outcomes: { ok: 8 }, answers: { 'web-worker2': 8 } }))).toEqual([]);
    expect(findings(observe(sticky, { outcomes: { ok: 8 }, answers: { 'web-worker1': 1, 'web-worker2': 7 } }))).toEqual(['service-affinity finding']);
  });

  it('keeps its endpoint under a scheduler of ipvs that hashes addresses, and under no other', () => {
    const by = (scheduler: IpvsScheduler, answers: Readonly<Record<string, number>>): readonly string[] => {
      const ends = { ...flows.cluster, plan: { ...flows.cluster.plan, kubeProxy: { mode: 'ipvs', scheduler } } } as const;
      const sight = { plan: { ...flows, cluster: ends }, observed: [observe(client, { outcomes: { ok: 60 }, answers })], latency: createHistogram() };
      return judgeSight(sight).flatMap((one) => one.findings.map(({ check, expected }) => `${check}: ${expected}`));
    };
    for (const scheduler of ['sh', 'mh', 'dh'] as const) {
      expect(by(scheduler, { 'web-worker2': 60 })).toEqual([]);
      expect(by(scheduler, { 'web-worker1': 1, 'web-worker2': 59 })).toEqual([
        `service-cluster-ip: the same endpoint for all connections of a client, by scheduler ${scheduler}`,
      ]);
    }
    expect(by('lc', { 'web-worker1': 1, 'web-worker2': 59 })).toEqual([]);
    expect(by('rr', { 'web-worker2': 60 })).toHaveLength(1);
  });

  it('is not judged by answers to other probes', () => {
    expect(findings(observe(client, { outcomes: { ok: 60 }, answers: EACH, more: { garbled: 1 } }))).toEqual(['service-cluster-ip foreign-nonce']);
  });
});

describe('shares', () => {
  it('may differ as far as chance goes, and no further', () => {
    expect(findings(observe(client, { outcomes: { ok: 60 }, answers: { 'web-control-plane1': 12, 'web-worker1': 28, 'web-worker2': 20 } }))).toEqual([]);
    expect(findings(observe(client, { outcomes: { ok: 60 }, answers: { 'web-worker1': 30, 'web-worker2': 30 } }))).toEqual(['service-cluster-ip finding']);
  });

  it('are counted over all clients behind one proxy', () => {
    const half = { outcomes: { ok: 30 } } as const;
    const other = observe(flowOf('default/web-worker1', 'web'), { ...half, answers: { 'web-worker1': 15, 'web-worker2': 15 } });
    const both = [observe(client, { ...half, answers: { 'web-worker1': 15, 'web-worker2': 15 } }), other];
    expect(findings(both[0] ?? other)).toEqual([]);
    expect(findings(...both)).toEqual(['service-cluster-ip finding']);
  });

  it('say nothing where connections fail', () => {
    expect(findings(observe(client, { outcomes: { ok: 59, silent: 1 }, answers: { 'web-worker1': 30, 'web-worker2': 29 } }))).toEqual([
      'service-cluster-ip silent',
    ]);
  });
});

describe('endpoints that may be silent', () => {
  const pods = Object.keys(EACH);
  /** The flow where only the named endpoints are to answer. */
  const only = (flow: ServiceFlow, open: readonly string[], rest: Partial<FlowCandidate>): ServiceFlow => {
    const listeners = open.map(listenerOf);
    return { ...flow, candidates: flow.candidates.map((one) => (listeners.includes(one.listener) ? one : { ...one, ...rest })) };
  };
  const BLOCKED = { policy: 'blocked' } as const;

  it('excuse their share of the connections, and no more', () => {
    const some = only(client, ['web-worker1', 'web-worker2'], BLOCKED);
    expect(findings(observe(some, { outcomes: { ok: 40, silent: 20 }, answers: { 'web-worker1': 20, 'web-worker2': 20 } }))).toEqual([]);
    expect(findings(observe(some, { outcomes: { silent: 40 } }))).toEqual(['service-cluster-ip silent']);
    expect(findings(observe(some, { outcomes: { ok: 40, refused: 20 }, answers: { 'web-worker1': 20, 'web-worker2': 20 } }))).toEqual([
      'service-cluster-ip refused',
    ]);
    const outside = only(client, ['web-worker1', 'web-worker2'], { listener: -1 });
    expect(findings(observe(outside, { outcomes: { refused: 40 } }))).toEqual(['service-cluster-ip refused']);
  });

  it('do not hide an open one that is never chosen', () => {
    const one = only(client, ['web-worker1', 'web-worker2'], BLOCKED);
    expect(findings(observe(one, { outcomes: { ok: 40, silent: 20 }, answers: { 'web-worker1': 40 } }))).toEqual(['service-cluster-ip finding']);
  });

  it('are counted over all clients behind one proxy, where each asks too little', () => {
    const few = ['web-worker1', 'web-worker2'].map((pod) =>
      observe(only(flowOf(`default/${pod}`, 'web'), pods.slice(1), BLOCKED), { outcomes: { silent: 12 } }),
    );
    expect(findings(...few.slice(0, 1))).toEqual([]);
    const both = few.map((one) => ({ ...one, flow: { ...one.flow, expectation: few[0]?.flow.expectation ?? one.flow.expectation } }));
    expect(findings(...both)).toEqual(['service-cluster-ip finding']);
  });

  it('leave nothing to look at where nobody answers, but where policies block all', () => {
    for (const rest of [{ policy: 'unknown' }, { listener: -1 }] as const) {
      const [judged] = judge(observe(only(client, [], rest), { outcomes: { silent: 2 } }));
      expect(judged?.findings).toEqual([]);
      expect(judged?.left).toEqual({ 'service-cluster-ip': expect.any(String), 'service-source': expect.any(String) });
    }
    const [blocked] = judge(observe(only(client, [], BLOCKED), { outcomes: { silent: 2 } }));
    expect(blocked).toMatchObject({ checks: ['service-cluster-ip'], findings: [], left: {} });
    expect(judge(observe(only(client, [], BLOCKED), { outcomes: { refused: 2 } }))[0]?.findings).toMatchObject([
      { class: 'refused', expected: 'silence: policies block its endpoints' },
    ]);
  });
});

describe('a pod that is an endpoint', () => {
  const own = flowOf('default/web-worker1', 'sticky');

  it('that affinity keeps to another one has not met itself', () => {
    const [judged] = judge(observe(own, { outcomes: { ok: 8 }, answers: { 'web-worker2': 8 } }));
    expect(judged).toMatchObject({ findings: [], left: { 'service-hairpin': expect.any(String) } });
    expect(judge(observe(own, { outcomes: { ok: 8 }, answers: { 'web-worker1': 8 } }))[0]?.left).toEqual({});
  });

  it('is not to blame where affinity keeps it to nobody knows whom', () => {
    expect(findings(observe(own, { outcomes: { silent: 8 } }))).toEqual(['service-cluster-ip silent']);
  });
});

describe('a flow that must not be served', () => {
  const none = flowOf('default/client-worker1', 'nobody');
  it.each([
    ['refused', []],
    ['silent', ['service-no-endpoints silent']],
    ['ok', ['service-no-endpoints unexpected-answer']],
  ] as const)('%s', (outcome, expected) => {
    expect(findings(observe(none, { outcomes: { [outcome]: 1 } }))).toEqual(expected);
  });
});

describe('what is not known', () => {
  it.each([
    ['a responder that cannot be used', { unusable: 'c1/default/web-worker1 port 8080: no' }],
    ['missing answers', { planned: 99 }],
    ['a probe that did not run', { outcomes: new Map<Outcome, number>([['not-run', 60]]) }],
  ])('%s', (_what, more) => {
    const [judged] = judge(observe(client, { outcomes: { ok: 60 }, answers: EACH, more }));
    expect(judged?.unknown).toEqual(expect.any(String));
    expect(judged?.findings).toEqual([]);
  });

  it('is left out where a program of the lab has the port', () => {
    expect(judge(observe(client, { outcomes: {}, more: { occupied: true } }))).toEqual([]);
  });
});

it('a report passes nothing of which no answer was seen, and says what it left out', async () => {
  const abroad: readonly KubernetesObject[] = [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'abroad' }, spec: { ports: [{ port: 80 }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'abroad-1', labels: { 'kubernetes.io/service-name': 'abroad' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['203.0.113.9'] }],
      ports: [{ port: 80, protocol: 'TCP' }],
    },
  ];
  const lab = planLab({ name: 'beyond', clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' }, dns: false, objects: abroad }] });
  const report = await verifyLab(modelSession(lab, { change: () => SILENT }), lab, { suites: ['services'], protocols: ['tcp'] });
  expect(report.checks.find((check) => check.id === 'service-source')?.verdict).toBe('inconclusive');
  for (const check of ['service-from-node', 'service-source'])
    expect(report.notLookedAt.join()).toMatch(new RegExp(`\\d+ ways to Services for ${check}: nothing answered`));
});
