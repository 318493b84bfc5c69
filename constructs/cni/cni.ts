import type { CniSpec } from '../../topology/spec.ts';

/** A container network interface of a cluster, with its own typed options. Given to a `Cluster` as `cni`. */
export interface Cni {
  /** The CNI as plain JSON; options that were left out stay out. */
  toSpec(): CniSpec;
}
