import type { LabPlan } from '../../topology/plan.ts';
import { byHandSections, shell } from './by-hand.ts';
import type { KindCluster } from './kind-cluster.ts';

function clusterSection(plan: LabPlan, cluster: KindCluster): readonly string[] {
  const { name, engineName, nodes, plugins } = cluster.artifacts;
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
    ...byHandSections(cluster),
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
