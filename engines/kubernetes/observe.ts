/** A lab that runs in a cluster, as it is: names, addresses and pods that the plan could not choose. */
import { stableHash } from '../../topology/names.ts';
import type { ClusterPlan, LabPlan, NodePlan, PodPlan } from '../../topology/plan.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { podDns } from '../../topology/workloads.ts';
import type { KubernetesAccess } from '../port.ts';
import { isReady, podIPsOf, type NodeObject, type ObjectList, type PodObject } from './api-objects.ts';
import { nodeFacts } from './facts.ts';
import { linksOf, type IpLink } from './ip-json.ts';
import { kubectlFor, patient, type Kubectl } from './kubectl.ts';
import { observedNode } from './observed-nodes.ts';

/**
 * The plan with one cluster as it is: identities of nodes stay `cluster/<name in the plan>`, their `netns` is the name in Kubernetes, and their shares and
 * addresses are those of the API (with all interfaces where nodes can be entered). Pods are those of the lab's objects, by the names they have;
 * their `netns` is `pod:<cluster>/<namespace>/<name>`.
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
  const [nodeList, podList, links] = await Promise.all([
    patient(() => kubectl.json<ObjectList<NodeObject>>(['get', '--raw', '/api/v1/nodes'])),
    patient(() => kubectl.json<ObjectList<PodObject>>(['get', '--raw', '/api/v1/pods'])),
    Promise.all(nodes.map(async ({ name }) => [name, await readLinks(access, name)] as const)),
  ]);
  const observed = observedCluster(planned, nodes, nodeList.items, podList.items, new Map(links));
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
  const nodes = planned.nodes.map((node): NodePlan => {
    const name = names.find((one) => one.plan === node.name)?.name ?? node.name;
    const object = nodeObjects.find((one) => one.metadata.name === name);
    if (object === undefined) return node;
    const blocks = planned.cni.type === 'calico' ? planned.podCIDRs : [];
    return { ...observedNode(nodeFacts(object), links.get(name) ?? null, { cluster: planned.name, name: node.name, blocks }), role: node.role };
  });
  const pods = podObjects.flatMap((pod) => {
    const owner = planned.objects.find((object) => belongsTo(pod, object));
    const node = nodes.find((one) => one.netns === pod.spec?.nodeName);
    const runs = pod.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined;
    return owner === undefined || node === undefined || !runs ? [] : [podPlan(pod, owner, node, planned)];
  });
  return { ...planned, nodes, pods };
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
  return {
    id,
    cluster: cluster.name,
    namespace,
    name,
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
