import { isIPv4 } from 'node:net';
import type { Diagnostic } from './diagnostic.ts';
import { OUTSIDE_SEGMENT } from './draft.ts';
import { parseKubernetesVersion, isAtLeast } from './kubernetes-version.ts';
import type { ClusterPlan, LabPlan } from './plan.ts';
import { realClusterRefusals } from './real-cluster-refusals.ts';
import { caution, counted, problem, type Path } from './rules/findings.ts';
import { diskOf, isImageUrl, vmImage } from './vm-image.ts';
import { userNetwork } from './vm-machines.ts';

/** The oldest kubeadm whose configuration is written here: v1beta3 came with it. */
const OLDEST = '1.22';
/** The oldest minor version that has a package repository: https://kubernetes.io/blog/2023/08/15/pkgs-k8s-io-introduction */
const OLDEST_PACKAGES = '1.24';

const USE_NETNS = 'use engine netns, or take them out of the lab';

function machines(plan: LabPlan): readonly Diagnostic[] {
  const outside = plan.machines.filter((machine) => machine.interfaces.some(({ segment }) => segment === OUTSIDE_SEGMENT) && machine.kind === 'host');
  const kinds = [
    ['hosts', 'hosts', plan.machines.filter((machine) => machine.kind === 'host' && !outside.includes(machine))],
    ['routers', 'routers', plan.machines.filter(({ kind }) => kind === 'router')],
    ['outside', 'machines outside', outside],
  ] as const;
  const segments = plan.segments.filter(({ name }) => name !== OUTSIDE_SEGMENT);
  return [
    ...kinds.flatMap(([field, what, found]) =>
      found.length === 0
        ? []
        : [problem('VM_CLUSTERS_ONLY', [field], `engine vm makes clusters only, no ${what}: ${found.map(({ name }) => name).join(', ')}`, USE_NETNS)],
    ),
    ...(plan.clusters.length > 0 ? [] : [problem('VM_CLUSTERS_ONLY', ['clusters'], 'engine vm makes clusters, and the lab has none', 'use engine netns')]),
    ...(segments.length < 2
      ? []
      : [
          problem(
            'VM_ONE_NETWORK',
            ['underlay', 'segments'],
            `engine vm has one network for all nodes, not ${counted(segments.length, 'segment')} (${segments.map(({ name }) => name).join(', ')})`,
            'use engine netns, or one segment',
          ),
        ]),
    ...(new Set(plan.clusters.map(({ nodeImage }) => nodeImage).filter((image) => vmImage(image) !== null)).size < 2
      ? []
      : [problem('VM_ONE_DISK', ['clusters'], 'the clusters of the lab name different disks', 'name one for all: nodeImage, --node-image')]),
    ...(userNetwork(plan) !== null
      ? []
      : [
          problem(
            'VM_RANGES_TAKEN',
            ['underlay'],
            'the lab uses 192.0.2.0/24, 198.51.100.0/24 and 10.0.2.0/24, and leaves none for the way from this machine to its nodes',
            'leave one of them out of the lab',
          ),
        ]),
  ];
}

const NO_CNI: Partial<Record<ClusterPlan['cni']['type'], string>> = {
  raw: 'is laid out by engine netns alone: its list is filled in from the plan, whose ranges a real cluster does not keep',
  kindnet: "is a part of kind's node images: nothing else installs it",
};

function cni(cluster: ClusterPlan, path: Path): readonly Diagnostic[] {
  const reason = NO_CNI[cluster.cni.type];
  if (reason !== undefined) {
    const text = `the CNI ${cluster.cni.type} ${reason}`;
    return [problem('VM_CNI_UNSUPPORTED', [...path, 'cni'], text, 'use one of the CNIs bridge, flannel, calico, weave, or another engine')];
  }
  if (cluster.cni.type === 'flannel' && cluster.cni.docker === true) {
    const text = 'flannel that feeds Docker is laid out by engine netns alone: the nodes of a cluster run containerd, whose bridge nobody names docker0';
    return [problem('VM_CNI_UNSUPPORTED', [...path, 'cni', 'docker'], text, 'use engine netns, or leave docker out: flannel with CNI')];
  }
  return cluster.cni.type === 'bridge' && cluster.cni.routesOn === 'router'
    ? [
        problem(
          'VM_CNI_UNSUPPORTED',
          [...path, 'cni', 'routesOn'],
          "engine vm has no router of the lab's own on which routes to pods could live",
          'use engine netns, or routesOn: nodes',
        ),
      ]
    : [];
}

function image({ nodeImage }: ClusterPlan, path: Path): readonly Diagnostic[] {
  if (nodeImage === null || !isImageUrl(nodeImage) || vmImage(nodeImage) !== null) return [];
  return [
    problem(
      'VM_IMAGE_DIGEST',
      [...path, 'nodeImage'],
      `${nodeImage} does not end with the digest of the image, so nobody could tell whether that address gives what it should`,
      'write URL@sha256:HEX or URL@sha512:HEX, in lower case: the digest is in the file SHA256SUMS (Ubuntu) or SHA512SUMS (Debian) beside the image, or `sha256sum FILE` says it',
    ),
  ];
}

function nodes(cluster: ClusterPlan, path: Path, fetches: boolean): readonly Diagnostic[] {
  const version = parseKubernetesVersion(cluster.kubernetesVersion);
  const [oldest, why] = fetches ? [OLDEST_PACKAGES, 'that has a package repository'] : [OLDEST, 'that is configured here'];
  return [
    ...(version !== null && isAtLeast(version, oldest)
      ? []
      : [
          problem(
            'VM_KUBERNETES_OLD',
            [...path, 'kubernetesVersion'],
            `kubeadm ${cluster.kubernetesVersion} is older than the oldest one ${why}, ${oldest}`,
            `use ${oldest} or newer`,
          ),
        ]),
    ...cluster.portMappings.flatMap(({ hostPort, node }, i) =>
      hostPort !== 0
        ? []
        : [
            problem(
              'VM_PORT_FREE',
              [...path, 'portMappings', i, 'hostPort'],
              `the port mapping to node ${node} has no port of its own: QEMU cannot choose one`,
              'name the hostPort',
            ),
          ],
    ),
    ...cluster.portMappings.flatMap(({ listenAddress, node }, i) =>
      isIPv4(listenAddress)
        ? []
        : [
            problem(
              'VM_PORT_ADDRESS',
              [...path, 'portMappings', i, 'listenAddress'],
              `the port mapping to node ${node} listens on ${listenAddress}: QEMU forwards ports of IPv4 addresses alone`,
              "use '127.0.0.1', or '0.0.0.0' for all",
            ),
          ],
    ),
  ];
}

/** Port mappings that no Service answers: the user network has IPv4 alone. */
function mappedFamilies(cluster: ClusterPlan, path: Path): readonly Diagnostic[] {
  return cluster.portMappings.flatMap(({ node, containerPort, protocol }, i) => {
    const service = cluster.services.find(({ ports }) => ports.some((port) => port.nodePort === containerPort && port.protocol === protocol));
    const [what, families] = service === undefined ? ['the cluster', cluster.families] : [`Service ${service.namespace}/${service.name}`, service.families];
    return families.includes('ipv4')
      ? []
      : [
          caution(
            'VM_PORT_FAMILY',
            [...path, 'portMappings', i],
            `port ${containerPort} of node ${node} is reached from this machine by IPv4 alone, and ${what} has only IPv6: no Service answers there`,
            'give it IPv4 too, or leave the port mapping out: `cnilab exec` reaches Services from a node',
          ),
        ];
  });
}

/**
 * What engine vm cannot do of a lab (errors), and what it does otherwise (warnings). Pure. Addresses and MTUs of nodes are those of the plan; their ranges
 * are handed out by the controller manager.
 */
export function vmRefusals(plan: LabPlan): readonly Diagnostic[] {
  const fetches = diskOf(plan)?.kind === 'cloud';
  return [
    ...machines(plan),
    ...plan.clusters.flatMap((cluster, c) => {
      const path = ['clusters', c];
      return [
        ...image(cluster, path),
        ...cni(cluster, path),
        ...nodes(cluster, path, fetches),
        ...mappedFamilies(cluster, path),
        ...realClusterRefusals(cluster, path, 'vm'),
      ];
    }),
  ];
}
