import type { ClusterPlan, LabPlan, NodePlan, PortMappingPlan } from '../../topology/plan.ts';
import { isSchedulable } from '../../topology/draft.ts';
import { kindNodeImage, kubeadmApi, OWNER_FILE, OWNER_MOUNT } from '../../topology/kind-images.ts';
import { ownedNodeLabel } from '../../topology/real-cluster-refusals.ts';
import { kindName } from './kind-names.ts';
import { manifestText } from './manifest-file.ts';

/** Where a node's container shows whose it is: the mount leads back to the folder of the lab's incarnation. */
const ownerMount = { hostPath: OWNER_FILE, containerPath: OWNER_MOUNT, readOnly: true } as const;

/** A single file each, there before kubelet starts; a mount of the folder would hide the plugins that the image brings. */
const pluginMount = (plugin: string): object => ({ hostPath: `bin/${plugin}`, containerPath: `/opt/cni/bin/${plugin}`, readOnly: true });

const portMapping = ({ containerPort, hostPort, listenAddress, protocol }: PortMappingPlan): object => ({ containerPort, hostPort, listenAddress, protocol });

const ipFamily = (cluster: ClusterPlan): string => (cluster.families.length > 1 ? 'dual' : (cluster.families[0] ?? 'ipv4'));

/** Arguments as the API version writes them: a map, since v1beta4 a list. */
function extraArgs(api: ReturnType<typeof kubeadmApi>, args: Readonly<Record<string, string>>): unknown {
  return api === 'v1beta4' ? Object.entries(args).map(([name, value]) => ({ name, value })) : args;
}

function kubeadmPatches(cluster: ClusterPlan): readonly string[] {
  const api = kubeadmApi(cluster.kubernetesVersion);
  const suffix = (index: number): string => (cluster.families.length > 1 ? `-${cluster.families[index] ?? ''}` : '');
  const masks = Object.fromEntries(cluster.nodeMasks.map((mask, i) => [`node-cidr-mask-size${suffix(i)}`, String(mask)]));
  const patches = [
    {
      apiVersion: `kubeadm.k8s.io/${api}`,
      kind: 'ClusterConfiguration',
      controllerManager: { extraArgs: extraArgs(api, masks) },
      networking: { dnsDomain: cluster.dnsDomain },
    },
    ...(cluster.kubeProxy.scheduler === null
      ? []
      : [{ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', ipvs: { scheduler: cluster.kubeProxy.scheduler } }]),
  ];
  return patches.map((patch) => manifestText([patch]));
}

/**
 * Of a control plane without the taint that kubeadm gives where the field is missing. One control plane is initialized and the others join, so that both documents say
 * it. A cluster of one node is left alone: kind takes its taint off itself, and fails where there is none.
 */
function taintPatches(cluster: ClusterPlan, node: NodePlan): readonly string[] {
  if (node.role === 'worker' || cluster.nodes.length === 1 || !isSchedulable(node, cluster.nodes)) return [];
  const apiVersion = `kubeadm.k8s.io/${kubeadmApi(cluster.kubernetesVersion)}`;
  return ['InitConfiguration', 'JoinConfiguration'].map((kind) => manifestText([{ apiVersion, kind, nodeRegistration: { taints: [] } }]));
}

/**
 * The kind configuration of one cluster (kind.x-k8s.io/v1alpha4), control planes first. Paths of mounts are relative: kind reads them from the
 * folder in which it is run.
 *
 * @param plugins CNI plugins that the node image lacks, expected as `bin/PLUGIN`
 */
export function kindConfig(plan: LabPlan, cluster: ClusterPlan, plugins: readonly string[]): object {
  const image = kindNodeImage(cluster);
  const nodes = cluster.nodes.map((node) => {
    const mappings = cluster.portMappings.filter((mapping) => mapping.node === node.name);
    const patches = taintPatches(cluster, node);
    return {
      role: node.role,
      ...(image === null ? {} : { image }),
      labels: {
        ...Object.fromEntries(Object.entries(node.labels).filter(([key]) => !ownedNodeLabel(key))),
        'cnilab.dev/lab': plan.name,
        'cnilab.dev/cluster': cluster.name,
        'cnilab.dev/node': node.name,
      },
      extraMounts: [ownerMount, ...plugins.map(pluginMount)],
      ...(mappings.length === 0 ? {} : { extraPortMappings: mappings.map(portMapping) }),
      ...(patches.length === 0 ? {} : { kubeadmConfigPatches: patches }),
    };
  });
  return {
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    name: kindName(plan, cluster),
    networking: {
      ipFamily: ipFamily(cluster),
      podSubnet: cluster.podCIDRs.join(','),
      serviceSubnet: cluster.serviceCIDRs.join(','),
      kubeProxyMode: cluster.kubeProxy.mode,
      disableDefaultCNI: cluster.cni.type !== 'kindnet',
      // Nothing is inherited from this machine: names resolve alike wherever the lab runs.
      dnsSearch: [],
    },
    kubeadmConfigPatches: kubeadmPatches(cluster),
    nodes: [...nodes.filter((node) => node.role === 'control-plane'), ...nodes.filter((node) => node.role === 'worker')],
  };
}
