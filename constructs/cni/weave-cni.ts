import type { WeaveCniSpec } from '../../topology/spec.ts';
import type { Cni } from './cni.ts';

export interface WeaveCniProps {
  /**
   * IPALLOC_RANGE: the range that the nodes split between them; equal to the pod CIDR or inside it.
   * @default the pod CIDR
   */
  readonly range?: string;
  /**
   * How packets pass between nodes: `fastdp` by Open vSwitch in the kernel (where a link cannot carry it, Weave Net itself takes sleeve), `sleeve` through its router
   * in user space, on engines that run the real one.
   * @default fastdp
   */
  readonly mode?: 'fastdp' | 'sleeve';
  /**
   * MTU of the pods, in bytes.
   * @default 1376
   */
  readonly mtu?: number;
  /**
   * Encrypts what passes between nodes, on engines that run the real Weave Net; nine characters at least.
   * @default no encryption
   */
  readonly password?: string;
  /**
   * Version of the fork rajch/weave on engines that run the real Weave Net.
   * @default 2.9.0
   */
  readonly version?: string;
}

/**
 * Weave Net: one L2 domain over all nodes, carried by a mesh of VXLAN links on UDP 6784.
 *
 * @example
 * ```ts
 * import { Cluster, Lab, PodsPerNode, WeaveCni } from 'cnilab';
 *
 * const lab = new Lab({ name: 'mesh' });
 * const cluster = new Cluster(lab, 'c1', { kubernetesVersion: '1.32', podCIDR: '10.50.0.0/16', cni: new WeaveCni() });
 * new PodsPerNode(cluster, 'web', { count: 2 });
 * export default lab;
 * ```
 */
export class WeaveCni implements Cni {
  readonly props: WeaveCniProps;

  constructor(props: WeaveCniProps = {}) {
    this.props = props;
  }

  /** The CNI as plain JSON. */
  toSpec(): WeaveCniSpec {
    return { type: 'weave', ...this.props };
  }
}
