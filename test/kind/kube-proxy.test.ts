/**
 * The real kube-proxy against the rules that are made here: the same Services in a real cluster, what its nodes' kernels hold, and what is synthesized of the
 * observed plan, read back from a kernel. Chain names, structure and verdicts, endpoint by endpoint, on every node.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFacts } from '../../engines/kubernetes/facts.ts';
import { kubectlFor } from '../../engines/kubernetes/kubectl.ts';
import { readLabParts } from '../../engines/kubernetes/lab-parts.ts';
import { observedPlan } from '../../engines/kubernetes/observed-plan.ts';
import type { ClusterPlan } from '../../topology/plan.ts';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import { nftablesServiceRules } from '../../topology/services/proxy/nftables-rules.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { startAgentLab } from '../integration/agent-lab.ts';
import { Place } from '../integration/cnilab.ts';
import { blocksOf, chainsOf, settled, withoutDifferences } from '../kube-proxy-text.ts';
import { lacking } from '../requires.ts';
import { onNode, RealLab } from './real.ts';

const why = lacking('kind', 'plugins', 'root');

const service = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});
const named = [
  { name: 'http', port: 80, targetPort: 'http' },
  { name: 'talk', port: 53, protocol: 'UDP', targetPort: 'talk' },
];
/** Each kind of what a proxy makes rules of, and some of which it makes none. */
const SERVICES: readonly KubernetesObject[] = [
  service('web', { ports: named }),
  service('one', { selector: { app: 'one' } }),
  service('door', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }] }),
  service('talk-door', { type: 'NodePort', ports: [{ port: 53, protocol: 'UDP', targetPort: 'talk', nodePort: 30_053 }] }),
  service('sticky', { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90 } } }),
  service('sticky-door', { type: 'NodePort', sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 8080, nodePort: 30_081 }] }),
  service('near', { internalTrafficPolicy: 'Local' }),
  service('near-door', { type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, targetPort: 8080, nodePort: 30_082 }] }),
  service('near-both', { type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local', sessionAffinity: 'ClientIP' }),
  service('one-near-door', { type: 'NodePort', selector: { app: 'one' }, externalTrafficPolicy: 'Local' }),
  service('outer', { externalIPs: ['192.0.2.10'] }),
  service('balanced', { type: 'LoadBalancer', loadBalancerSourceRanges: ['198.51.100.0/24'] }),
  service('nobody', { selector: { app: 'nobody' } }),
  service('nobody-door', { type: 'NodePort', selector: { app: 'nobody' } }),
  service('pods', { clusterIP: 'None' }),
  { ...service('abroad', {}), spec: { type: 'ExternalName', externalName: 'example.com' } },
];

const labOf = (name: string, mode: string): string =>
  JSON.stringify({
    name,
    clusters: [
      {
        name: 'c1',
        cni: { type: 'flannel' },
        kubeProxy: { mode },
        workloads: [
          {
            name: 'web',
            replicas: 3,
            ports: [
              { name: 'http', containerPort: 8080 },
              { name: 'talk', containerPort: 5353, protocol: 'UDP' },
            ],
          },
          { name: 'one', replicas: 1, ports: [{ containerPort: 8080 }] },
        ],
        objects: SERVICES,
      },
    ],
  });

describe.skipIf(why !== null).each(['iptables', 'nftables'] as const)(`the real kube-proxy in mode %s${why === null ? '' : ` (skipped: ${why})`}`, (mode) => {
  const name = `k-proxy-${mode}`;
  let place: Place;
  let cluster: ClusterPlan;

  beforeAll(async () => {
    place = new Place();
    const lab = await RealLab.create(place, name, labOf(name, mode));
    cluster = await observed(await lab.kubeconfig());
  });
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
  });

  /** The cluster as it is, with the Services and endpoints that the API tells of. */
  async function observed(kubeconfig: string): Promise<ClusterPlan> {
    const kubectl = kubectlFor({ cluster: 'c1', kubeconfig, context: null, onNode: null });
    const facts = await readFacts(kubectl);
    const [found] = observedPlan({ lab: name, cluster: 'c1', facts }).clusters;
    if (found === undefined) throw new Error('no cluster');
    const { services } = await readLabParts(kubectl, { ...found, objects: SERVICES }, new AbortController().signal);
    return { ...found, services };
  }

  it('is asked about every Service, with the endpoints that it has', () => {
    expect(cluster.kubeProxy.mode).toBe(mode);
    expect(cluster.services.map((one) => one.name).toSorted()).toEqual(['kubernetes', 'kube-dns', ...SERVICES.map((one) => one.metadata.name)].toSorted());
    expect(cluster.services.find((one) => one.name === 'web')?.endpoints).toHaveLength(3);
  });

  it('writes what is written here, chain by chain, on every node', async () => {
    await using lab = await startAgentLab();
    for (const node of cluster.nodes) {
      const ns = node.name.slice(-15);
      await lab.apply([{ op: 'netns', ns }]);
      if (mode === 'iptables') {
        await lab.apply([{ op: 'rules', ns, family: 'ipv4', text: iptablesServiceRules(cluster, node, 'ipv4') }]);
        const ours = settled(chainsOf(await lab.sh(ns, 'iptables-nft-save')));
        const real = settled(withoutDifferences(chainsOf(onNode(node.netns, 'iptables-save')), 'ipv4'));
        expect(Object.keys(real).length).toBeGreaterThan(45);
        expect(ours).toEqual(real);
      } else {
        await lab.apply([{ op: 'nft', ns, family: 'ip', table: 'kube-proxy', text: nftablesServiceRules(cluster, node, 'ipv4') }]);
        const ours = blocksOf(await lab.sh(ns, 'nft -nn list table ip kube-proxy'));
        const real = blocksOf(onNode(node.netns, 'nft', '-nn', 'list', 'table', 'ip', 'kube-proxy'));
        expect(Object.keys(real).length).toBeGreaterThan(40);
        expect(ours).toEqual(real);
      }
    }
  });
});
