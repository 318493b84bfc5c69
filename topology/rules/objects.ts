import type { Diagnostic } from '../diagnostic.ts';
import { recordOf } from '../json.ts';
import { networkDefinition } from '../networks/definition.ts';
import type { KubernetesObject, LabSpec } from '../spec.ts';
import { lowerWorkloads, POD_KINDS, templateOf } from '../workloads.ts';
import { note, problem, type Path } from './findings.ts';
import { clustersOf, type ClusterView } from './lab-view.ts';
import { isNamespaced } from '../object-scope.ts';
import { MAX_PODS, podsAskedFor, scheduledPods } from './pods-view.ts';

/** Kinds that become something in the lab. */
const KNOWN_KINDS: readonly string[] = [...POD_KINDS, 'Namespace', 'Service', 'EndpointSlice', 'Endpoints', 'NetworkPolicy', 'Ingress', 'IngressClass'];

/** `apps/Deployment default/web`: API group, kind, namespace and name, as the API server tells objects apart. */
function identity(object: KubernetesObject): string {
  const group = object.apiVersion.includes('/') ? `${object.apiVersion.split('/')[0] ?? ''}/` : '';
  const scope = isNamespaced(object) ? `${object.metadata.namespace ?? 'default'}/` : '';
  return `${group}${object.kind} ${scope}${object.metadata.name}`;
}

/** The same object twice: among the author's own, and between these and what the short forms become. */
function duplicates(cluster: ClusterView): readonly Diagnostic[] {
  const own = cluster.spec.objects ?? [];
  const shortForms = cluster.spec.workloads ?? [];
  const seen = new Set<string>();
  const found: Diagnostic[] = [];
  const visit = (object: KubernetesObject, path: Path): void => {
    const id = identity(object);
    if (seen.has(id)) found.push(problem('OBJECT_DUPLICATE', path, `cluster ${cluster.name} has ${id} twice`, 'rename one of them, or remove it'));
    seen.add(id);
  };
  (cluster.spec.networks ?? []).forEach((network, i) => visit(networkDefinition(network), [...cluster.path, 'networks', i]));
  shortForms.forEach((workload, i) => {
    for (const object of lowerWorkloads({ name: cluster.name, cni: cluster.spec.cni, workloads: [workload] })) visit(object, [...cluster.path, 'workloads', i]);
  });
  own.forEach((object, i) => visit(object, [...cluster.path, 'objects', i]));
  return found;
}

function ofPods(cluster: ClusterView, object: KubernetesObject, path: Path): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const { template, path: at } = templateOf(object);
  const spec = recordOf(template['spec']);
  const node = spec['nodeName'];
  if (typeof node === 'string' && !cluster.nodes.some((n) => n.name === node)) {
    found.push(
      problem(
        'NODE_UNKNOWN',
        [...path, ...at, 'spec', 'nodeName'],
        `${object.kind} ${object.metadata.name} asks for node ${JSON.stringify(node)}; cluster ${cluster.name} has ${cluster.nodes.map((n) => n.name).join(', ')}`,
        'name one of these nodes, or leave nodeName out',
      ),
    );
  }
  const replicas = recordOf(object['spec'])['replicas'];
  if (replicas !== undefined && (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0)) {
    found.push(
      problem(
        'REPLICAS_INVALID',
        [...path, 'spec', 'replicas'],
        `replicas of ${object.kind} ${object.metadata.name} is ${JSON.stringify(replicas)}`,
        'write a whole number, 0 or more',
      ),
    );
  }
  return found;
}

function ignoredKinds(cluster: ClusterView): readonly Diagnostic[] {
  const ignored = new Map<string, { readonly path: Path; readonly names: string[] }>();
  (cluster.spec.objects ?? []).forEach((object, i) => {
    if (KNOWN_KINDS.includes(object.kind)) return;
    const entry = ignored.get(object.kind) ?? { path: [...cluster.path, 'objects', i], names: [] };
    entry.names.push(object.metadata.name);
    ignored.set(object.kind, entry);
  });
  return [...ignored].map(([kind, { path, names }]) =>
    note(
      'OBJECT_NOT_ACTED_ON',
      path,
      `nothing in the lab acts on kind ${kind} (${names.slice(0, 5).join(', ')}${names.length > 5 ? `, and ${names.length - 5} more` : ''}): it is kept in the plan only`,
      kind === 'List' ? 'write its items as objects of their own' : `kinds that become something: ${KNOWN_KINDS.join(', ')}`,
    ),
  );
}

function duplicatePods(cluster: ClusterView): readonly Diagnostic[] {
  const seen = new Map<string, string>();
  return scheduledPods(cluster).flatMap(({ draft }) => {
    const id = `${draft.namespace}/${draft.name}`;
    const first = seen.get(id);
    seen.set(id, first ?? draft.owner);
    return first === undefined || first === draft.owner
      ? []
      : [problem('POD_DUPLICATE', cluster.path, `${first} and ${draft.owner} of cluster ${cluster.name} both make a pod ${id}`, `rename ${draft.owner}`)];
  });
}

/** The Kubernetes objects of a lab: each once, on nodes that exist, and an honest word about kinds that nothing acts on. */
export function objects(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => {
    const asked = podsAskedFor(cluster);
    if (asked > MAX_PODS) {
      return [
        problem('TOO_MANY_PODS', cluster.path, `cluster ${cluster.name} asks for ${asked} pods; a lab holds ${MAX_PODS} at most`, 'lower replicas or perNode'),
      ];
    }
    return [
      ...duplicates(cluster),
      ...(cluster.spec.objects ?? []).flatMap((object, i) => {
        const path = [...cluster.path, 'objects', i];
        return POD_KINDS.includes(object.kind) ? ofPods(cluster, object, path) : [];
      }),
      ...duplicatePods(cluster),
      ...ignoredKinds(cluster),
    ];
  });
}
