/** What a lab is on engines that take files: every byte that they are given, and what must be fetched for it. Plain JSON. */

export const ARTIFACTS_SCHEMA = 'cnilab.artifacts/1';

export interface ArtifactFile {
  /** Relative, with `/`; no `..`. */
  readonly path: string;
  readonly content: string;
  /** Of the content's UTF-8 bytes, lower-case hex. */
  readonly sha256: string;
}

/** A file of another project: pinned by its digest, fetched once, kept in the cache, never part of this package. */
export interface UpstreamFile {
  /** What it is, for messages: `the manifest of Calico 3.32.1`. */
  readonly what: string;
  readonly url: string;
  /** Lower-case hex; null where neither this package nor the lock file knows it: then it is refused. */
  readonly sha256: string | null;
}

/** Something whose readiness `up` waits for. */
export interface RolloutTarget {
  readonly kind: 'DaemonSet' | 'Deployment' | 'StatefulSet' | 'Pod';
  readonly namespace: string;
  readonly name: string;
}

export interface ClusterArtifacts {
  /** Name in the plan. */
  readonly name: string;
  /** Name under which the engine knows the cluster. */
  readonly engineName: string;
  /** Path of the engine's own configuration file (kind.yaml). */
  readonly config: string;
  /** Paths of manifests, in the order in which they are applied. */
  readonly cni: readonly string[];
  readonly workloads: readonly string[];
  /** The objects of a verification, for reading and for running it by hand. */
  readonly verify: readonly string[];
  /** What the CNI has to roll out before pods get addresses. */
  readonly cniRollouts: readonly RolloutTarget[];
  /** Nodes: name in the plan → name in Kubernetes (on kind also of the container), in the order of the plan. */
  readonly nodes: readonly { readonly plan: string; readonly name: string }[];
  /** CNI plugins that node images lack, put there before kubelet starts: `bridge`. */
  readonly plugins: readonly string[];
}

export interface ArtifactSet {
  readonly schema: typeof ARTIFACTS_SCHEMA;
  readonly lab: string;
  readonly engine: 'kind' | 'vm';
  /** Sorted by path. */
  readonly files: readonly ArtifactFile[];
  readonly clusters: readonly ClusterArtifacts[];
  /** Images that the lab's pods and a verification need, sorted; without the node image. */
  readonly images: readonly string[];
  readonly nodeImages: readonly string[];
}
