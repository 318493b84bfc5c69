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
  readonly docker?: false;
}

/**
 * History: flannel as it fed Docker until about 2016, before there was CNI. Docker's daemon was started with `--bip` from what flannel noted, so the bridge is
 * docker0; flannel.VNI has the whole pod network on one wire. Engine netns, IPv4.
 */
export interface FlannelDockerProps extends FlannelProps {
  readonly docker: true;
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
  readonly directRouting?: never;
}

/** The first backend of flannel, kept for debugging: a process on every node takes packets from a TUN device and sends each as a datagram. IPv4. */
export interface FlannelUdpProps extends FlannelProps {
  readonly backend: 'udp';
  /**
   * UDP port of the nodes.
   * @default 8285
   */
  readonly port?: number;
  readonly vni?: never;
  readonly directRouting?: never;
  readonly docker?: never;
}

/** Plain routes through node addresses; all nodes stand on one segment. */
export interface FlannelHostGwProps extends FlannelProps {
  readonly backend: 'host-gw';
  readonly vni?: never;
  readonly port?: never;
  readonly directRouting?: never;
  readonly docker?: never;
}

export type FlannelCniProps = FlannelVxlanProps | FlannelHostGwProps | FlannelUdpProps | FlannelDockerProps;

/**
 * flannel: the `bridge` plugin on every node, and between nodes VXLAN, plain routes, or a process that carries packets.
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
