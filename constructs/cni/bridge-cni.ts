import type { BridgeCniSpec } from '../../topology/spec.ts';
import type { Cni } from './cni.ts';

export interface BridgeCniProps {
  /**
   * Name of the Linux bridge on every node, at most 15 bytes.
   * @default cni0
   */
  readonly bridge?: string;
  /**
   * Where the routes to the other nodes' pods live: on every node, or on the segment's router (nodes then only have a default route).
   * @default nodes
   */
  readonly routesOn?: 'nodes' | 'router';
  /**
   * MTU of the pods, in bytes.
   * @default the underlay's
   */
  readonly mtu?: number;
  /**
   * Masquerade what leaves the pod CIDR, so that pods reach the world outside. Traffic between pods keeps its addresses.
   * @default true
   */
  readonly masquerade?: boolean;
}

/**
 * The reference `bridge` plugin with `host-local`: a Linux bridge on every node, and plain routes between nodes.
 *
 * @see https://www.cni.dev/plugins/current/main/bridge/
 * @example
 * ```ts
 * import { BridgeCni, Cluster, Lab, PodsPerNode } from 'cnilab';
 *
 * const lab = new Lab({ name: 'bridged' });
 * const cluster = new Cluster(lab, 'c1', { cni: new BridgeCni({ bridge: 'v-net-0' }) });
 * new PodsPerNode(cluster, 'web', { count: 2 });
 * export default lab;
 * ```
 */
export class BridgeCni implements Cni {
  readonly props: BridgeCniProps;

  constructor(props: BridgeCniProps = {}) {
    this.props = props;
  }

  /** The CNI as plain JSON. */
  toSpec(): BridgeCniSpec {
    return { type: 'bridge', ...this.props };
  }
}
