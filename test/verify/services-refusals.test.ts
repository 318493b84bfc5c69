/** Silence in the place of a refusal, where a kernel of others may have held its tongue. */
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { clusterEnds } from '../../verify/endpoints.ts';
import { createHistogram } from '../../verify/latency.ts';
import { planFlows, type ServiceFlow } from '../../verify/services/flows.ts';
import { judgeSight } from '../../verify/services/judge.ts';
import { setLimitedAside, type ObservedFlow } from '../../verify/services/observe.ts';
import { serviceObject } from '../service-object.ts';

const plan = planLab({
  name: 'refused',
  clusters: [
    {
      name: 'c1',
      workers: 1,
      cni: { type: 'flannel' },
      dns: false,
      workloads: [{ name: 'client', perNode: 1 }],
      objects: ['one', 'two'].map((name) => serviceObject(name, { selector: { app: 'nobody' } })),
    },
  ],
});
const [cluster] = clusterEnds(plan);
const flows = planFlows(plan, cluster ?? expect.fail('no cluster'), 'ipv4', 'tcp');

function observe(client: string, service: string, outcome: Outcome): ObservedFlow {
  const has = (one: ServiceFlow): boolean => one.client.id === `c1/${client}` && one.service.name === service;
  const flow = flows.flows.find(has) ?? expect.fail(`${client} ${service}`);
  expect(flow.expectation.fate).toBe('refused');
  const outcomes = new Map([[outcome, 1]]);
  return { flow, planned: 1, records: 1, outcomes, answers: new Map(), foreignSources: new Map(), garbled: 0, unusable: null, occupied: false };
}
const [here, there] = ['default/client-worker1', 'default/client-control-plane1'] as const;

function judged(...observed: readonly ObservedFlow[]): readonly string[] {
  setLimitedAside(observed);
  return judgeSight({ plan: flows, observed, latency: createHistogram() }).map(({ findings, unknown }) =>
    findings.length > 0 ? findings.map((one) => one.class).join() : unknown === null ? 'pass' : 'unknown',
  );
}

describe('silence where a refusal was expected', () => {
  it('proves nothing once the same node has refused the same client', () => {
    expect(judged(observe(here, 'one', 'refused'), observe(here, 'two', 'silent'))).toEqual(['pass', 'unknown']);
  });
  it('is a finding where that node refused the client nothing', () => {
    expect(judged(observe(there, 'one', 'refused'), observe(here, 'two', 'silent'))).toEqual(['pass', 'silent']);
    expect(judged(observe(here, 'one', 'silent'), observe(here, 'two', 'silent'))).toEqual(['silent', 'silent']);
  });
  it('excuses no answer', () => {
    expect(judged(observe(here, 'one', 'refused'), observe(here, 'two', 'ok'))).toEqual(['pass', 'unexpected-answer']);
  });
});
