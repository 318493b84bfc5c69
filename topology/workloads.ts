import { stableHash } from './names.ts';
import type { ClusterSpec, KubernetesObject, NodeRole, WorkloadSpec } from './spec.ts';

/** Runs on every node, whatever its taints: what `perNode` asks for. */
const TOLERATE_ALL = [{ operator: 'Exists' }] as const;

/** Image of the containers that short-form workloads get on engines that pull images: the Kubernetes test image, serves HTTP and UDP. */
export const AGNHOST_IMAGE: string = 'registry.k8s.io/e2e-test-images/agnhost:2.53';

function podTemplate(workload: WorkloadSpec, app: string, tolerateAll: boolean): Record<string, unknown> {
  const ports = workload.ports ?? [];
  return {
    metadata: { labels: { app, ...workload.labels } },
    spec: {
      ...(workload.hostNetwork === true ? { hostNetwork: true } : {}),
      ...(workload.nodeSelector === undefined ? {} : { nodeSelector: { ...workload.nodeSelector } }),
      ...(tolerateAll ? { tolerations: TOLERATE_ALL } : {}),
      containers: [
        {
          name: 'main',
          image: AGNHOST_IMAGE,
          args: ['netexec', `--http-port=${ports.find((p) => p.protocol !== 'UDP')?.containerPort ?? 8080}`],
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
 * `replicas: n` becomes one Deployment.
 */
export function lowerWorkloads(cluster: ClusterSpec): readonly KubernetesObject[] {
  const lowered = (cluster.workloads ?? []).flatMap((workload): KubernetesObject[] => {
    const count = workload.perNode ?? (workload.replicas === undefined ? 1 : 0);
    const sets = Array.from({ length: count }, (_, i) => controller('DaemonSet', workload, i === 0 ? workload.name : `${workload.name}-${i + 1}`, {}));
    return workload.replicas === undefined ? sets : [...sets, controller('Deployment', workload, workload.name, { replicas: workload.replicas })];
  });
  return [...lowered, ...(cluster.objects ?? [])];
}

/** A pod that an object asks for, before it has a node. */
export interface PodDraft {
  readonly namespace: string;
  readonly name: string;
  /** `Kind/name` of the object that asks for it. */
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostNetwork: boolean;
  readonly ports: readonly { readonly name: string; readonly containerPort: number; readonly protocol: 'TCP' | 'UDP'; readonly hostPort: number | null }[];
  /** Chosen already: spec.nodeName, or the node of a DaemonSet's pod. */
  readonly node: string | null;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly toleratesControlPlane: boolean;
}

/** What scheduling looks at. */
export interface SchedulableNode {
  readonly name: string;
  readonly role: NodeRole;
  readonly labels: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;
const asRecord = (value: unknown): Json => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {});
const asList = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(asRecord) : []);
const asStrings = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(asRecord(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
const asCount = (value: unknown, otherwise: number): number => (typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : otherwise);

/** Taint of control planes: https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane-taint */
const CONTROL_PLANE_TAINT = 'node-role.kubernetes.io/control-plane';

function tolerates(spec: Json): boolean {
  return asList(spec['tolerations']).some(
    (t) =>
      (t['key'] === undefined ? t['operator'] === 'Exists' : t['key'] === CONTROL_PLANE_TAINT) &&
      (t['effect'] === undefined || t['effect'] === '' || t['effect'] === 'NoSchedule'),
  );
}

function draft(object: KubernetesObject, template: Json, name: string, node: string | null): PodDraft {
  const spec = asRecord(template['spec']);
  return {
    namespace: object.metadata.namespace ?? 'default',
    name,
    owner: `${object.kind}/${object.metadata.name}`,
    labels: asStrings(asRecord(template['metadata'])['labels']),
    hostNetwork: spec['hostNetwork'] === true,
    ports: asList(spec['containers'])
      .flatMap((container) => asList(container['ports']))
      .map((port) => ({
        name: typeof port['name'] === 'string' ? port['name'] : '',
        containerPort: asCount(port['containerPort'], 0),
        protocol: port['protocol'] === 'UDP' ? ('UDP' as const) : ('TCP' as const),
        hostPort: typeof port['hostPort'] === 'number' ? port['hostPort'] : null,
      })),
    node: node ?? (typeof spec['nodeName'] === 'string' ? spec['nodeName'] : null),
    nodeSelector: asStrings(spec['nodeSelector']),
    toleratesControlPlane: tolerates(spec),
  };
}

/** May a pod run there: node selector and, where the cluster has workers, the control plane's taint (kubeadm leaves it off single-role clusters in our labs). */
export function fits(pod: PodDraft, node: SchedulableNode, taintedControlPlanes: boolean): boolean {
  const selected = Object.entries(pod.nodeSelector).every(([key, value]) => node.labels[key] === value);
  return selected && (node.role === 'worker' || !taintedControlPlanes || pod.toleratesControlPlane);
}

/**
 * The pods that the objects ask for, as the workload controllers would make them, with stable names: a Pod keeps its name, a DaemonSet's pod
 * is NAME-NODE, a StatefulSet's NAME-ORDINAL, a Deployment's or ReplicaSet's NAME-HASH with a hash of owner and ordinal (never of the others).
 * Objects of other kinds ask for no pods.
 */
export function podsOf(objects: readonly KubernetesObject[], nodes: readonly SchedulableNode[], taintedControlPlanes: boolean): readonly PodDraft[] {
  return objects.flatMap((object): PodDraft[] => {
    const { name } = object.metadata;
    const spec = asRecord(object['spec']);
    const template = asRecord(spec['template']);
    switch (object.kind) {
      case 'Pod':
        return [draft(object, { metadata: { labels: object.metadata.labels ?? {} }, spec }, name, null)];
      case 'DaemonSet':
        return nodes
          .filter((node) => fits(draft(object, template, name, null), node, taintedControlPlanes))
          .map((node) => draft(object, template, `${name}-${node.name}`, node.name));
      case 'StatefulSet':
        return Array.from({ length: asCount(spec['replicas'], 1) }, (_, i) => draft(object, template, `${name}-${i}`, null));
      case 'Deployment':
      case 'ReplicaSet':
        return Array.from({ length: asCount(spec['replicas'], 1) }, (_, i) =>
          draft(object, template, `${name}-${stableHash(`${object.kind}/${object.metadata.namespace ?? 'default'}/${name}/${i}`, 10)}`, null),
        );
      default:
        return [];
    }
  });
}
