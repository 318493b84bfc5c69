import { LabError } from '../../../topology/errors.ts';
import type { KubernetesObject } from '../../../topology/spec.ts';
import type { EnvVar } from '../kubernetes-types.ts';

/** One change of a manifest that another project wrote. Every one must find what it changes. */
export type ManifestPatch =
  | { readonly op: 'data'; readonly configMap: string; readonly key: string; readonly value: string }
  /** `present`: variables that the manifest has and that get another value; `added`: ones that it leaves out. */
  | {
      readonly op: 'env';
      readonly daemonSet: string;
      readonly container: string;
      readonly present?: readonly EnvVar[];
      readonly added?: readonly EnvVar[];
    }
  /** Pins an image that the manifest names without a version, and has it pulled only where it is missing. */
  | { readonly op: 'image'; readonly daemonSet: string; readonly container: string; readonly repository: string; readonly tag: string }
  | { readonly op: 'annotate'; readonly daemonSet: string; readonly annotations: Readonly<Record<string, string>> };

type Json = Readonly<Record<string, unknown>>;
/** Says which part of a patch found nothing. */
type Missing = (part: string) => LabError;

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at a path, changed; the path must lead somewhere. */
function at(value: unknown, path: readonly string[], missing: Missing, change: (found: unknown) => unknown, walked: readonly string[] = []): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  if (!isRecord(value) || !Object.hasOwn(value, key)) throw missing([...walked, key].join('.'));
  return { ...value, [key]: at(value[key], rest, missing, change, [...walked, key]) };
}

const isNamed =
  (name: string) =>
  (item: unknown): item is Json =>
    isRecord(item) && item['name'] === name;

/** A container of a DaemonSet, whether it runs first or all the time. */
function inContainer(object: KubernetesObject, name: string, missing: Missing, change: (container: Json) => Json): KubernetesObject {
  let found = 0;
  const one = (item: unknown): unknown => {
    if (!isNamed(name)(item)) return item;
    found += 1;
    return change(item);
  };
  const each = (list: unknown): unknown => (Array.isArray(list) ? list.map(one) : list);
  const changed = at(object, ['spec', 'template', 'spec'], missing, (spec) =>
    isRecord(spec)
      ? Object.fromEntries(Object.entries(spec).map(([key, value]) => [key, key === 'containers' || key === 'initContainers' ? each(value) : value]))
      : spec,
  );
  if (found === 0) throw missing(`container ${name}`);
  return changed as KubernetesObject;
}

function withEnv(container: Json, present: readonly EnvVar[], added: readonly EnvVar[], missing: Missing): Json {
  const env: readonly unknown[] = Array.isArray(container['env']) ? container['env'] : [];
  const lacking = present.find((variable) => !env.some(isNamed(variable.name)));
  if (lacking !== undefined) throw missing(`variable ${lacking.name} of container ${String(container['name'])}`);
  const ours = [...present, ...added];
  const replaced = env.map((variable) => ours.find((own) => isNamed(own.name)(variable)) ?? variable);
  return { ...container, env: [...replaced, ...added.filter((own) => !env.some(isNamed(own.name)))] };
}

function applyTo(object: KubernetesObject, patch: ManifestPatch, missing: Missing): KubernetesObject {
  switch (patch.op) {
    case 'data':
      return at(object, ['data', patch.key], missing, () => patch.value) as KubernetesObject;
    case 'env':
      return inContainer(object, patch.container, missing, (container) => withEnv(container, patch.present ?? [], patch.added ?? [], missing));
    case 'image':
      return inContainer(object, patch.container, missing, (container) => {
        const image = container['image'];
        if (typeof image !== 'string' || !image.startsWith(`${patch.repository}:`)) throw missing(`image ${patch.repository} of container ${patch.container}`);
        return { ...container, image: `${patch.repository}:${patch.tag}`, imagePullPolicy: 'IfNotPresent' };
      });
    case 'annotate': {
      const { annotations, ...metadata } = object.metadata;
      return { ...object, metadata: { ...metadata, annotations: { ...annotations, ...patch.annotations } } };
    }
  }
}

/**
 * The objects of a manifest with every patch applied.
 *
 * @param what the manifest, for messages: `the manifest of Calico 3.32.1`
 * @throws LabError UPSTREAM_UNEXPECTED naming the patch that found nothing to change
 */
export function patched(what: string, objects: readonly KubernetesObject[], patches: readonly ManifestPatch[]): readonly KubernetesObject[] {
  return patches.reduce((changing, patch) => {
    const [kind, name] = patch.op === 'data' ? ['ConfigMap', patch.configMap] : ['DaemonSet', patch.daemonSet];
    const missing: Missing = (part) =>
      new LabError({
        code: 'UPSTREAM_UNEXPECTED',
        message: `${what} has no ${part}${part.startsWith(kind) ? '' : ` in ${kind} ${name}`}`,
        hint: 'use a version of the CNI that this version of cnilab knows (leave `version` out)',
        details: { patch },
      });
    if (!changing.some((object) => object.kind === kind && object.metadata.name === name)) throw missing(`${kind} ${name}`);
    return changing.map((object) => (object.kind === kind && object.metadata.name === name ? applyTo(object, patch, missing) : object));
  }, objects);
}
