import type { KubernetesObject } from '../../topology/spec.ts';
import { netexecArgs } from '../../topology/workloads.ts';
import type { NodeName } from './kind-names.ts';

type Json = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const records = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** Where objects keep the pod that they run, by kind. */
const POD_SPEC: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec'],
  PodTemplate: ['template', 'spec'],
  DaemonSet: ['spec', 'template', 'spec'],
  Deployment: ['spec', 'template', 'spec'],
  ReplicaSet: ['spec', 'template', 'spec'],
  ReplicationController: ['spec', 'template', 'spec'],
  StatefulSet: ['spec', 'template', 'spec'],
  Job: ['spec', 'template', 'spec'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};

/** A copy in which the value at a path is changed; without such a value the same. */
function changed(value: Json, path: readonly string[], change: (value: Json) => Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  const inner = value[key];
  return isRecord(inner) ? { ...value, [key]: changed(inner, rest, change) } : value;
}

/** The object with the specification of its pods changed; an object that runs no pods as it is. */
function withPodSpec(object: KubernetesObject, change: (spec: Json) => Json): KubernetesObject {
  const path = POD_SPEC[object.kind];
  return path === undefined ? object : (changed(object, path, change) as KubernetesObject);
}

/** The specification with a list of it changed item by item, where there is such a list. */
function eachOf(spec: Json, key: string, change: (item: Json) => Json): Json {
  const list = spec[key];
  return Array.isArray(list) ? { ...spec, [key]: list.map((item: unknown) => (isRecord(item) ? change(item) : item)) } : spec;
}

const eachContainer = (spec: Json, change: (container: Json) => Json): Json =>
  ['initContainers', 'containers'].reduce((changing, key) => eachOf(changing, key, change), spec);

/** `registry.example:5000/a/b` of `registry.example:5000/a/b:1.2@sha256:…`. */
export function repositoryOf(image: string): string {
  const [named = ''] = image.split('@');
  const colon = named.lastIndexOf(':');
  return colon > named.lastIndexOf('/') ? named.slice(0, colon) : named;
}

/** The image to use for a default one. */
export function mapImage(image: string, images: Readonly<Record<string, string>>): string {
  const repository = repositoryOf(image);
  return Object.hasOwn(images, repository) ? (images[repository] ?? image) : image;
}

/** The objects with every container's image replaced whose repository is a key of `images`. */
export function mapImages(objects: readonly KubernetesObject[], images: Readonly<Record<string, string>>): readonly KubernetesObject[] {
  return objects.map((object) =>
    withPodSpec(object, (spec) =>
      eachContainer(spec, (container) => (typeof container['image'] === 'string' ? { ...container, image: mapImage(container['image'], images) } : container)),
    ),
  );
}

/** The images of the objects' containers, each once, sorted. */
export function imagesOf(objects: readonly KubernetesObject[]): readonly string[] {
  const found = new Set<string>();
  for (const object of objects) {
    withPodSpec(object, (spec) => {
      for (const container of [...records(spec['initContainers']), ...records(spec['containers'])]) {
        if (typeof container['image'] === 'string') found.add(container['image']);
      }
      return spec;
    });
  }
  return [...found].sort();
}

/** What is on a node already is not pulled again, whatever its tag, unless the author says so. */
export function pullOnlyWhatIsMissing(object: KubernetesObject): KubernetesObject {
  return withPodSpec(object, (spec) =>
    eachContainer(spec, (container) => ('imagePullPolicy' in container ? container : { ...container, imagePullPolicy: 'IfNotPresent' })),
  );
}

/**
 * The object in which containers of the test image without a command answer at their ports: by itself the image waits. `image` is the default image or its
 * replacement.
 */
export function answering(object: KubernetesObject, image: string): KubernetesObject {
  const silent = (container: Json): boolean => container['image'] === image && !('args' in container) && !('command' in container);
  const portsOf = (container: Json): Parameters<typeof netexecArgs>[0] =>
    records(container['ports']).flatMap(({ containerPort, protocol }) =>
      typeof containerPort === 'number' ? [{ containerPort, ...(typeof protocol === 'string' ? { protocol } : {}) }] : [],
    );
  return withPodSpec(object, (spec) =>
    eachOf(spec, 'containers', (container) => (silent(container) ? { ...container, args: netexecArgs(portsOf(container)) } : container)),
  );
}

const HOSTNAME = 'kubernetes.io/hostname';

/** The object with nodes named as Kubernetes knows them, wherever its pods name one: nodeName, nodeSelector, node affinity. */
export function withNodeNames(object: KubernetesObject, nodes: readonly NodeName[]): KubernetesObject {
  const names = new Map(nodes.map((node) => [node.plan, node.name]));
  const renamed = (value: unknown): unknown => (typeof value === 'string' ? (names.get(value) ?? value) : value);
  const inTerm = (term: Json): Json =>
    [
      ['matchExpressions', HOSTNAME],
      ['matchFields', 'metadata.name'],
    ].reduce(
      (changing, [list = '', key]) =>
        eachOf(changing, list, (match) =>
          match['key'] === key && Array.isArray(match['values']) ? { ...match, values: match['values'].map(renamed) } : match,
        ),
      term,
    );
  return withPodSpec(object, (spec) => {
    const named = 'nodeName' in spec ? { ...spec, nodeName: renamed(spec['nodeName']) } : spec;
    const selected = changed(named, ['nodeSelector'], (selector) =>
      HOSTNAME in selector ? { ...selector, [HOSTNAME]: renamed(selector[HOSTNAME]) } : selector,
    );
    return changed(selected, ['affinity', 'nodeAffinity'], (affinity) =>
      eachOf(
        changed(affinity, ['requiredDuringSchedulingIgnoredDuringExecution'], (required) => eachOf(required, 'nodeSelectorTerms', inTerm)),
        'preferredDuringSchedulingIgnoredDuringExecution',
        (preferred) => changed(preferred, ['preference'], inTerm),
      ),
    );
  });
}
