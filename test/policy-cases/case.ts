/** What a case is made of: the field of three namespaces with three pods each, and policies put on it. */
import type { ClusterSpec, CniSpec, KubernetesObject, LabSpec } from '../../topology/spec.ts';

export type Labels = Readonly<Record<string, string>>;
export type Direction = 'ingress' | 'egress';

export const NAMESPACES = ['x', 'y', 'z'] as const;
export const PODS = ['a', 'b', 'c'] as const;
export const DIRECTIONS: readonly Direction[] = ['ingress', 'egress'];
/** Every pod serves both, over TCP and UDP, by the names serve-80-tcp, serve-81-udp, …. */
export const SERVED_PORTS = [80, 81] as const;

/** The field at one moment, as far as it differs from how it is laid out. */
export interface Step {
  readonly title: string;
  readonly policies: readonly KubernetesObject[];
  /** In the place of `ns: x`. */
  readonly namespaceLabels?: Readonly<Record<string, Labels>>;
  /** In the place of `pod: a`, by `x/a`. */
  readonly podLabels?: Readonly<Record<string, Labels>>;
  /** Pods that are not there. */
  readonly without?: readonly string[];
}

export interface PolicyCase {
  readonly family: 'actions' | 'peers' | 'ports' | 'rules' | 'namespaces' | 'conflicts' | 'targets' | 'examples';
  readonly title: string;
  /** Gone through in order, in one lab. */
  readonly steps: readonly Step[];
}

/** A policy of namespace x, unless another is named. */
export function policy(name: string, spec: Readonly<Record<string, unknown>>, namespace = 'x'): KubernetesObject {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec };
}

/** The spec of a policy for one direction: on pod a, unless other pods are named. */
export function oneWay(
  direction: Direction,
  rules: readonly unknown[],
  podSelector: unknown = { matchLabels: { pod: 'a' } },
): Readonly<Record<string, unknown>> {
  return { podSelector, policyTypes: [direction === 'ingress' ? 'Ingress' : 'Egress'], [direction]: rules };
}

/** A rule for peers (none: everybody) and ports (none: everything). */
export function rule(direction: Direction, peers: readonly unknown[], ports: readonly unknown[] = []): Readonly<Record<string, unknown>> {
  return { ...(peers.length === 0 ? {} : { [direction === 'ingress' ? 'from' : 'to']: peers }), ...(ports.length === 0 ? {} : { ports }) };
}

/** A case of one step. */
export function single(family: PolicyCase['family'], title: string, ...policies: readonly KubernetesObject[]): PolicyCase {
  return { family, title, steps: [{ title, policies }] };
}

const NODES = ['control-plane1', 'worker1', 'worker2'] as const;

function pod(namespace: string, name: string, node: string, labels: Labels): KubernetesObject {
  const ports = SERVED_PORTS.flatMap((port) =>
    (['TCP', 'UDP'] as const).map((protocol) => ({ name: `serve-${port}-${protocol.toLowerCase()}`, containerPort: port, protocol })),
  );
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { nodeName: node, tolerations: [{ operator: 'Exists' }], containers: [{ name: 'serve', image: 'registry.k8s.io/pause:3.10', ports }] },
  };
}

/** The lab of a step: each namespace has a pod on each of three nodes, and so has each of the names. */
export function caseLab(step: Step, cni: CniSpec, rest: Partial<ClusterSpec> = {}): LabSpec {
  const { namespaceLabels = {}, podLabels = {}, without = [], policies } = step;
  return {
    name: 'policy-cases',
    clusters: [
      {
        name: 'c1',
        workers: 2,
        cni,
        ...rest,
        objects: [
          ...NAMESPACES.map(
            (name): KubernetesObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: namespaceLabels[name] ?? { ns: name } } }),
          ),
          ...NAMESPACES.flatMap((namespace, i) =>
            PODS.flatMap((name, j) => {
              const id = `${namespace}/${name}`;
              return without.includes(id) ? [] : [pod(namespace, name, NODES[(i + j) % NODES.length] ?? NODES[0], podLabels[id] ?? { pod: name })];
            }),
          ),
          ...policies,
        ],
      },
    ],
  };
}
