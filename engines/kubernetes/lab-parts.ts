/** What a running lab has in its cluster that suites beyond the network look at: its Services as they are, its pods, and what their programs answer. */
import type { ClusterPlan, PodPlan } from '../../topology/plan.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import { DNS_LABEL, isService } from '../../topology/services/cluster-services.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { podIPsOf, type NodeObject, type ObjectList, type PodObject } from './api-objects.ts';
import type { Kubectl } from './kubectl.ts';
import { observedCluster } from './observe.ts';
import { observedServices } from './observed-services.ts';

export interface LabParts {
  readonly services: readonly ServicePlan[];
  /** Pods of the lab's objects that run; `netns` is their identity, as with the pods of a verification. */
  readonly pods: readonly PodPlan[];
  /** Pods behind the cluster's DNS. */
  readonly dns: readonly PodPlan[];
  /** Addresses and ports at which netexec says who answers: `10.244.1.2 tcp 8080`. */
  readonly serves: ReadonlySet<string>;
  /** Identity → container, of the pods whose image has the tools of the probe script. */
  readonly enterable: ReadonlyMap<string, string>;
}

/** The Services of every cluster, beside those of the lab. */
const OWN: readonly string[] = ['default/kubernetes', 'kube-system/kube-dns'];

/**
 * Reads them.
 * @param cluster the lab's cluster, with its nodes as they are
 * @throws {LabError} what kubectl throws
 */
export async function readLabParts(kubectl: Kubectl, cluster: ClusterPlan, signal: AbortSignal): Promise<LabParts> {
  const list = <T>(path: string): Promise<ObjectList<T>> => kubectl.patiently(() => kubectl.json<ObjectList<T>>(['get', '--raw', path], { signal }), signal);
  const [services, slices, pods, nodes] = await Promise.all([
    list<KubernetesObject>('/api/v1/services'),
    list<KubernetesObject>('/apis/discovery.k8s.io/v1/endpointslices'),
    list<PodObject>('/api/v1/pods'),
    list<NodeObject>('/api/v1/nodes'),
  ]);
  return labParts(cluster, { services: services.items, slices: slices.items, pods: pods.items, nodes: nodes.items });
}

export interface ApiObjects {
  readonly services: readonly KubernetesObject[];
  readonly slices: readonly KubernetesObject[];
  readonly pods: readonly PodObject[];
  readonly nodes: readonly NodeObject[];
}

/** The same of what was read: pure. */
export function labParts(cluster: ClusterPlan, api: ApiObjects): LabParts {
  const wanted = [...OWN, ...cluster.objects.filter(isService).map(nameOf)];
  const byName = new Map(api.services.map((object) => [nameOf(object), object]));
  const names = cluster.nodes.map((node) => ({ plan: node.name, name: node.netns }));
  const podsOf = (objects: readonly KubernetesObject[]): readonly PodPlan[] =>
    observedCluster({ ...cluster, objects }, names, api.nodes, api.pods, new Map()).pods.map((pod) => (pod.hostNetwork ? pod : { ...pod, netns: pod.id }));
  const own = podsOf(cluster.objects);
  const running = new Map(api.pods.map((pod) => [`${cluster.name}/${pod.metadata.namespace ?? ''}/${pod.metadata.name}`, pod]));
  const mine = own.flatMap(({ id }) => running.get(id) ?? []);
  return {
    services: observedServices(
      cluster.name,
      [...new Set(wanted)].flatMap((name) => byName.get(name) ?? []),
      api.slices,
      cluster.nodes,
    ),
    pods: own,
    dns: podsOf([DNS_PODS]),
    serves: new Set(mine.flatMap((pod) => podIPsOf(pod).flatMap((address) => portsOf(pod).map((port) => `${address} ${port}`)))),
    enterable: new Map(
      own.flatMap(({ id, hostNetwork }) => {
        const container = running.get(id)?.spec?.containers?.find(isAgnhost);
        return hostNetwork || container === undefined ? [] : [[id, container.name] as const];
      }),
    ),
  };
}

/** Whatever runs them, as something with a selector. */
const DNS_PODS: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'coredns', namespace: 'kube-system' },
  spec: { selector: { matchLabels: { ...DNS_LABEL } } },
};

const nameOf = ({ metadata }: KubernetesObject): string => `${metadata.namespace ?? 'default'}/${metadata.name}`;

type Container = NonNullable<NonNullable<PodObject['spec']>['containers']>[number];

const isAgnhost = ({ image = '' }: Container): boolean => /\/agnhost[:@]|^agnhost[:@]/.test(image);

/** Ports of netexec unless its flags say otherwise: https://pkg.go.dev/k8s.io/kubernetes/test/images/agnhost/netexec */
const NETEXEC = { tcp: { flag: 'http-port', port: 8080 }, udp: { flag: 'udp-port', port: 8081 } } as const;

/** `tcp 8080` */
function portsOf(pod: PodObject): readonly string[] {
  return (pod.spec?.containers ?? []).filter(isAgnhost).flatMap(({ command, args = [] }) => {
    const words = [...(command ?? []), ...args];
    if (!words.includes('netexec')) return [];
    return (['tcp', 'udp'] as const).flatMap((protocol) => {
      const { flag, port } = NETEXEC[protocol];
      const said = words.map((word) => new RegExp(`^--?${flag}=(\\d+)$`).exec(word)?.[1]).find((one) => one !== undefined);
      return [`${protocol} ${said ?? port}`];
    });
  });
}
