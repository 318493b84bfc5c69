/** A lab that runs in a cluster, as it is: names, addresses and pods that the plan could not choose. */
import { stableHash } from '../../topology/names.ts';
import type { ClusterPlan, LabPlan, NodePlan, PodPlan } from '../../topology/plan.ts';
import { isService } from '../../topology/services/cluster-services.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { podDns } from '../../topology/workloads.ts';
import type { KubernetesAccess, NamespaceSnapshot } from '../port.ts';
import { isReady, podIPsOf, type NodeObject, type ObjectList, type PodObject } from './api-objects.ts';
import { withDataPath } from './expected-data-path.ts';
import { nodeFacts } from './facts.ts';
import { linksOf, type IpLink } from './ip-json.ts';
import { kubectlFor, type Kubectl } from './kubectl.ts';
import { observedNode } from './observed-nodes.ts';
import { observedServices } from './observed-services.ts';
import { readKernels } from './read-kernels.ts';

/**
 * The plan with one cluster as it is: identities of nodes stay `cluster/<name in the plan>`, their `netns` is the name in Kubernetes, and their shares and
 * addresses are those of the API (with all interfaces where nodes can be entered). Pods are those of the lab's objects, by the names they have;
 * their `netns` is `pod:<cluster>/<namespace>/<name>`. Services are the planned ones, with the addresses, ports and endpoints that they have.
 *
 * @param nodes names of nodes in the plan and in Kubernetes
 * @throws {LabError} what kubectl throws
 */
export async function observeCluster(
  access: KubernetesAccess,
  plan: LabPlan,
  nodes: readonly { readonly plan: string; readonly name: string }[],
  kubectl: Kubectl = kubectlFor(access),
): Promise<LabPlan> {
  const planned = plan.clusters.find((one) => one.name === access.cluster);
  if (planned === undefined) return plan;
  const list = async <T>(path: string): Promise<readonly T[]> => (await kubectl.patiently(() => kubectl.json<ObjectList<T>>(['get', '--raw', path]))).items;
  // What every cluster has by itself is at the planned addresses.
  const asksServices = planned.objects.some(isService);
  const [nodeObjects, podObjects, services, slices, links] = await Promise.all([
    list<NodeObject>('/api/v1/nodes'),
    list<PodObject>('/api/v1/pods'),
    asksServices ? list<KubernetesObject>('/api/v1/services') : null,
    asksServices ? list<KubernetesObject>('/apis/discovery.k8s.io/v1/endpointslices') : [],
    Promise.all(nodes.map(async ({ name }) => [name, await readLinks(access, name)] as const)),
  ]);
  const found = observedCluster(planned, nodes, nodeObjects, podObjects, new Map(links));
  const observed = await withPodKernels(access, services === null ? found : withServices(found, services, slices));
  // The nodes stand on the engine's own network, not on the planned segments.
  return { ...plan, segments: [], clusters: plan.clusters.map((one) => (one === planned ? observed : one)) };
}

/** The cluster with what the API and the nodes tell: pure. A planned node that the API does not know stays as planned. */
export function observedCluster(
  planned: ClusterPlan,
  names: readonly { readonly plan: string; readonly name: string }[],
  nodeObjects: readonly NodeObject[],
  podObjects: readonly PodObject[],
  links: ReadonlyMap<string, readonly IpLink[] | null>,
): ClusterPlan {
  const facts = nodeObjects.map(nodeFacts);
  const found = planned.nodes.map((node): NodePlan => {
    const name = names.find((one) => one.plan === node.name)?.name ?? node.name;
    const fact = facts.find((one) => one.name === name);
    if (fact === undefined) return node;
    const blocks = planned.cni.type === 'calico' ? planned.podCIDRs : [];
    return { ...observedNode(fact, links.get(name) ?? null, { cluster: planned.name, name: node.name, blocks }), role: node.role };
  });
  const nodes = withDataPath(planned.cni, found, facts, podMtuOf(planned, found));
  const pods = podObjects.flatMap((pod) => {
    const owner = planned.objects.find((object) => belongsTo(pod, object));
    const node = nodes.find((one) => one.netns === pod.spec?.nodeName);
    const runs = pod.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined;
    return owner === undefined || node === undefined || !runs ? [] : [podPlan(pod, owner, node, planned)];
  });
  // The API has them by name: what takes the first pod of a node is to take the one that it takes of the plan.
  const places = new Map(planned.pods.map((pod, at) => [`${pod.namespace}/${pod.name}`, at]));
  const place = ({ namespace, name, plannedName = name }: PodPlan): number => places.get(`${namespace}/${plannedName}`) ?? places.size;
  return { ...planned, nodes, pods: pods.toSorted((a, b) => place(a) - place(b)) };
}

/** The API chose their addresses and node ports. One that it does not have (any more) is left out. */
function withServices(cluster: ClusterPlan, services: readonly KubernetesObject[], slices: readonly KubernetesObject[]): ClusterPlan {
  const byName = new Map(services.map((object) => [`${object.metadata.namespace ?? 'default'}/${object.metadata.name}`, object]));
  const running = cluster.services.flatMap(({ namespace, name }) => byName.get(`${namespace}/${name}`) ?? []);
  return { ...cluster, services: observedServices(cluster.name, running, slices, cluster.nodes) };
}

/** The bridge that its pods hang on has their MTU; before a node has one, what is planned. */
function podMtuOf(planned: ClusterPlan, nodes: readonly NodePlan[]): number {
  return Math.max(0, ...nodes.map((node) => node.bridge?.mtuBytes ?? 0)) || planned.cni.mtuBytes;
}

/** What only the kernel of a pod knows of its interface: MAC, MTU, prefix lengths. A pod that cannot be entered stays as the API has it. */
async function withPodKernels({ onNode }: KubernetesAccess, cluster: ClusterPlan): Promise<ClusterPlan> {
  if (onNode === null) return cluster;
  const places = cluster.pods.flatMap(({ hostNetwork, netns, namespace, name, node }) => {
    const home = cluster.nodes.find((one) => one.name === node);
    return hostNetwork || home === undefined ? [] : [{ netns, node: home.netns, pod: `${namespace}/${name}` }];
  });
  const read = await readKernels(onNode, places, { rules: false }).catch(() => null);
  return { ...cluster, pods: cluster.pods.map((pod) => withKernel(pod, read?.namespaces[pod.netns])) };
}

function withKernel(pod: PodPlan, kernel: NamespaceSnapshot | undefined): PodPlan {
  const link = kernel?.links.find((one) => one.name === pod.interface?.name);
  if (pod.interface === null || kernel === undefined || link === undefined) return pod;
  const addresses = pod.interface.addresses.map((one) => ({
    ...one,
    prefixLength: kernel.addresses.find((has) => has.address === one.address)?.prefixLength ?? one.prefixLength,
  }));
  return { ...pod, interface: { ...pod.interface, mac: link.mac, mtuBytes: link.mtu, addresses } };
}

async function readLinks(access: KubernetesAccess, node: string): Promise<readonly IpLink[] | null> {
  if (access.onNode === null) return null;
  const { exitCode, stdout } = await access.onNode(node, ['ip', '-json', '-details', 'addr'], { timeoutMs: 10_000 });
  return exitCode === 0 ? linksOf(JSON.parse(stdout)) : null;
}

/** Is the pod the object, or one that its selector chooses? */
function belongsTo(pod: PodObject, object: KubernetesObject): boolean {
  if ((pod.metadata.namespace ?? 'default') !== (object.metadata.namespace ?? 'default')) return false;
  if (object.kind === 'Pod') return pod.metadata.name === object.metadata.name && pod.metadata.ownerReferences === undefined;
  if (object.kind === 'Job') return pod.metadata.ownerReferences?.some((one) => one.kind === 'Job' && one.name === object.metadata.name) ?? false;
  if (!CONTROLLERS.has(object.kind)) return false;
  const { selector } = object['spec'] as { readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> } };
  const labels = Object.entries(selector?.matchLabels ?? {});
  return labels.length > 0 && labels.every(([key, value]) => pod.metadata.labels?.[key] === value);
}

const CONTROLLERS: ReadonlySet<string> = new Set(['DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet']);

function podPlan(pod: PodObject, owner: KubernetesObject, node: NodePlan, cluster: ClusterPlan): PodPlan {
  const { namespace = 'default', name, labels = {} } = pod.metadata;
  const id = `${cluster.name}/${namespace}/${name}`;
  const hostNetwork = pod.spec?.hostNetwork === true;
  const planned = plannedName(`${owner.kind}/${owner.metadata.name}`, namespace, node, cluster);
  return {
    id,
    cluster: cluster.name,
    namespace,
    name,
    ...(planned === undefined || planned === name ? {} : { plannedName: planned }),
    node: node.name,
    netns: hostNetwork ? node.netns : `pod:${id}`,
    hostNetwork,
    labels,
    owner: `${owner.kind}/${owner.metadata.name}`,
    ports: (pod.spec?.containers ?? []).flatMap((container) =>
      (container.ports ?? []).map((port) => ({
        name: port.name ?? '',
        containerPort: port.containerPort,
        protocol: port.protocol === 'UDP' ? ('UDP' as const) : ('TCP' as const),
        hostPort: port.hostPort ?? null,
      })),
    ),
    ready: isReady(pod),
    ...podDns((pod.spec ?? {}) as Readonly<Record<string, unknown>>),
    containerId: stableHash(id, 64),
    interface: hostNetwork
      ? null
      : {
          name: 'eth0',
          mac: '',
          mtuBytes: cluster.cni.mtuBytes,
          addresses: podIPsOf(pod).map((address) =>
            address.includes(':') ? { family: 'ipv6', address, prefixLength: 128 } : { family: 'ipv4', address, prefixLength: 32 },
          ),
          gateways: node.gateways,
          hostName: null,
          hostMac: null,
        },
  };
}

/** The one pod that a DaemonSet has on a node; those of other controllers cannot be told apart. */
function plannedName(owner: string, namespace: string, node: NodePlan, { pods }: ClusterPlan): string | undefined {
  return owner.startsWith('DaemonSet/') ? pods.find((one) => one.owner === owner && one.namespace === namespace && one.node === node.name)?.name : undefined;
}
