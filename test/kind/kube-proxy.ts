/**
 * The real kube-proxy against the rules that are made here: the same Services in a real cluster, what its nodes' kernels hold, and what is synthesized of the
 * observed plan, read back from a kernel. Chain names, structure and verdicts, endpoint by endpoint, on every node.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { readFacts } from '../../engines/kubernetes/facts.ts';
import { kubectlFor } from '../../engines/kubernetes/kubectl.ts';
import { readLabParts } from '../../engines/kubernetes/lab-parts.ts';
import { observedPlan } from '../../engines/kubernetes/observed-plan.ts';
import type { ClusterPlan } from '../../topology/plan.ts';
import { iptablesServiceRules } from '../../topology/services/proxy/iptables-rules.ts';
import { nftablesServiceRules } from '../../topology/services/proxy/nftables-rules.ts';
import type { ClusterSpec, KubernetesObject } from '../../topology/spec.ts';
import { startAgentLab } from '../integration/agent-lab.ts';
import { blocksOf, type Chains, chainsOf, settled, withoutDifferences, withWhatItKnew } from '../kube-proxy-text.ts';
import { lacking } from '../requires.ts';
import { onNode, type RealLab } from './real.ts';

const why = lacking('root');

const service = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: 'three' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});
const named = [
  { name: 'http', port: 80, targetPort: 'http' },
  { name: 'talk', port: 53, protocol: 'UDP', targetPort: 'talk' },
];
/** Each kind of what a proxy makes rules of, and some of which it makes none. */
const SERVICES: readonly KubernetesObject[] = [
  service('web', { ports: named }),
  service('one', { selector: { app: 'single' } }),
  service('door', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }] }),
  service('talk-door', { type: 'NodePort', ports: [{ port: 53, protocol: 'UDP', targetPort: 'talk', nodePort: 30_053 }] }),
  service('sticky', { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90 } } }),
  service('sticky-door', { type: 'NodePort', sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 8080, nodePort: 30_091 }] }),
  service('near', { internalTrafficPolicy: 'Local' }),
  service('near-door', { type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, targetPort: 8080, nodePort: 30_081 }] }),
  service('near-both', { type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local', sessionAffinity: 'ClientIP' }),
  service('one-near-door', { type: 'NodePort', selector: { app: 'single' }, externalTrafficPolicy: 'Local' }),
  service('outer', { externalIPs: ['192.0.2.10'] }),
  service('balanced', { type: 'LoadBalancer', loadBalancerSourceRanges: ['198.51.100.0/24'] }),
  service('nobody', { selector: { app: 'nobody' } }),
  service('nobody-door', { type: 'NodePort', selector: { app: 'nobody' } }),
  service('pods', { clusterIP: 'None' }),
  { ...service('abroad', {}), spec: { type: 'ExternalName', externalName: 'example.com' } },
];

/** Its pods bear names of their own: those of a lab that was there before may still be going. */
const labOf = (name: string, cluster: ClusterSpec): string =>
  JSON.stringify({
    name,
    clusters: [
      {
        ...cluster,
        workloads: [
          {
            name: 'three',
            replicas: 3,
            ports: [
              { name: 'http', containerPort: 8080 },
              { name: 'talk', containerPort: 5353, protocol: 'UDP' },
            ],
          },
          { name: 'single', replicas: 1, ports: [{ containerPort: 8080 }] },
        ],
        objects: SERVICES,
      },
    ],
  });

/** kube-proxy has its pauses (`minSyncPeriod`), and hears of endpoints after the API server does. */
const SETTLED = { timeout: 20_000, interval: 500 } as const;

/**
 * The tests, on a cluster that is up: the lab becomes one with these Services in place.
 *
 * @param running the lab, once it is up
 * @param spec its cluster, with the mode of the proxy
 */
export function writesWhatIsWrittenHere(running: () => RealLab, spec: ClusterSpec): void {
  const mode = spec.kubeProxy?.mode ?? 'iptables';
  describe.skipIf(why !== null)(`the real kube-proxy in mode ${mode}${why === null ? '' : ` (skipped: ${why})`}`, () => {
    let cluster: ClusterPlan;

    beforeAll(async () => {
      const lab = running();
      await lab.become(labOf(lab.name, spec));
      cluster = await observed(lab.name, await lab.kubeconfig());
    });

    /** The cluster as it is, with the Services and endpoints that the API tells of. */
    async function observed(name: string, kubeconfig: string): Promise<ClusterPlan> {
      const kubectl = kubectlFor({ cluster: spec.name, kubeconfig, context: null, onNode: null });
      const facts = await readFacts(kubectl);
      const [found] = observedPlan({ lab: name, cluster: spec.name, facts }).clusters;
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
      for (const [at, node] of cluster.nodes.entries()) {
        const ns = `node${at}`;
        await lab.apply([{ op: 'netns', ns }]);
        if (mode === 'iptables') {
          await lab.apply([{ op: 'rules', ns, family: 'ipv4', text: iptablesServiceRules(cluster, node, 'ipv4') }]);
          const ours = settled(chainsOf(await lab.sh(ns, 'iptables-nft-save')));
          const real = (): Chains => settled(withoutDifferences(chainsOf(onNode(node.netns, 'iptables-save')), 'ipv4'));
          await expect.poll(real, SETTLED).toEqual(ours);
          expect(Object.keys(ours).length).toBeGreaterThan(45);
        } else {
          await lab.apply([{ op: 'nft', ns, family: 'ip', table: 'kube-proxy', text: nftablesServiceRules(cluster, node, 'ipv4') }]);
          const ours = blocksOf(await lab.sh(ns, 'nft -nn list table ip kube-proxy'));
          const real = (): Chains => blocksOf(onNode(node.netns, 'nft', '-nn', 'list', 'table', 'ip', 'kube-proxy'));
          const known = withWhatItKnew(ours, real());
          await expect.poll(real, SETTLED).toEqual(known);
          expect(Object.keys(known).length).toBeGreaterThan(40);
        }
      }
    });
  });
}
