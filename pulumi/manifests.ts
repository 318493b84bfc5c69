/** The CNI and the workloads of a cluster as resources of @pulumi/kubernetes. */
import type * as Kubernetes from '@pulumi/kubernetes';
import { RunError, secret, type ComponentResource, type Output, type Resource } from '@pulumi/pulumi';
import { parseAllDocuments } from 'yaml';
import { LabError } from '../topology/errors.ts';
import type { ArtifactSet, ClusterArtifacts } from '../topology/artifacts.ts';

export interface ManifestsOf {
  readonly name: string;
  readonly cluster: ClusterArtifacts;
  readonly artifacts: ArtifactSet;
  readonly kubeconfig: Output<string>;
  readonly parent: ComponentResource;
  /** With it everything in it is gone: nothing has to be deleted one by one. */
  readonly deletedWith: Resource;
}

/** The kubeconfig of a cluster. Without one the provider would take whatever cluster the user's own names. @throws RunError when there is none */
export function kubeconfigIn(texts: Readonly<Record<string, string>>, cluster: string): string {
  const text = texts[cluster] ?? '';
  if (text === '') throw new RunError(`there is no kubeconfig of cluster ${cluster}: \`pulumi refresh\` sees what became of the lab`);
  return text;
}

/** The objects in some files of a set, in order. The engine has applied them once: Pulumi takes their fields over. */
export function objectsIn({ files }: Pick<ArtifactSet, 'files'>, paths: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
  return paths
    .flatMap((path) => parseAllDocuments(files.find((file) => file.path === path)?.content ?? ''))
    .flatMap((document) => {
      const object = document.toJS() as { readonly metadata?: { readonly annotations?: object } } | null;
      if (object === null) return [];
      const annotations = { ...object.metadata?.annotations, 'pulumi.com/patchForce': 'true' };
      return [{ ...object, metadata: { ...object.metadata, annotations } }];
    });
}

async function kubernetes(): Promise<typeof Kubernetes> {
  try {
    return await import('@pulumi/kubernetes');
  } catch (cause) {
    throw new LabError({
      code: 'ENVIRONMENT_LACKS',
      message: 'the manifests of this lab are kept by @pulumi/kubernetes, which is not installed',
      hint: "`npm install @pulumi/kubernetes@4.34.2`, or leave them to the engine: manifests: 'engine'",
      cause,
    });
  }
}

/** Declares the provider of a cluster, its CNI, and after that its workloads. */
export async function declareManifests({ name, cluster, artifacts, kubeconfig, parent, deletedWith }: ManifestsOf): Promise<Resource[]> {
  const k8s = await kubernetes();
  const provider = new k8s.Provider(name, { kubeconfig, enableServerSideApply: true, deleteUnreachable: true }, { parent, deletedWith });
  const group = (suffix: string, paths: readonly string[], dependsOn: readonly Resource[]): readonly Resource[] => {
    const objects = objectsIn(artifacts, paths);
    if (objects.length === 0) return [];
    const objs = objects.some((object) => object['kind'] === 'Secret') ? secret([...objects]) : [...objects];
    return [new k8s.yaml.v2.ConfigGroup(`${name}-${suffix}`, { objs }, { parent, provider, deletedWith, dependsOn: [...dependsOn] })];
  };
  const cni = group('cni', cluster.cni, []);
  return [...cni, ...group('workloads', cluster.workloads, cni)];
}
