import { countOf, labelsOf, recordOf, recordsOf, textOf, textsOf, wordOf, type Json } from './json.ts';
import { stableHash } from './names.ts';
import { networkDefinition } from './networks/definition.ts';
import { networksAnnotation, networksAsked } from './networks/requests.ts';
import type { DnsConfigPlan, DnsPolicy, HostAliasPlan } from './plan.ts';
import type { ClusterSpec, KubernetesObject, WorkloadSpec } from './spec.ts';

/** Runs on every node, whatever its taints: what `perNode` asks for. */
const TOLERATE_ALL = [{ operator: 'Exists' }] as const;

/** Image of the containers that short-form workloads get on engines that pull images: the Kubernetes test image, serves HTTP and UDP. */
export const AGNHOST_IMAGE: string = 'registry.k8s.io/e2e-test-images/agnhost:2.53';

/** What makes the test image answer at a container's first port of each protocol, and say who it is. */
export function netexecArgs(ports: readonly { readonly containerPort: number; readonly protocol?: string }[]): readonly string[] {
  const udp = ports.find((port) => port.protocol === 'UDP');
  const http = ports.find((port) => port.protocol === undefined || port.protocol === 'TCP');
  return ['netexec', `--http-port=${http?.containerPort ?? 8080}`, ...(udp === undefined ? [] : [`--udp-port=${udp.containerPort}`])];
}

/** Template of the pods of a short form; `app` is the value of their label. */
export function podTemplate(workload: WorkloadSpec, app: string, tolerateAll: boolean): Record<string, unknown> {
  const ports = workload.ports ?? [];
  const annotations = networksAnnotation(workload.networks ?? [], workload.namespace ?? 'default');
  return {
    metadata: { labels: { app, ...workload.labels }, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
    spec: {
      ...(workload.hostNetwork === true ? { hostNetwork: true } : {}),
      ...(workload.nodeSelector === undefined ? {} : { nodeSelector: { ...workload.nodeSelector } }),
      ...(tolerateAll ? { tolerations: TOLERATE_ALL } : {}),
      containers: [
        {
          name: 'main',
          image: AGNHOST_IMAGE,
          args: netexecArgs(ports),
          ...(ports.length === 0 ? {} : { ports: ports.map((p) => ({ ...p })) }),
        },
      ],
    },
  };
}

function controller(kind: 'DaemonSet' | 'Deployment', workload: WorkloadSpec, name: string, extra: Record<string, unknown>): KubernetesObject {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: workload.namespace ?? 'default', labels: { app: name, ...workload.labels } },
    spec: { ...extra, selector: { matchLabels: { app: name } }, template: podTemplate(workload, name, kind === 'DaemonSet') },
  };
}

/**
 * Lowers the short forms of a cluster to Kubernetes objects and puts the author's own objects behind them.
 *
 * `perNode: n` becomes n DaemonSets (NAME, NAME-2, NAME-3, …: a second one renames nobody) that tolerate every taint, so that control planes have pods too;
 * `replicas: n` becomes one Deployment. Second networks become NetworkAttachmentDefinitions, before all.
 */
export function lowerWorkloads(cluster: ClusterSpec): readonly KubernetesObject[] {
  const lowered = (cluster.workloads ?? []).flatMap((workload): KubernetesObject[] => {
    const count = workload.perNode ?? (workload.replicas === undefined ? 1 : 0);
    const sets = Array.from({ length: count }, (_, i) => controller('DaemonSet', workload, i === 0 ? workload.name : `${workload.name}-${i + 1}`, {}));
    return workload.replicas === undefined ? sets : [...sets, controller('Deployment', workload, workload.name, { replicas: workload.replicas })];
  });
  return [...(cluster.networks ?? []).map(networkDefinition), ...lowered, ...(cluster.objects ?? [])];
}

/** A pod that an object asks for, before it has a node. */
export interface PodDraft {
  readonly namespace: string;
  readonly name: string;
  /** `Kind/name` of the object that asks for it. */
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostNetwork: boolean;
  readonly ports: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly protocol: 'TCP' | 'UDP' | 'SCTP';
    readonly hostPort: number | null;
  }[];
  /** Chosen already: spec.nodeName, or the node of a DaemonSet's pod. */
  readonly node: string | null;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly toleratesControlPlane: boolean;
  readonly ready: boolean;
  readonly proxied: boolean;
  /** Addresses that the author chose. */
  readonly addresses: readonly string[];
  readonly hostname: string;
  readonly subdomain: string;
  readonly dnsPolicy: DnsPolicy;
  readonly dnsConfig: DnsConfigPlan;
  readonly hostAliases: readonly HostAliasPlan[];
  readonly serviceLinks: boolean;
  /** Names of second networks of the cluster, in the order asked for. */
  readonly networks: readonly string[];
}

/** What scheduling looks at. */
export interface SchedulableNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Has it no taint? */
  readonly schedulable: boolean;
}

/** Taint of control planes: https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane-taint */
const CONTROL_PLANE_TAINT = 'node-role.kubernetes.io/control-plane';

function tolerates(spec: Json): boolean {
  return recordsOf(spec['tolerations']).some(
    (t) =>
      (t['key'] === undefined ? t['operator'] === 'Exists' : t['key'] === CONTROL_PLANE_TAINT) &&
      (t['effect'] === undefined || t['effect'] === '' || t['effect'] === 'NoSchedule'),
  );
}

/** Kinds that become pods. */
export const POD_KINDS: readonly string[] = ['Pod', 'Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet'];

/** What an object says of each of its pods, and where: a Pod itself, else its template. */
export function templateOf(object: KubernetesObject): { readonly template: Json; readonly path: readonly string[] } {
  const spec = recordOf(object['spec']);
  return object.kind === 'Pod'
    ? { template: { metadata: object.metadata, spec }, path: [] }
    : { template: recordOf(spec['template']), path: ['spec', 'template'] };
}

/** Labels of the pods that an object asks for. */
export function podLabels(object: KubernetesObject): Readonly<Record<string, string>> {
  return labelsOf(recordOf(templateOf(object).template['metadata'])['labels']);
}

/** Says of a pod, as an annotation of it or of its template, that it does not become ready: no lab runs readiness probes. */
export const READY_ANNOTATION = 'cnilab.dev/ready';

/**
 * Says of a pod, as an annotation of it or of its template, that a proxy in it takes its TCP connections, as the sidecars of a service mesh do: what is then seen
 * of a connection, the pod itself, is what was meant.
 */
export const PROXY_ANNOTATION = 'cnilab.dev/proxy';

/** Says of a Pod which addresses it has, one or one per family with a comma between; they lie in the range of its node. */
export const ADDRESS_ANNOTATION = 'cnilab.dev/address';

/** dnsPolicy values: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy */
export const DNS_POLICIES: readonly DnsPolicy[] = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];

function dnsConfigOf(value: unknown): DnsConfigPlan {
  const config = recordOf(value);
  return {
    nameservers: textsOf(config['nameservers']),
    searches: textsOf(config['searches']),
    options: recordsOf(config['options']).map((option) => ({ name: textOf(option['name'], ''), value: textOf(option['value'], '') })),
  };
}

function draft(object: KubernetesObject, template: Json, name: string, node: string | null): PodDraft {
  const spec = recordOf(template['spec']);
  const metadata = recordOf(template['metadata']);
  // The controller gives the pods of a StatefulSet their names as host names, in the domain of its Service.
  const stateful = object.kind === 'StatefulSet';
  return {
    namespace: object.metadata.namespace ?? 'default',
    name,
    owner: `${object.kind}/${object.metadata.name}`,
    labels: labelsOf(metadata['labels']),
    hostNetwork: spec['hostNetwork'] === true,
    ports: recordsOf(spec['containers'])
      .flatMap((container) => recordsOf(container['ports']))
      .map((port) => ({
        name: typeof port['name'] === 'string' ? port['name'] : '',
        containerPort: countOf(port['containerPort'], 0),
        protocol: wordOf(port['protocol'], ['TCP', 'UDP', 'SCTP'] as const, 'TCP'),
        hostPort: typeof port['hostPort'] === 'number' ? port['hostPort'] : null,
      })),
    node: node ?? (typeof spec['nodeName'] === 'string' ? spec['nodeName'] : null),
    nodeSelector: labelsOf(spec['nodeSelector']),
    toleratesControlPlane: tolerates(spec),
    ready: labelsOf(metadata['annotations'])[READY_ANNOTATION] !== 'false',
    proxied: labelsOf(metadata['annotations'])[PROXY_ANNOTATION] === 'true',
    // The pods of one template cannot all have them.
    addresses: object.kind === 'Pod' ? (labelsOf(metadata['annotations'])[ADDRESS_ANNOTATION] ?? '').split(',').filter((address) => address !== '') : [],
    ...podDns(spec),
    hostAliases: recordsOf(spec['hostAliases']).map((alias) => ({ ip: textOf(alias['ip'], ''), hostnames: textsOf(alias['hostnames']) })),
    serviceLinks: spec['enableServiceLinks'] !== false,
    networks: networksAsked(template, object.metadata.namespace ?? 'default'),
    ...(stateful ? { hostname: name, subdomain: textOf(recordOf(object['spec'])['serviceName'], '') } : {}),
  };
}

/** What a pod's spec says about names: its own, and how it resolves others'. */
export function podDns(spec: Readonly<Record<string, unknown>>): Pick<PodDraft, 'hostname' | 'subdomain' | 'dnsPolicy' | 'dnsConfig'> {
  return {
    hostname: textOf(spec['hostname'], ''),
    subdomain: textOf(spec['subdomain'], ''),
    dnsPolicy: wordOf(spec['dnsPolicy'], DNS_POLICIES, 'ClusterFirst'),
    dnsConfig: dnsConfigOf(spec['dnsConfig']),
  };
}

/** May a pod run there: node selector, and the control plane's taint. */
export function fits(pod: PodDraft, node: SchedulableNode): boolean {
  const selected = Object.entries(pod.nodeSelector).every(([key, value]) => node.labels[key] === value);
  return selected && (node.schedulable || pod.toleratesControlPlane);
}

/**
 * The pods that the objects ask for, as the workload controllers would make them, with stable names: a Pod keeps its name, a DaemonSet's pod
 * is NAME-NODE, a StatefulSet's NAME-ORDINAL, a Deployment's or ReplicaSet's NAME-HASH with a hash of owner and ordinal (never of the others).
 * Objects of other kinds ask for no pods.
 */
export function podsOf(objects: readonly KubernetesObject[], nodes: readonly SchedulableNode[]): readonly PodDraft[] {
  return objects.flatMap((object): PodDraft[] => {
    const { name } = object.metadata;
    const spec = recordOf(object['spec']);
    const { template } = templateOf(object);
    switch (object.kind) {
      case 'Pod':
        return [draft(object, template, name, null)];
      case 'DaemonSet':
        return nodes
          .filter((node) => fits(draft(object, template, name, null), node))
          .map((node) => draft(object, template, `${name}-${node.name}`, node.name));
      case 'StatefulSet':
        return Array.from({ length: countOf(spec['replicas'], 1) }, (_, i) => draft(object, template, `${name}-${i}`, null));
      case 'Deployment':
      case 'ReplicaSet':
        return Array.from({ length: countOf(spec['replicas'], 1) }, (_, i) =>
          draft(object, template, `${name}-${stableHash(`${object.kind}/${object.metadata.namespace ?? 'default'}/${name}/${i}`, 10)}`, null),
        );
      default:
        return [];
    }
  });
}
