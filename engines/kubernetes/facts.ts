/** What an API tells about a cluster that a verification needs. */
import { addressAt, tryParseCidr } from '../../topology/cidr.ts';
import type { ObservedCni } from '../../topology/plan.ts';
import type { Family, ProxyMode } from '../../topology/spec.ts';
import { isReady, type NodeObject, type ObjectList } from './api-objects.ts';
import type { Kubectl } from './kubectl.ts';
import { recogniseCni } from './recognise-cni.ts';
import { nodeReason } from './rollout-state.ts';

/** What flannel notes on a node of its VXLAN device in one family. */
export interface OverlayFacts {
  readonly family: Family;
  readonly vni: number;
  readonly mac: string;
  /** Where the others send to. */
  readonly underlay: string;
}

export interface NodeFacts {
  readonly name: string;
  readonly controlPlane: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly internalIPs: readonly string[];
  /** Its share of the pod network, where the cluster hands shares out. */
  readonly podCIDRs: readonly string[];
  readonly ready: boolean;
  /** Why it is not ready; '' when it is. */
  readonly notReady: string;
  /** When it became ready, or not, in the words of the API; absent where that does not tell. */
  readonly readyChangedAt?: string;
  readonly kubeletVersion: string;
  readonly containerRuntime: string;
  /** Absent where the CNI notes nothing. */
  readonly overlays?: readonly OverlayFacts[];
}

/** JSON. */
export interface ClusterFacts {
  readonly cluster: string;
  /** `1.34.4` */
  readonly serverVersion: string;
  /** By name. */
  readonly nodes: readonly NodeFacts[];
  /** Families of the pods, primary first. */
  readonly families: readonly Family[];
  readonly cni: Omit<ObservedCni, 'type'>;
  /** Pod network of the whole cluster, or the CNI's own ranges; empty where it cannot be read. */
  readonly podCIDRs: readonly string[];
  readonly serviceCIDRs: readonly string[];
  readonly apiServiceIPs: readonly string[];
  readonly dnsServiceIPs: readonly string[];
  readonly dnsDomain: string;
  readonly proxyMode: ProxyMode;
  /** Addresses that pods have now; null where they may not be listed. */
  readonly podIPs: readonly string[] | null;
  /** What could not be read, and why. */
  readonly unread: readonly string[];
}

interface ConfigMap {
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** Where nothing says otherwise: Ethernet's. */
const MTU_BYTES = 1500;

/**
 * Reads the facts, all at once. Nodes must be readable; everything else is left out where it is not, and named in `unread`.
 *
 * @throws {LabError} CLUSTER_UNREACHABLE, FORBIDDEN_BY_CLUSTER for the nodes, and what else kubectl throws
 */
export async function readFacts(kubectl: Kubectl, options: { readonly signal?: AbortSignal } = {}): Promise<ClusterFacts> {
  const unread: string[] = [];
  const optional = async <T>(what: string, read: Promise<T>): Promise<T | null> => {
    try {
      return await read;
    } catch (error) {
      unread.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  };
  const [version, nodes] = [
    kubectl.json<{ readonly gitVersion?: string }>(['get', '--raw', '/version'], options),
    kubectl.json<ObjectList<NodeObject>>(['get', '--raw', '/api/v1/nodes'], options),
  ];
  const columns = (what: string, path: string): Promise<readonly string[]> =>
    kubectl
      .text(['get', what, '--all-namespaces', '--no-headers', `--output=custom-columns=X:${path}`], options)
      .then((text) => text.split(/[\s,]+/).filter((one) => one !== '' && one !== '<none>'));
  const [podIPs, daemonSets, configs] = [
    optional('pods of all namespaces', columns('pods', '.status.podIPs[*].ip')),
    optional('DaemonSets of all namespaces', columns('daemonsets.apps', '.metadata.name')),
    optional('configuration of kubeadm and kube-proxy', readConfigs(kubectl, options)),
  ];
  // Everything is under way; what fails first for all (no way to the cluster) is told by the reads that must succeed.
  await Promise.allSettled([version, nodes, podIPs, daemonSets, configs]);
  const hasKubeadm = (await configs)?.some(({ metadata }) => metadata.name === KUBEADM_CONFIG) === true;
  return settle(kubectl.access.cluster, {
    version: (await version).gitVersion ?? '',
    nodes: (await nodes).items,
    podIPs: await podIPs,
    daemonSets: await daemonSets,
    configs: (await configs) ?? [],
    pools: await calicoPools(kubectl, await daemonSets, options),
    ...(hasKubeadm ? {} : { services: await ownServices(kubectl, options) }),
    unread,
  });
}

interface Raw {
  readonly version: string;
  readonly nodes: readonly NodeObject[];
  readonly podIPs: readonly string[] | null;
  readonly daemonSets: readonly string[] | null;
  readonly configs: readonly ConfigMap[];
  /** Calico's own ranges; null where there are none to read. */
  readonly pools: readonly string[] | null;
  /** Addresses of Services that kubeadm's configuration did not tell. */
  readonly services?: OwnServices;
  readonly unread: readonly string[];
}

/** Addresses of the Services that every cluster has; empty where they may not be read. */
interface OwnServices {
  readonly api: readonly string[];
  readonly dns: readonly string[];
}

const KUBEADM_CONFIG = 'kubeadm-config';

/** Facts from what was read: pure. */
export function settle(cluster: string, raw: Raw): ClusterFacts {
  const nodes = raw.nodes.map(nodeFacts).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const annotations = new Set(raw.nodes.flatMap((node) => Object.keys(node.metadata.annotations ?? {})));
  const cni = recogniseCni(raw.daemonSets ?? [], annotations);
  const config = (name: string, key: string): string | null => raw.configs.find((one) => one.metadata.name === name)?.data?.[key] ?? null;
  const kubeadm = config(KUBEADM_CONFIG, 'ClusterConfiguration') ?? '';
  const proxy = config('kube-proxy', 'config.conf');
  const clusterCIDRs = yamlList(kubeadm, 'podSubnet');
  const podCIDRs = raw.pools ?? (clusterCIDRs.length > 0 ? clusterCIDRs : proxy === null ? [] : yamlList(proxy, 'clusterCIDR'));
  const serviceCIDRs = yamlList(kubeadm, 'serviceSubnet');
  const serviceRanges = serviceCIDRs.map(tryParseCidr).flatMap((one) => (one.ok ? [one.cidr] : []));
  return {
    cluster,
    serverVersion: /^v?(\d+\.\d+\.\d+)/.exec(raw.version)?.[1] ?? raw.version,
    nodes,
    families: familiesOf([nodes.flatMap((node) => node.podCIDRs), podCIDRs, nodes.flatMap((node) => node.internalIPs)]),
    cni: { ...cni, ranges: cni.ranges === 'cluster' && podCIDRs.length === 0 ? 'unknown' : cni.ranges, mtuBytes: MTU_BYTES },
    podCIDRs,
    serviceCIDRs,
    // The API server takes the first address of each range for itself, kubeadm the tenth for DNS.
    apiServiceIPs: raw.services?.api ?? serviceRanges.map((range) => addressAt(range, 1)),
    dnsServiceIPs: raw.services?.dns ?? serviceRanges.map((range) => addressAt(range, 10)),
    dnsDomain: yamlList(kubeadm, 'dnsDomain')[0] ?? 'cluster.local',
    proxyMode: proxyModeOf(proxy, raw.daemonSets),
    podIPs: raw.podIPs,
    unread:
      (raw.services?.dns ?? []).length === 0
        ? raw.unread
        : [...raw.unread, 'the domain of names: without a configuration of kubeadm cluster.local is taken for it'],
  };
}

/** A node, as the API shows it. */
export function nodeFacts(node: NodeObject): NodeFacts {
  const { metadata, spec, status } = node;
  const labels = metadata.labels ?? {};
  const changedAt = status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
  return {
    name: metadata.name,
    controlPlane: 'node-role.kubernetes.io/control-plane' in labels || 'node-role.kubernetes.io/master' in labels,
    labels,
    internalIPs: (status?.addresses ?? []).filter((one) => one.type === 'InternalIP').map((one) => one.address),
    podCIDRs: spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]),
    ready: isReady(node),
    notReady: isReady(node) ? '' : nodeReason(node).text,
    ...(changedAt === undefined ? {} : { readyChangedAt: changedAt }),
    kubeletVersion: status?.nodeInfo?.kubeletVersion ?? '',
    containerRuntime: status?.nodeInfo?.containerRuntimeVersion ?? '',
    ...overlaysOf(metadata.annotations ?? {}),
  };
}

const FLANNEL = 'flannel.alpha.coreos.com';
const NOTES: readonly (readonly [family: Family, data: string, underlay: string])[] = [
  ['ipv4', 'backend-data', 'public-ip'],
  ['ipv6', 'backend-v6-data', 'public-ipv6'],
];

/** `backend-data: {"VNI":1,"VtepMAC":"d6:…"}`; of other backends `null`. */
function overlaysOf(annotations: Readonly<Record<string, string>>): Pick<NodeFacts, 'overlays'> {
  if (annotations[`${FLANNEL}/backend-type`] !== 'vxlan') return {};
  const overlays = NOTES.flatMap(([family, data, underlay]): readonly OverlayFacts[] => {
    const text = annotations[`${FLANNEL}/${data}`] ?? '';
    const mac = /"VtepMAC":"([0-9a-f:]{17})"/.exec(text)?.[1];
    const at = annotations[`${FLANNEL}/${underlay}`];
    return mac === undefined || at === undefined ? [] : [{ family, mac, underlay: at, vni: Number(/"VNI":(\d+)/.exec(text)?.[1] ?? 1) }];
  });
  return { overlays };
}

/** Families of the first of these lists that has any, in their order. */
function familiesOf(lists: readonly (readonly string[])[]): readonly Family[] {
  const families = (lists.find((list) => list.length > 0) ?? []).map((text): Family => (text.includes(':') ? 'ipv6' : 'ipv4'));
  return families.length === 0 ? ['ipv4'] : [...new Set(families)];
}

/** The values of a one-line scalar of a YAML document, comma-separated as kubeadm writes lists of CIDRs. */
function yamlList(document: string, key: string): readonly string[] {
  const value = new RegExp(String.raw`^\s*${key}:[ \t]*"?([^"\n#]*)"?`, 'm').exec(document)?.[1]?.trim() ?? '';
  return value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && one !== 'null');
}

const PROXY_MODES: readonly ProxyMode[] = ['iptables', 'nftables', 'ipvs'];

function proxyModeOf(config: string | null, daemonSets: readonly string[] | null): ProxyMode {
  if (config === null && daemonSets !== null && !daemonSets.includes('kube-proxy')) return 'none';
  const mode = config === null ? '' : (yamlList(config, 'mode')[0] ?? '');
  return PROXY_MODES.find((one) => one === mode) ?? 'iptables';
}

async function readConfigs(kubectl: Kubectl, options: { readonly signal?: AbortSignal }): Promise<readonly ConfigMap[]> {
  const text = await kubectl.text(
    ['get', 'configmaps', KUBEADM_CONFIG, 'kube-proxy', '--namespace=kube-system', '--ignore-not-found', '--output=json'],
    options,
  );
  if (text.trim() === '') return [];
  const found = JSON.parse(text) as ConfigMap | ObjectList<ConfigMap>;
  return 'items' in found ? found.items : [found];
}

/** They may be forbidden to a user who may verify: then nothing is known of them. */
async function ownServices(kubectl: Kubectl, options: { readonly signal?: AbortSignal }): Promise<OwnServices> {
  const addresses = async (namespace: string, name: string): Promise<readonly string[]> => {
    const args = ['get', 'service', name, `--namespace=${namespace}`, '--ignore-not-found', '--output=jsonpath={.spec.clusterIPs[*]}'];
    const result = await kubectl.run(args, options).catch(() => null);
    return result?.exitCode === 0 ? result.stdout.split(/\s+/).filter((one) => one !== '' && one !== 'None') : [];
  };
  const [api, dns] = await Promise.all([addresses('default', 'kubernetes'), addresses('kube-system', 'kube-dns')]);
  return { api, dns };
}

/** Calico hands addresses out of pools of its own, which need not be the cluster's pod network. */
async function calicoPools(
  kubectl: Kubectl,
  daemonSets: readonly string[] | null,
  options: { readonly signal?: AbortSignal },
): Promise<readonly string[] | null> {
  if (daemonSets?.includes('calico-node') !== true) return null;
  const result = await kubectl.run(['get', 'ippools.crd.projectcalico.org', '--output=jsonpath={.items[*].spec.cidr}'], options).catch(() => null);
  const pools = result?.exitCode === 0 ? result.stdout.split(/\s+/).filter((one) => one !== '') : [];
  return pools.length === 0 ? null : pools;
}
