import type { LabPlan } from '../../topology/plan.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { VERIFY_NAMESPACE, type KindCluster } from './kind-cluster.ts';

const shell = (lines: readonly string[]): string => ['```sh', ...lines, '```'].join('\n');

/** The file without the folder of its cluster, as seen from there. */
const within = (path: string, { artifacts }: KindCluster): string => path.slice(artifacts.config.length - 'kind.yaml'.length);

const apply = (path: string): string => `kubectl apply --server-side -f ${path}`;

function applyCni(cluster: KindCluster): readonly string[] {
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

function clusterSection(plan: LabPlan, cluster: KindCluster): readonly string[] {
  const { name, engineName, nodes, plugins, workloads } = cluster.artifacts;
  const several = plan.clusters.length > 1;
  return [
    ...(several ? [`## Cluster ${name}`, ''] : []),
    `kind calls the cluster \`${engineName}\`. Its nodes are`,
    '',
    '| in the lab | in Kubernetes, and the container |',
    '|---|---|',
    ...nodes.map((node) => `| ${node.plan} | ${node.name} |`),
    '',
    `### Create`,
    '',
    "The mounts of `kind.yaml` are relative: kind has to be run in this folder. The file `owner` tells `cnilab` whose nodes these are; here, nobody's but yours.",
    ...(plugins.length === 0
      ? []
      : [
          `The node image lacks the CNI ${plugins.length === 1 ? 'plugin' : 'plugins'} ${plugins.join(', ')}: ${plugins.length === 1 ? 'it is' : 'they are'} mounted from \`bin/\`.`,
        ]),
    '',
    shell([
      ...(several ? [`cd ${name}`] : []),
      'export KUBECONFIG="$PWD/kubeconfig"',
      'echo "by hand" > owner',
      ...(plugins.length === 0
        ? []
        : [
            'mkdir -p bin',
            ...plugins.map(
              (plugin) => `cp "\${CNI_PATH:-/opt/cni/bin}/${plugin}" bin/ # also found in /usr/lib/cni, and in github.com/containernetworking/plugins`,
            ),
          ]),
      'kind create cluster --config kind.yaml --kubeconfig "$KUBECONFIG" --retain',
    ]),
    '',
    '`--wait` is left out on purpose: no node gets ready before it has a CNI.',
    '',
    '### CNI',
    '',
    shell(applyCni(cluster)),
    ...(workloads.length === 0
      ? []
      : ['', '### Workloads', '', shell([...workloads.map((path) => apply(within(path, cluster))), ...cluster.workloads.flatMap(waitFor)])]),
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
    '### Delete',
    '',
    shell([
      `kind delete cluster --name ${engineName} --kubeconfig "$KUBECONFIG"`,
      `rm -rf kubeconfig owner targets evidence.jsonl${plugins.length === 0 ? '' : ' bin'}`,
      ...(several ? ['cd ..'] : []),
    ]),
    '',
  ];
}

/** The README of a lab's files: the commands that do by hand what `up`, `verify` and `down` do on kind. */
export function kindReadme(
  plan: LabPlan,
  clusters: readonly KindCluster[],
  images: { readonly images: readonly string[]; readonly nodeImages: readonly string[] },
): string {
  const list = (title: string, items: readonly string[]): readonly string[] => [title, '', ...items.map((item) => `- \`${item}\``), ''];
  return [
    `# ${plan.name} on kind`,
    '',
    ...(plan.description === '' ? [] : [plan.description, '']),
    'Written by `cnilab synth --engine kind`. The commands below do by hand what `cnilab up --engine kind --verify` and `cnilab down` do.',
    'They need kind 0.33, kubectl, and Docker or podman; `cnilab doctor --engine kind` says what this machine lacks.',
    '',
    ...clusters.flatMap((cluster) => clusterSection(plan, cluster)),
    '## Images',
    '',
    ...list('Of the containers that kind runs:', images.nodeImages),
    ...list('Inside of the nodes, pulled from there; `kind load docker-image IMAGE --name CLUSTER` puts one there that this machine has:', images.images),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}
