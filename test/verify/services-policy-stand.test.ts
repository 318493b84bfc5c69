import { describe, expect, it } from 'vitest';
import { planLab } from '../../topology/plan-lab.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { type Caller, type Door, expectService } from '../../verify/services/expect.ts';
import { standOnPolicy, type PolicyStand } from '../../verify/services/policy-stand.ts';

const object = (kind: string, name: string, apiVersion: string, spec: unknown): KubernetesObject => ({ kind, apiVersion, metadata: { name }, spec });
const [cluster] = planLab({
  name: 'stand',
  clusters: [
    {
      name: 'c1',
      cni: { type: 'kindnet' },
      dns: false,
      workers: 2,
      workloads: [
        { name: 'web', replicas: 1, labels: { app: 'web' }, ports: [{ containerPort: 8080 }] },
        { name: 'other', replicas: 1 },
      ],
      objects: [
        object('Service', 'web', 'v1', { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }] }),
        object('NetworkPolicy', 'deny', 'networking.k8s.io/v1', { podSelector: { matchLabels: { app: 'web' } } }),
      ],
    },
  ],
}).clusters;

/** What is said of a connection from a pod to the only endpoint, by the cluster IP or the node port of a node. */
function stand(from: string, node: string | null): PolicyStand | undefined {
  const service = cluster?.services.find((s) => s.name === 'web');
  const port = service?.ports[0];
  const pod = cluster?.pods.find((p) => p.name.startsWith(from));
  if (cluster === undefined || service === undefined || port === undefined || pod === undefined) throw new Error('not in the plan');
  const caller: Caller = { kind: 'pod', pod: pod.id, node: pod.node, address: pod.interface?.addresses[0]?.address ?? '' };
  const at = node === 'its own' ? pod.node : node === null ? null : (cluster.nodes.find((n) => n.name !== pod.node)?.name ?? null);
  const door: Door =
    at === null
      ? { via: 'cluster-ip', address: service.clusterIPs[0] ?? '', port: 80, node: null }
      : { via: 'node-port', address: cluster.nodes.find((n) => n.name === at)?.interfaces[0]?.addresses[0]?.address ?? '', port: 30_080, node: at };
  const expectation = expectService(cluster, service, port, 'ipv4', caller, door);
  const [candidate] = expectation.fate === 'served' ? expectation.candidates : [];
  return candidate === undefined ? undefined : standOnPolicy(cluster, 'ipv4')(caller, door, candidate, 'TCP');
}

describe('an isolated pod behind a Service', () => {
  it.each([
    ['itself, by the cluster IP', 'web', null, 'open'],
    ['itself, by its own node', 'web', 'its own', 'open'],
    ['itself, by another node, which sends it back as its own', 'web', 'another', 'unknown'],
    ['another pod', 'other', null, 'blocked'],
  ] as const)('%s', (_title, from, node, expected) => {
    expect(stand(from, node)).toBe(expected);
  });
});
