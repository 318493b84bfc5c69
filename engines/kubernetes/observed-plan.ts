/** A running cluster as a plan: what was found stands where a plan says what shall be. Pure. */
import { tryParseCidr } from '../../topology/cidr.ts';
import { stableHash } from '../../topology/names.ts';
import { PLAN_SCHEMA, type ClusterPlan, type CniPlan, type LabPlan, type NodePlan, type PodPlan } from '../../topology/plan.ts';
import type { Collected } from './collect.ts';
import type { ViewLine } from './evidence.ts';
import { withDataPath } from './expected-data-path.ts';
import type { ClusterFacts, NodeFacts } from './facts.ts';
import { globalAddresses, type IpLink } from './ip-json.ts';
import { observedNode } from './observed-nodes.ts';
import type { RecordedPod } from './recorded-pods.ts';
import { viewLinks } from './views.ts';

export interface ObservedInput {
  /** Name of the lab; for a cluster that was found any name. */
  readonly lab: string;
  /** Name of the cluster: first part of every identity. */
  readonly cluster: string;
  readonly facts: ClusterFacts;
  /** With it, the pods of the verification are the plan's pods, and the nodes have their interfaces. */
  readonly collected?: Collected;
  /** The lab as planned, where it was. */
  readonly plan?: LabPlan;
  /** Names of nodes: in the plan, and in Kubernetes. @default the ones in Kubernetes */
  readonly nodes?: readonly { readonly plan: string; readonly name: string }[];
}

/**
 * The plan of one cluster as it is. Identities are `cluster/node` and `cluster/namespace/pod`; a node's `netns` is its name in Kubernetes, a pod's its
 * identity. Pods are the responders and the Jobs of R1 and R3: those of R2 live on their nodes. The CNI is the planned one when what runs looks
 * like it, else what was recognised.
 */
export function observedPlan(input: ObservedInput): LabPlan {
  const { lab, cluster, facts, collected, plan } = input;
  const planned = plan?.clusters.find((one) => one.name === cluster);
  const views = viewsByPod(collected);
  const nodeName = (name: string): string => input.nodes?.find((one) => one.name === name)?.plan ?? name;
  const pods = (collected?.pods ?? []).filter((pod) => pod.role === 'responder' || pod.role === 'r1' || pod.role === 'r3');
  const mtuBytes = pods.map((pod) => linkOf(pod, views.get(pod.name) ?? null)?.mtu ?? 0).find((mtu) => mtu > 0) ?? facts.cni.mtuBytes;
  const cni = cniOf(facts, planned, mtuBytes);
  // Calico takes blocks from its pools as pods come: what a node owns now is not what its next pod gets.
  const blocks = cni.type === 'calico' ? facts.podCIDRs : [];
  const found = facts.nodes.map((node) => {
    const seen = observedNode(node, nodeLinks(collected, node, views), { cluster, name: nodeName(node.name), blocks });
    return asItCameUp(
      seen,
      planned?.nodes.find((one) => one.netns === node.name),
    );
  });
  const nodes = withDataPath(cni, found, facts.nodes, mtuBytes);
  const clusterPlan: ClusterPlan = {
    name: cluster,
    kubernetesVersion: facts.serverVersion,
    families: facts.families,
    podCIDRs: facts.podCIDRs,
    serviceCIDRs: facts.serviceCIDRs,
    nodeMasks: masksOf(facts),
    apiServiceIPs: facts.apiServiceIPs,
    dnsServiceIPs: facts.dnsServiceIPs,
    cni,
    kubeProxy: { mode: facts.proxyMode, scheduler: facts.proxyMode === 'ipvs' ? (planned?.kubeProxy.scheduler ?? 'rr') : null },
    dnsDomain: facts.dnsDomain,
    nodeImage: planned?.nodeImage ?? null,
    portMappings: planned?.portMappings ?? [],
    nodes,
    pods: pods.map((pod) => podPlan(pod, cluster, collected?.namespace ?? '', nodes, views.get(pod.name) ?? null, mtuBytes)),
    objects: planned?.objects ?? [],
    services: [],
  };
  return {
    schema: PLAN_SCHEMA,
    name: lab,
    description: plan?.description ?? '',
    families: facts.families,
    neighbours: { mode: 'learned', estimate: 0, budget: 0 },
    segments: [],
    machines: [],
    clusters: [clusterPlan],
    images: plan?.images ?? {},
    findings: plan?.findings ?? [],
  };
}

/** What a node of a lab had when the lab came up is what it should have; a bridge may be there only since its first pod. */
function asItCameUp(seen: NodePlan, was: NodePlan | undefined): NodePlan {
  const [address] = seen.interfaces[0]?.addresses ?? [];
  const stands = was?.interfaces[0]?.addresses.some((one) => one.address === address?.address) === true;
  return was === undefined || !stands ? seen : { ...seen, interfaces: was.interfaces, bridge: was.bridge ?? seen.bridge };
}

/** The planned CNI when what was recognised does not contradict it: `raw`, and what an author wrote, leaves no mark. */
function cniOf(facts: ClusterFacts, planned: ClusterPlan | undefined, mtuBytes: number): CniPlan {
  const observed = { type: 'observed', ...facts.cni, mtuBytes } as const;
  if (planned === undefined) return observed;
  return planned.cni.type === facts.cni.name || facts.cni.name === 'unknown' ? planned.cni : observed;
}

function masksOf(facts: ClusterFacts): readonly number[] {
  const shares = facts.nodes.find((node) => node.podCIDRs.length > 0)?.podCIDRs ?? [];
  return shares.map(tryParseCidr).flatMap((one) => (one.ok ? [one.cidr.prefixLength] : []));
}

type Views = ReadonlyMap<string, readonly IpLink[]>;

/** Name of a pod → its interfaces. */
function viewsByPod(collected: Collected | undefined): Views {
  const found = new Map<string, readonly IpLink[]>();
  for (const view of collected?.evidence.views ?? []) {
    const links = viewLinks(view);
    if (links !== null) found.set(view.pod, links);
  }
  return found;
}

/** A Job of R2 sees its node's own interfaces. */
function nodeLinks(collected: Collected | undefined, node: NodeFacts, views: Views): readonly IpLink[] | null {
  const seen = (view: ViewLine): boolean => view.requirement === 'r2' && view.node === node.name;
  return views.get(collected?.evidence.views.findLast(seen)?.pod ?? '') ?? null;
}

/** The interface that has the address of the API; else the first that has one that others can use. */
function linkOf(pod: RecordedPod, links: readonly IpLink[] | null): IpLink | null {
  const usable = (links ?? []).filter((link) => globalAddresses(link).length > 0 && link.ifname !== 'lo');
  return usable.find((link) => globalAddresses(link).some((one) => pod.ips.includes(one.address))) ?? usable[0] ?? null;
}

function podPlan(pod: RecordedPod, cluster: string, namespace: string, nodes: readonly NodePlan[], links: readonly IpLink[] | null, mtuBytes: number): PodPlan {
  const id = `${cluster}/${namespace}/${pod.name}`;
  const node = nodes.find((one) => one.netns === pod.node);
  const link = linkOf(pod, links);
  const own = link === null ? [] : globalAddresses(link);
  return {
    id,
    cluster,
    namespace,
    name: pod.name,
    node: node?.name ?? pod.node,
    netns: id,
    hostNetwork: false,
    labels: pod.labels,
    owner: pod.role === 'responder' ? 'DaemonSet/responder' : `Job/${pod.labels['job-name'] ?? pod.role}`,
    ports: [],
    ready: true,
    hostname: '',
    subdomain: '',
    dnsPolicy: 'ClusterFirst',
    dnsConfig: { nameservers: [], searches: [], options: [] },
    containerId: stableHash(id, 64),
    interface: {
      name: link?.ifname ?? 'eth0',
      mac: link?.address ?? '',
      mtuBytes: link?.mtu ?? mtuBytes,
      addresses: pod.ips.map((address) => {
        const bits = address.includes(':') ? 128 : 32;
        return { family: bits === 128 ? 'ipv6' : 'ipv4', address, prefixLength: own.find((one) => one.address === address)?.prefixLength ?? bits };
      }),
      gateways: node?.gateways ?? [],
      hostName: null,
      hostMac: null,
    },
  };
}
