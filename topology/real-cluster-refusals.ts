/** What a cluster of the real Kubernetes cannot do of a lab, or does otherwise, whichever engine makes its nodes. */
import { formatCidr, parseCidr, subnetAt } from './cidr.ts';
import { cnis } from './cni/index.ts';
import type { Diagnostic } from './diagnostic.ts';
import { controllerObjects } from './ingress/controller.ts';
import { servedIngresses } from './ingress/read-ingress.ts';
import type { ClusterPlan } from './plan.ts';
import { caution, problem, type Path } from './rules/findings.ts';
import { ADDRESS_ANNOTATION } from './workloads.ts';

/** Labels that kubelet or kubeadm gives a node itself; no engine asks for them. */
export function ownedNodeLabel(key: string): boolean {
  return key === 'kubernetes.io/hostname' || key === 'kubernetes.io/os' || key === 'node-role.kubernetes.io/control-plane';
}

/** Labels of Kubernetes' own namespaces that a kubelet may give its node (IsKubeletLabel in k8s.io/kubelet/pkg/apis/well_known_labels.go). */
const KUBELET_LABELS: ReadonlySet<string> = new Set([
  'kubernetes.io/arch',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]);

function kubeletRefuses(key: string): boolean {
  const namespace = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
  if (ownedNodeLabel(key) || KUBELET_LABELS.has(key) || /(^|\.)(kubelet|node)\.kubernetes\.io$/.test(namespace)) return false;
  return /(^|\.)(kubernetes|k8s)\.io$/.test(namespace);
}

export type RealEngine = 'kind' | 'vm';

const codeOf = (engine: RealEngine, what: string): string => `${engine.toUpperCase()}_${what}`;

/** Nodes whose range only a lab file can have given: the controller manager hands ranges out as nodes register. */
function fixedRanges(cluster: ClusterPlan, path: Path, engine: RealEngine): readonly Diagnostic[] {
  if (cluster.cni.type === 'observed' || cnis[cluster.cni.type].ranges !== 'node-mask') return [];
  const expected = (n: number): readonly string[] =>
    cluster.podCIDRs.map(parseCidr).map((cidr, i) => formatCidr(subnetAt(cidr, cluster.nodeMasks[i] ?? cidr.bits, BigInt(n))));
  const usual = new Set(cluster.nodes.flatMap((_, n) => expected(n)));
  return cluster.nodes.flatMap((node, n) =>
    node.podCIDRs
      .filter((range) => !usual.has(range))
      .map((range) =>
        caution(
          codeOf(engine, 'POD_CIDR_FIXED'),
          [...path, 'nodes', n, 'podCIDR'],
          `node ${node.name} will not have the range ${range} on ${engine}: the controller manager hands ranges out as nodes register`,
          '`cnilab inspect` shows the one it has; engine netns keeps the one of the lab file',
        ),
      ),
  );
}

function fixedPods(cluster: ClusterPlan, path: Path, engine: RealEngine): readonly Diagnostic[] {
  return cluster.objects.flatMap(({ kind, metadata }, n) =>
    kind !== 'Pod' || metadata.annotations?.[ADDRESS_ANNOTATION] === undefined
      ? []
      : [
          caution(
            codeOf(engine, 'ADDRESS_FIXED'),
            [...path, 'objects', n, 'metadata', 'annotations', ADDRESS_ANNOTATION],
            `pod ${metadata.name} will not have ${metadata.annotations[ADDRESS_ANNOTATION] ?? ''} on ${engine}: the CNI of the cluster gives pods their addresses`,
            '`cnilab inspect` shows the one it has; engine netns keeps the one of the lab file',
          ),
        ],
  );
}

function proxy(cluster: ClusterPlan, path: Path, engine: RealEngine): readonly Diagnostic[] {
  return cluster.kubeProxy.mode === 'userspace'
    ? [
        problem(
          codeOf(engine, 'PROXY_MODE'),
          [...path, 'kubeProxy', 'mode'],
          `the kube-proxy of engine ${engine} has no mode userspace`,
          'use engine netns, or mode iptables',
        ),
      ]
    : [];
}

function ingress(cluster: ClusterPlan, path: Path, engine: RealEngine): readonly Diagnostic[] {
  const names = servedIngresses(cluster.objects).map(({ namespace, name }) => `${namespace}/${name}`);
  return names.length === 0 || controllerObjects(cluster.objects).length === 0
    ? []
    : [
        caution(
          codeOf(engine, 'INGRESS_CONTROLLER'),
          [...path, 'objects'],
          `Ingresses are applied (${names.join(', ')}), and nothing answers for them: engine ${engine} installs no controller`,
          'install one into the cluster when it is up, or use engine netns, where an nginx plays ingress-nginx',
        ),
      ];
}

function networks({ networks: second = [] }: ClusterPlan, path: Path, engine: RealEngine): readonly Diagnostic[] {
  return second.length === 0
    ? []
    : [
        problem(
          codeOf(engine, 'NETWORKS'),
          [...path, 'networks'],
          `engine ${engine} installs no meta-plugin such as Multus, without which no pod gets an interface in ${second.map(({ name }) => name).join(', ')}`,
          'use engine netns, or take the networks out of the cluster and of its pods',
        ),
      ];
}

/** Labels that a kubelet refuses. */
function labels(cluster: ClusterPlan, path: Path): readonly Diagnostic[] {
  return cluster.nodes.flatMap((node, n) =>
    Object.keys(node.labels)
      .filter(kubeletRefuses)
      .map((key) =>
        problem(
          'NODE_LABEL_RESERVED',
          [...path, 'nodes', n, 'labels', key],
          `kubelet refuses to give its node the label ${key}: the namespace belongs to Kubernetes`,
          'use a label of your own, such as lab.example/role',
        ),
      ),
  );
}

/** Of one cluster, whose place in the lab is `path`. Codes begin with the engine's name. Pure. */
export function realClusterRefusals(cluster: ClusterPlan, path: Path, engine: RealEngine): readonly Diagnostic[] {
  return [proxy, ingress, networks, labels, fixedRanges, fixedPods].flatMap((look) => look(cluster, path, engine));
}
