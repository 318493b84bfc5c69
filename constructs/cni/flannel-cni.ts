import type { FlannelCniSpec } from '../../topology/spec.ts';
import type { Cni } from './cni.ts';

interface FlannelProps {
  /**
   * Version of flannel on engines that run the real one.
   * @default 0.28.9
   */
  readonly version?: string;
  /**
   * MTU of the outer packets in bytes, as flannel's `Backend.MTU`; the pods get it less the overhead of the backend.
   * @default the underlay's
   */
  readonly mtu?: number;
}

/** VXLAN between all nodes (RFC 7348). */
export interface FlannelVxlanProps extends FlannelProps {
  /** @default vxlan */
  readonly backend?: 'vxlan';
  /**
   * VXLAN network identifier; names the device `flannel.VNI`.
   * @default 1
   */
  readonly vni?: number;
  /**
   * UDP port of the VXLAN packets.
   * @default 8472
   */
  readonly port?: number;
  /**
   * Plain routes between nodes of one segment, VXLAN across segments.
   * @default false
   */
  readonly directRouting?: boolean;
}

/** Plain routes through node addresses; all nodes stand on one segment. */
export interface FlannelHostGwProps extends FlannelProps {
  readonly backend: 'host-gw';
  readonly vni?: never;
  readonly port?: never;
  readonly directRouting?: never;
}

export type FlannelCniProps = FlannelVxlanProps | FlannelHostGwProps;

/**
 * flannel: the `bridge` plugin on every node, and between nodes VXLAN or plain routes.
 *
 * @see https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md
 * @example
 * ```ts
 * import { Cluster, FlannelCni, Lab, PodsPerNode } from 'cnilab';
 *
 * const lab = new Lab({ name: 'overlay' });
 * const cluster = new Cluster(lab, 'c1', { workers: 3, cni: new FlannelCni({ vni: 42, directRouting: true }) });
 * new PodsPerNode(cluster, 'web');
 * export default lab;
 * ```
 */
export class FlannelCni implements Cni {
  readonly props: FlannelCniProps;

  constructor(props: FlannelCniProps = {}) {
    this.props = props;
  }

  /** The CNI as plain JSON. */
  toSpec(): FlannelCniSpec {
    return { type: 'flannel', ...this.props };
  }
}
