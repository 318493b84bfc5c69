import { describe, expect, it } from 'vitest';
import { resolveBetween, resolveEnds } from '../../lab/between.ts';
import type { LabState } from '../../lab/lab-state.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { KubernetesObject, LabSpec } from '../../topology/spec.ts';
import type { Between } from '../../verify/ladder.ts';
import { goalOf } from '../../verify/walk/goal.ts';

const service = (name: string, namespace: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, protocol: 'TCP' }] },
});
const spec: LabSpec = {
  name: 'shop',
  outside: { hosts: [{ name: 'laptop', role: 'client' }] },
  clusters: [
    { name: 'c1', workers: 2, cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 1 }], objects: [service('web', 'default'), service('web', 'apps')] },
    { name: 'c2', workers: 1, cni: { type: 'bridge' }, workloads: [{ name: 'db', perNode: 1 }] },
  ],
};
const plan = planLab(spec);
const state = { name: 'shop', plan } as LabState;
const pods = plan.clusters.flatMap((cluster) => cluster.pods.filter((pod) => pod.namespace === 'default'));
const first = pods[0] ?? { id: '', name: '', interface: null };
const clusterIp = plan.clusters[0]?.services.find((one) => one.id === 'c1/default/web')?.clusterIPs[0] ?? '';
const to = (from: string, word: string): Between['to'] | undefined => resolveBetween(state, from, word)?.to;

/** The error that a way is refused with. */
function refusal(from: string, word: string): { readonly code: string; readonly message: string; readonly hint: string } {
  try {
    resolveBetween(state, from, word);
  } catch (error) {
    return error as { code: string; message: string; hint: string };
  }
  throw new Error('it was taken');
}

describe('the ends of a way', () => {
  it('are pods, nodes and addresses of them', () => {
    expect(resolveBetween(state, 'worker2', first.name)).toEqual({ cluster: 'c1', from: 'c1/worker2', to: { kind: 'pod', id: first.id } });
    expect(to('c1/worker1', first.id)).toEqual({ kind: 'pod', id: first.id });
    expect(to('worker2', first.interface?.addresses[0]?.address ?? '')).toEqual({ kind: 'pod', id: first.id });
    expect(to(first.id, 'worker2')).toEqual({ kind: 'node', id: 'c1/worker2' });
    const underlay = plan.clusters[0]?.nodes.find((node) => node.name === 'worker2')?.interfaces[0]?.addresses[0]?.address ?? '';
    expect(to(first.id, underlay)).toEqual({ kind: 'node', id: 'c1/worker2' });
  });

  it('are found by every address that a node and a pod have; that of a second network is walked to', () => {
    const cni = { type: 'flannel', backend: 'udp' } as const;
    const networks = [{ name: 'storage', cidr: '10.60.0.0/16' }];
    const workloads = [{ name: 'web', perNode: 2, networks: ['storage'] }];
    const other = { name: 'other', plan: planLab({ name: 'other', clusters: [{ name: 'c1', workers: 2, cni, networks, workloads }] }) } as LabState;
    const [one, two] = other.plan.clusters[0]?.nodes ?? [];
    const { addresses } = one?.tun ?? { addresses: [] };
    expect(addresses).toHaveLength(1);
    expect(resolveBetween(other, two?.id ?? '', addresses[0]?.address ?? '')?.to).toEqual({ kind: 'node', id: one?.id });
    const [asking, asked] = (other.plan.clusters[0]?.pods ?? []).filter((pod) => pod.attachments !== undefined);
    const address = asked?.attachments?.[0]?.addresses[0]?.address ?? '';
    expect(resolveBetween(other, asking?.id ?? '', `${address}:80`)).toBeNull();
    const between = resolveEnds(other, asking?.id ?? '', address);
    expect(between).toEqual({ cluster: 'c1', from: asking?.id, to: { kind: 'pod', id: asked?.id } });
    const { client, servers } = goalOf(other.plan, { between, word: address, address, port: null }, { takenAt: '', namespaces: {} });
    expect([client.id, servers.map((server) => [server.endpoint.id, server.address])]).toEqual([asking?.id, [[asked?.id, address]]]);
  });

  it.each([
    ['svc/web', 'c1/default/web', null],
    ['svc/web:80', 'c1/default/web', 80],
    ['svc/apps/web', 'c1/apps/web', null],
    ['svc/c1/apps/web:80', 'c1/apps/web', 80],
    ['web.apps', 'c1/apps/web', null],
    ['web.apps.svc', 'c1/apps/web', null],
    ['web.apps.svc.cluster.local.', 'c1/apps/web', null],
  ])('are Services: %s', (word, id, port) => {
    expect(to('worker2', word)).toEqual({ kind: 'service', id, port });
  });

  it('are Services by their addresses, and hosts on the asking side', () => {
    expect(to('worker2', `${clusterIp}:80`)).toEqual({ kind: 'service', id: 'c1/default/web', port: 80 });
    expect(resolveBetween(state, 'laptop', 'svc/web')).toEqual({ cluster: 'c1', from: 'laptop', to: { kind: 'service', id: 'c1/default/web', port: null } });
  });

  it.each([
    ['worker2', 'laptop'],
    ['laptop', 'c1/worker2'],
    ['laptop', 'laptop:8080'],
    [first.id, 'laptop'],
    ['worker2', '10.9.9.9:80'],
  ])('from %s to %s are not those of a check', (from, word) => {
    expect(resolveBetween(state, from, word)).toBeNull();
  });

  it.each([
    ['wroker2', 'svc/web', 'TARGET_UNKNOWN', 'did you mean worker2?'],
    ['worker2', 'svc/webb', 'TARGET_UNKNOWN', 'did you mean svc/web?'],
    ['worker2', 'svc/web:81', 'TARGET_UNKNOWN', 'its ports are 80'],
    ['10.9.9.9', 'worker2', 'TARGET_UNKNOWN', 'cnilab inspect shop'],
    ['worker1', 'svc/web', 'TARGET_UNKNOWN', 'say which: c1/worker1, c2/worker1'],
    ['svc/web', 'worker2', 'USAGE', 'name a pod, a node or a host first'],
    ['worker2', 'c2/worker1', 'USAGE', 'one of c1, c2'],
    ['worker2', `${first.id}:80`, 'USAGE', 'without :80'],
    ['worker2', 'fabric', 'USAGE', 'pass packets on'],
  ])('from %s to %s is refused', (from, word, code, hint) => {
    const error = refusal(from, word);
    expect([error.code, error.hint]).toEqual([code, expect.stringContaining(hint)]);
    expect(error.message).not.toBe('');
  });
});
