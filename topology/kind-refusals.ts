import { hostPool } from './allocate.ts';
import { parseCidr } from './cidr.ts';
import type { Diagnostic } from './diagnostic.ts';
import { OUTSIDE_SEGMENT } from './draft.ts';
import { KIND_NODE_IMAGES, kindNodeImage, versionOfImage } from './kind-images.ts';
import type { ClusterPlan, LabPlan, MachinePlan } from './plan.ts';
import { realClusterRefusals } from './real-cluster-refusals.ts';
import { caution, counted, problem, type Path } from './rules/findings.ts';

/** MTU of Docker's networks unless its daemon is told otherwise. */
const DOCKER_MTU = 1500;

const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.');

function machines(plan: LabPlan): readonly Diagnostic[] {
  const outside = (machine: MachinePlan): boolean => machine.kind === 'host' && machine.interfaces.some((i) => i.segment === OUTSIDE_SEGMENT);
  const refused = (field: string, what: string, found: readonly MachinePlan[]): readonly Diagnostic[] =>
    found.length === 0
      ? []
      : [
          problem(
            'KIND_CLUSTERS_ONLY',
            [field],
            `kind makes clusters only, no ${what}: ${found.map((machine) => machine.name).join(', ')}`,
            'use engine netns, or take them out of the lab',
          ),
        ];
  const segments = plan.segments.filter((segment) => segment.name !== OUTSIDE_SEGMENT);
  return [
    ...refused(
      'hosts',
      'hosts',
      plan.machines.filter((m) => m.kind === 'host' && !outside(m)),
    ),
    ...refused(
      'routers',
      'routers',
      plan.machines.filter((m) => m.kind === 'router'),
    ),
    ...refused('outside', 'machines outside', plan.machines.filter(outside)),
    ...(segments.length < 2
      ? []
      : [
          problem(
            'KIND_ONE_NETWORK',
            ['underlay', 'segments'],
            `kind has one network for all nodes, not ${counted(segments.length, 'segment')} (${segments.map((s) => s.name).join(', ')})`,
            'use engine netns, or one segment',
          ),
        ]),
    ...(plan.clusters.length > 0 ? [] : [problem('KIND_CLUSTERS_ONLY', ['clusters'], 'kind makes clusters, and the lab has none', 'use engine netns')]),
  ];
}

/** Addresses that only a lab file can have given: planning gives the lowest ones in order, Docker gives its own. */
function fixedAddresses(plan: LabPlan): readonly Diagnostic[] {
  if (plan.machines.length > 0) return [];
  const count = plan.clusters.reduce((sum, cluster) => sum + cluster.nodes.length, 0);
  const usual = new Set(
    plan.segments.flatMap((segment) =>
      segment.cidrs.map((cidr) => hostPool(parseCidr(cidr))).flatMap((pool) => Array.from({ length: count }, () => `${segment.name} ${pool.next()}`)),
    ),
  );
  return plan.clusters.flatMap((cluster, c) =>
    cluster.nodes.flatMap((node, n) =>
      node.interfaces.flatMap((face) =>
        face.addresses
          .filter(({ address }) => !usual.has(`${face.segment} ${address}`))
          .map(({ address }) =>
            caution(
              'KIND_ADDRESS_FIXED',
              ['clusters', c, 'nodes', n, 'address'],
              `node ${node.name} will not have the address ${address} on kind: Docker gives nodes their addresses`,
              '`cnilab inspect` shows the one it has; engine netns keeps the one of the lab file',
            ),
          ),
      ),
    ),
  );
}

function image(cluster: ClusterPlan, path: Path): readonly Diagnostic[] {
  const chosen = kindNodeImage(cluster);
  if (chosen === null) {
    return [
      problem(
        'NODE_IMAGE_UNKNOWN',
        [...path, 'kubernetesVersion'],
        `kind 0.33 lists no node image for Kubernetes ${cluster.kubernetesVersion}; it lists ${Object.keys(KIND_NODE_IMAGES).join(', ')}`,
        'use one of those, or name an image: nodeImage, --node-image',
      ),
    ];
  }
  const tagged = versionOfImage(chosen);
  if (tagged === null) {
    return [
      caution(
        'NODE_IMAGE_VERSION',
        [...path, 'nodeImage'],
        `the tag of the node image ${chosen} is no Kubernetes version: kubeadm is configured as for ${cluster.kubernetesVersion}, and kind ignores a configuration for another version`,
        'give kubernetesVersion the version of the image',
      ),
    ];
  }
  return minorOf(tagged) === minorOf(cluster.kubernetesVersion)
    ? []
    : [
        problem(
          'NODE_IMAGE_VERSION',
          [...path, 'nodeImage'],
          `the node image ${chosen} is of Kubernetes ${tagged}, the cluster asks for ${cluster.kubernetesVersion}`,
          `use an image of ${minorOf(cluster.kubernetesVersion)}, or kubernetesVersion: '${tagged}'`,
        ),
      ];
}

function cni(cluster: ClusterPlan, path: Path): readonly Diagnostic[] {
  if (cluster.cni.type === 'raw') {
    return [
      problem(
        'KIND_CNI_UNSUPPORTED',
        [...path, 'cni'],
        'the CNI raw is laid out by engine netns alone: its list is filled in from the plan, whose ranges a real cluster does not keep',
        'use engine netns, or one of the CNIs bridge, flannel, calico, weave, kindnet',
      ),
    ];
  }
  if (cluster.cni.type === 'flannel' && cluster.cni.docker === true) {
    return [
      problem(
        'KIND_CNI_UNSUPPORTED',
        [...path, 'cni', 'docker'],
        'flannel that feeds Docker is laid out by engine netns alone: the nodes of a cluster run containerd, whose bridge nobody names docker0',
        'use engine netns, or leave docker out: flannel with CNI',
      ),
    ];
  }
  return cluster.cni.type === 'bridge' && cluster.cni.routesOn === 'router'
    ? [
        problem(
          'KIND_ROUTES_ON_NODES',
          [...path, 'cni', 'routesOn'],
          "kind has no router of the lab's own on which routes to pods could live",
          'use engine netns, or routesOn: nodes',
        ),
      ]
    : [];
}

function taint(cluster: ClusterPlan, path: Path): readonly Diagnostic[] {
  const [node, ...others] = cluster.nodes;
  return node?.schedulable === false && others.length === 0
    ? [
        problem(
          'KIND_TAINT_REMOVED',
          [...path, 'nodes', 0, 'schedulable'],
          `kind takes the control plane's taint off a cluster of one node: ${node.name} would be schedulable`,
          'use engine vm or netns, or add a worker',
        ),
      ]
    : [];
}

/**
 * What kind cannot do of a lab (errors), and what it does otherwise (warnings). Pure.
 *
 * Addresses and ranges that planning chose are no findings: a real cluster chooses its own, and they are read when it is up.
 */
export function kindRefusals(plan: LabPlan): readonly Diagnostic[] {
  return [
    ...machines(plan),
    ...fixedAddresses(plan),
    ...plan.clusters.flatMap((cluster, c) => {
      const path = ['clusters', c];
      return [...[image, cni, taint].flatMap((look) => look(cluster, path)), ...realClusterRefusals(cluster, path, 'kind')];
    }),
    ...plan.segments
      .filter((segment) => segment.mtuBytes !== DOCKER_MTU)
      .map((segment) =>
        caution(
          'KIND_MTU',
          ['underlay', 'mtu'],
          `nodes of kind stand on a Docker network, whose MTU is ${DOCKER_MTU} unless the daemon says otherwise; ${segment.name} has ${segment.mtuBytes}`,
          `leave the MTU out, or set Docker's default network option com.docker.network.driver.mtu to ${segment.mtuBytes}`,
        ),
      ),
  ];
}
