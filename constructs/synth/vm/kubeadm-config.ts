import { parseCidr } from '../../../topology/cidr.ts';
import { isSchedulable } from '../../../topology/draft.ts';
import { isAtLeast, parseKubernetesVersion } from '../../../topology/kubernetes-version.ts';
import type { ClusterPlan, LabPlan } from '../../../topology/plan.ts';
import { ownedNodeLabel } from '../../../topology/real-cluster-refusals.ts';
import { apiEndpoint, API_PORT, userNetwork, vmApiHost, type VmMachine } from '../../../topology/vm-machines.ts';

/** What must not be known to others: made for one lab at a time. */
export interface VmSecrets {
  /** Of kubeadm: `[a-z0-9]{6}.[a-z0-9]{16}` */
  readonly token: string;
  /** 32 bytes in hex, by which control planes that join read the certificates of the first. */
  readonly certificateKey: string;
  /** A key pair for each end of ssh: OpenSSH's public line, and PEM. */
  readonly client: SshKey;
  readonly host: SshKey;
}

export interface SshKey {
  readonly publicLine: string;
  readonly privatePem: string;
}

type Api = 'v1beta3' | 'v1beta4';

/** The newest kubeadm API of a version: v1beta4 came with 1.31, and with it every time limit in one place. */
export function newestKubeadmApi(kubernetesVersion: string): Api {
  const version = parseKubernetesVersion(kubernetesVersion);
  return version !== null && isAtLeast(version, '1.31') ? 'v1beta4' : 'v1beta3';
}

/** Arguments as the API version writes them: a map, since v1beta4 a list. */
function extraArgs(api: Api, args: Readonly<Record<string, string>>): unknown {
  return api === 'v1beta4' ? Object.entries(args).map(([name, value]) => ({ name, value })) : args;
}

/** Machines without KVM are ten to thirty times slower than what kubeadm's limits are made for; nothing waits longer than it has to. */
const TIMEOUTS = {
  controlPlaneComponentHealthCheck: '45m0s',
  discovery: '1h0m0s',
  etcdAPICall: '10m0s',
  kubeletHealthCheck: '15m0s',
  kubernetesAPICall: '10m0s',
  tlsBootstrap: '30m0s',
} as const;

/** Folder of a machine with changes to the static pods, written by the bootstrap script: a busy processor is no dead program. */
export const PATCHES = '/etc/kubernetes/cnilab-patches';

/** After which a silent node is not ready. */
export const GRACE_FLAG = 'node-monitor-grace-period';
/** kube-controller-manager's own value, which 1.32 changed from 40 s; the bootstrap script writes another one where nothing but QEMU runs the processor. */
function usualGrace(kubernetesVersion: string): string {
  const version = parseKubernetesVersion(kubernetesVersion);
  return version !== null && isAtLeast(version, '1.32') ? '50s' : '40s';
}

/** How often kube-proxy programs everything anew though nothing changed, and its own value. */
export const SYNC_FIELD = 'syncPeriod';
export const USUAL_SYNC = '30s';

/** `major.minor` stands for the version that the image has: the bootstrap script writes it here. */
export const IMAGE_VERSION_PREFIX = 'stable-';
const fullVersion = (version: string): string => (version.split('.').length === 3 ? `v${version}` : `${IMAGE_VERSION_PREFIX}${version}`);

const controlPlanes = (cluster: ClusterPlan): number => cluster.nodes.filter(({ role }) => role === 'control-plane').length;

function nodeRegistration(plan: LabPlan, cluster: ClusterPlan, machine: VmMachine, api: Api): object {
  const labels = {
    ...Object.fromEntries(Object.entries(machine.node.labels).filter(([key]) => !ownedNodeLabel(key))),
    'cnilab.dev/lab': plan.name,
    'cnilab.dev/cluster': cluster.name,
    'cnilab.dev/node': machine.name,
  };
  return {
    name: machine.name,
    criSocket: 'unix:///run/containerd/containerd.sock',
    imagePullPolicy: 'IfNotPresent',
    kubeletExtraArgs: extraArgs(api, {
      'node-ip': machine.lab.addresses.map(({ address }) => address).join(','),
      'node-labels': Object.entries(labels)
        .map((pair) => pair.join('='))
        .join(','),
      // Statistics of containers, which nobody reads; reading them costs a machine without KVM a tenth of its time.
      'housekeeping-interval': '60s',
    }),
    // Without the field kubeadm taints a control plane; an empty list is none.
    ...(machine.node.role === 'control-plane' && isSchedulable(machine.node, cluster.nodes) ? { taints: [] } : {}),
  };
}

function clusterConfiguration(cluster: ClusterPlan, machines: readonly VmMachine[], api: Api, engineName: string): object {
  const masks = Object.fromEntries(
    cluster.nodeMasks.map((mask, i) => [`node-cidr-mask-size${cluster.families.length > 1 ? `-${cluster.families[i] ?? ''}` : ''}`, String(mask)]),
  );
  // One that is alone need not be elected, and does not lose its lease on a slow machine; of several, one must.
  const election =
    controlPlanes(cluster) === 1
      ? { 'leader-elect': 'false' }
      : { 'leader-elect-lease-duration': '120s', 'leader-elect-renew-deadline': '90s', 'leader-elect-retry-period': '15s' };
  return {
    apiVersion: `kubeadm.k8s.io/${api}`,
    kind: 'ClusterConfiguration',
    clusterName: engineName,
    kubernetesVersion: fullVersion(cluster.kubernetesVersion),
    controlPlaneEndpoint: apiEndpoint(vmApiHost(machines)),
    apiServer: { certSANs: ['127.0.0.1', 'localhost'], ...(api === 'v1beta3' ? { timeoutForControlPlane: TIMEOUTS.controlPlaneComponentHealthCheck } : {}) },
    controllerManager: { extraArgs: extraArgs(api, { ...masks, ...election, [GRACE_FLAG]: usualGrace(cluster.kubernetesVersion) }) },
    scheduler: { extraArgs: extraArgs(api, election) },
    networking: { podSubnet: cluster.podCIDRs.join(','), serviceSubnet: cluster.serviceCIDRs.join(','), dnsDomain: cluster.dnsDomain },
  };
}

/**
 * The ranges in which node ports are open. Port mappings arrive at a node's address in the user network, and in mode nftables only the primary address has node ports
 * by default: https://kubernetes.io/docs/reference/networking/virtual-ips/#migrating-from-iptables-mode-to-nftables. A family without a range would be open everywhere.
 */
function nodePortAddresses(plan: LabPlan, { families, kubeProxy, nodes, portMappings }: ClusterPlan): readonly string[] {
  if (kubeProxy.mode !== 'nftables' || portMappings.length === 0) return [];
  const segments = new Set(nodes.flatMap(({ interfaces }) => interfaces.map(({ segment }) => segment)));
  const user = userNetwork(plan);
  const ranges = [...plan.segments.flatMap(({ name, cidrs }) => (segments.has(name) ? cidrs : [])), ...(user === null ? [] : [user.cidr])];
  return ranges.filter((range) => families.includes(parseCidr(range).family));
}

function kubeProxyConfiguration(plan: LabPlan, cluster: ClusterPlan): readonly object[] {
  const { mode, scheduler } = cluster.kubeProxy;
  if (mode === 'none') return [];
  const ports = nodePortAddresses(plan, cluster);
  // Without strictARP every node answers ARP for the addresses of Services that ipvs puts on a device of its own.
  const ipvs = { ...(scheduler === null ? {} : { scheduler }), strictARP: true };
  const syncs = { [SYNC_FIELD]: USUAL_SYNC };
  return [
    {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode,
      [mode]: { ...(mode === 'ipvs' ? ipvs : {}), ...syncs },
      ...(ports.length === 0 ? {} : { nodePortAddresses: ports }),
    },
  ];
}

/** The documents for `kubeadm init` on the first control plane, or for `kubeadm join` on another machine. */
export function kubeadmConfig(
  {
    plan,
    cluster,
    machines,
    engineName,
    secrets,
  }: {
    readonly plan: LabPlan;
    readonly cluster: ClusterPlan;
    readonly machines: readonly VmMachine[];
    readonly engineName: string;
    readonly secrets: VmSecrets;
  },
  machine: VmMachine,
): readonly object[] {
  const api = newestKubeadmApi(cluster.kubernetesVersion);
  const several = controlPlanes(cluster) > 1;
  const timeouts = api === 'v1beta4' ? { timeouts: TIMEOUTS } : {};
  const registration = nodeRegistration(plan, cluster, machine, api);
  const localAPIEndpoint = { advertiseAddress: machine.lab.addresses[0]?.address ?? '', bindPort: API_PORT };
  const certificateKey = several ? { certificateKey: secrets.certificateKey } : {};
  if (machine.first) {
    return [
      {
        apiVersion: `kubeadm.k8s.io/${api}`,
        kind: 'InitConfiguration',
        bootstrapTokens: [{ token: secrets.token, description: 'nodes of the lab', ttl: '24h0m0s' }],
        localAPIEndpoint,
        nodeRegistration: registration,
        ...certificateKey,
        patches: { directory: PATCHES },
        ...(cluster.kubeProxy.mode === 'none' ? { skipPhases: ['addon/kube-proxy'] } : {}),
        ...timeouts,
      },
      clusterConfiguration(cluster, machines, api, engineName),
      ...kubeProxyConfiguration(plan, cluster),
    ];
  }
  return [
    {
      apiVersion: `kubeadm.k8s.io/${api}`,
      kind: 'JoinConfiguration',
      discovery: {
        // What is discovered is signed with the token, which nobody else has; the authority does not exist yet when this is written.
        bootstrapToken: { token: secrets.token, apiServerEndpoint: apiEndpoint(vmApiHost(machines)), unsafeSkipCAVerification: true },
        ...(api === 'v1beta3' ? { timeout: TIMEOUTS.discovery } : {}),
      },
      nodeRegistration: registration,
      ...(machine.node.role === 'control-plane' ? { controlPlane: { localAPIEndpoint, ...certificateKey }, patches: { directory: PATCHES } } : {}),
      ...timeouts,
    },
  ];
}
