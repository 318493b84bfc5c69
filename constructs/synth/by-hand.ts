/** What a person does to a real cluster once it answers: the CNI, the workloads and the verification, by kubectl. Part of every README. */
import type { ClusterArtifacts } from '../../topology/artifacts.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { VERIFY_NAMESPACE } from './cluster-manifests.ts';

/** As much of a synthesized cluster as the commands need. */
export interface ClusterByHand {
  /** '' or `NAME/`: where they are run. */
  readonly folder: string;
  readonly artifacts: Pick<ClusterArtifacts, 'cni' | 'cniRollouts' | 'workloads'>;
  readonly files: ReadonlyMap<string, readonly object[]>;
  readonly workloads: readonly KubernetesObject[];
}

/** A block of commands. */
export const shell = (lines: readonly string[]): string => ['```sh', ...lines, '```'].join('\n');

/** The file without the folder of its cluster, as seen from there. */
const within = (path: string, { folder }: Pick<ClusterByHand, 'folder'>): string => path.slice(folder.length);

const apply = (path: string): string => `kubectl apply --server-side -f ${path}`;

function applyCni(cluster: ClusterByHand): readonly string[] {
  const { cni, cniRollouts } = cluster.artifacts;
  return [
    ...cni.flatMap((path) => {
      const file = within(path, cluster);
      const defines = (cluster.files.get(path) ?? []).some((object) => 'kind' in object && object.kind === 'CustomResourceDefinition');
      return [apply(file), ...(defines ? [`kubectl wait --for=condition=Established crd --all --timeout=60s`] : [])];
    }),
    ...cniRollouts.map(({ kind, namespace, name }) => `kubectl -n ${namespace} rollout status ${kind.toLowerCase()}/${name} --timeout=300s`),
    'kubectl wait --for=condition=Ready node --all --timeout=300s',
    'kubectl -n kube-system rollout status deployment/coredns --timeout=300s',
  ];
}

/** How to wait for an object that runs pods; nothing for one that runs none, or ends by itself. */
function waitFor({ kind, metadata }: KubernetesObject): readonly string[] {
  const namespace = metadata.namespace ?? 'default';
  if (['DaemonSet', 'Deployment', 'StatefulSet'].includes(kind))
    return [`kubectl -n ${namespace} rollout status ${kind.toLowerCase()}/${metadata.name} --timeout=300s`];
  return kind === 'Pod' ? [`kubectl -n ${namespace} wait --for=condition=Ready pod/${metadata.name} --timeout=300s`] : [];
}

function verification(): readonly string[] {
  const columns = 'NODE:.spec.nodeName,POD:.metadata.name,POD_IPS:.status.podIPs[*].ip,NODE_IPS:.status.hostIPs[*].ip';
  const inNamespace = `kubectl -n ${VERIFY_NAMESPACE}`;
  return [
    apply('verify/00-namespace.yaml'),
    apply('verify/01-responders.yaml'),
    `${inNamespace} rollout status daemonset/responder --timeout=120s`,
    `${inNamespace} rollout status daemonset/host-responder --timeout=120s`,
    `${inNamespace} get pods --sort-by=.spec.nodeName --no-headers -o custom-columns='${columns}' |`,
    `  awk '$2 ~ /^responder-/ { printf "%d\\t%s\\t%s\\t%s\\t%s\\t-\\n", n++, $1, $2, $3, $4 }' > targets`,
    `${inNamespace} create configmap targets --from-file=targets`,
    apply('verify/02-probe.yaml'),
    apply('verify/03-jobs.yaml'),
    `${inNamespace} wait --for=condition=Complete job --all --timeout=300s`,
    `${inNamespace} logs -l cnilab.dev/requirement --tail=-1 > evidence.jsonl`,
    `kubectl delete namespace ${VERIFY_NAMESPACE}`,
  ];
}

/** The sections CNI, DNS, Workloads and Verify. */
export function byHandSections(cluster: ClusterByHand): readonly string[] {
  return [
    '### CNI',
    '',
    shell(applyCni(cluster)),
    '',
    '### DNS',
    '',
    '`Corefile` says how CoreDNS answers. It is not applied: kubeadm writes the same into the cluster, where it may be changed. This shows what differs by now:',
    '',
    shell(["kubectl -n kube-system get configmap coredns -o jsonpath='{.data.Corefile}' | diff -I '^#' Corefile -"]),
    ...(cluster.artifacts.workloads.length === 0
      ? []
      : ['', '### Workloads', '', shell([...cluster.artifacts.workloads.map((path) => apply(within(path, cluster))), ...cluster.workloads.flatMap(waitFor)])]),
    '',
    '### Verify',
    '',
    'Responders on every node, then one Job for each requirement and node, which waits until the ConfigMap `targets` says whom to probe.',
    '',
    shell(verification()),
    '',
    'Each line of `evidence.jsonl` is what one probe saw. Of kind `closed` and `nobody` every probe must have failed, and `node` (from pods to nodes) is no requirement; of the',
    'others this prints those that were not answered:',
    '',
    shell([`grep '"type":"probe"' evidence.jsonl | grep -v -e '"kind":"closed"' -e '"kind":"nobody"' -e '"kind":"node"' -e '"exit":0,' || echo none`]),
    '',
    'An answer is not yet a proof: without NAT `localAddress` and `localPort` are what the other side has `seen`. `cnilab verify --kubeconfig kubeconfig` does all of this, judges',
    'every line, and also probes addresses that nobody has. What it needs to be allowed is in `verify/permissions.yaml`.',
    '',
  ];
}
