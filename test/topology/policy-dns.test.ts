import { describe, expect, it } from 'vitest';
import { formatPath } from '../../topology/format-diagnostic.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterSpec, KubernetesObject, LabSpec } from '../../topology/spec.ts';

const policy = (name: string, spec: object): KubernetesObject => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec });
const closed = policy('closed', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: '192.168.5.10/32' } }] }] });
const kubeDns = { namespaceSelector: {}, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } };
const opening = (rule: object): KubernetesObject => policy('dns', { podSelector: {}, policyTypes: ['Egress'], egress: [rule] });

const lab = (objects: readonly KubernetesObject[], more: Partial<ClusterSpec> = {}): LabSpec => ({
  name: 'demo',
  clusters: [{ name: 'c1', cni: { type: 'calico' }, dns: true, workloads: [{ name: 'web', perNode: 1 }], objects, ...more }],
});
/** What planning says, without the places that other findings have. */
const said = (spec: LabSpec): readonly string[] =>
  planLab(spec)
    .findings.filter(({ code }) => code === 'POLICY_DNS_BLOCKED')
    .map(({ path, message }) => `${formatPath(path, spec)}: ${message}`);

describe('egress without DNS', () => {
  it('is told of the policy that closes it, with the pods that will find no names', () => {
    expect(said(lab([closed]))).toEqual([
      'clusters.c1.objects.closed.spec: NetworkPolicy default/closed closes egress, and nothing lets UDP 53 through to the DNS of cluster c1: ' +
        'web-control-plane1, web-worker1, web-worker2 will find no names',
    ]);
  });

  it.each<[string, LabSpec]>([
    ['everything denied', lab([policy('deny', { podSelector: {}, policyTypes: ['Egress'] })])],
    ['TCP alone', lab([closed, opening({ to: [kubeDns], ports: [{ protocol: 'TCP', port: 53 }] })])],
    ['the address of the Service, which is translated before policies look', lab([closed, opening({ to: [{ ipBlock: { cidr: '10.96.0.10/32' } }] })])],
    ['pods of that label in the own namespace', lab([closed, opening({ to: [{ podSelector: kubeDns.podSelector }] })])],
  ])('is told: %s', (_, spec) => {
    expect(said(spec)).not.toEqual([]);
  });

  it.each<[string, LabSpec]>([
    ['another policy opens it', lab([closed, opening({ to: [kubeDns], ports: [{ protocol: 'UDP', port: 53 }] })])],
    ['by the name of the port', lab([closed, opening({ to: [kubeDns], ports: [{ protocol: 'UDP', port: 'dns' }] })])],
    ['to everybody', lab([closed, opening({ ports: [{ protocol: 'UDP', port: 53 }] })])],
    ['ingress alone', lab([policy('in', { podSelector: {}, policyTypes: ['Ingress'] })])],
    ['no pod is selected', lab([policy('other', { podSelector: { matchLabels: { app: 'other' } }, policyTypes: ['Egress'] })])],
    ['a CNI that ignores policies', lab([closed], { cni: { type: 'flannel' } })],
    ['a cluster without DNS', lab([closed], { dns: false })],
    ['pods in the network of their node', lab([closed], { workloads: [{ name: 'web', perNode: 1, hostNetwork: true }] })],
    [
      'a pod that asks the resolver of its node',
      lab([{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'own' }, spec: { dnsPolicy: 'Default', containers: [] } }, closed], { workloads: [] }),
    ],
  ])('is not told: %s', (_, spec) => {
    expect(said(spec)).toEqual([]);
  });
});
