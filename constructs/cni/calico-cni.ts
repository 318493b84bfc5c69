import type { CalicoCniSpec } from '../../topology/spec.ts';
import type { Cni } from './cni.ts';

interface CalicoProps {
  /**
   * Version of Calico on engines that run the real one.
   * @default 3.32.1
   */
  readonly version?: string;
  /**
   * Prefix length of an IPAM block; a node owns one block or more.
   * @default 26
   */
  readonly blockSize?: number;
  /**
   * Masquerade what leaves the pool, as `IPPool.spec.natOutgoing`.
   * @default true
   */
  readonly natOutgoing?: boolean;
  /**
   * MTU of the pods, in bytes.
   * @default the underlay's, less the overhead of the encapsulation
   */
  readonly mtu?: number;
}

/** No encapsulation: nodes tell each other their blocks by BGP (BIRD). */
export interface CalicoBgpProps extends CalicoProps {
  readonly encapsulation: 'none';
  /**
   * Names of the nodes that reflect routes to all others.
   * @default a full mesh of sessions
   */
  readonly routeReflectors?: readonly string[];
  /**
   * Autonomous system of every node.
   * @default 64512
   */
  readonly asNumber?: number;
}

/**
 * `vxlan`: VXLAN between all nodes. `crossSubnet`: VXLAN between segments, plain routes within. `ipip`: IP in IP (RFC 2003), where the
 * kernel has it.
 */
export interface CalicoOverlayProps extends CalicoProps {
  /** @default vxlan */
  readonly encapsulation?: 'vxlan' | 'crossSubnet' | 'ipip';
  readonly routeReflectors?: never;
  readonly asNumber?: never;
}

export type CalicoCniProps = CalicoBgpProps | CalicoOverlayProps;

/**
 * Calico: every pod is a /32 behind 169.254.1.1, nodes own blocks of the pool.
 *
 * @see https://docs.tigera.io/calico/latest/networking/configuring/vxlan-ipip
 * @example
 * ```ts
 * import { CalicoCni, Cluster, Lab, PodsPerNode } from 'cnilab';
 *
 * const lab = new Lab({ name: 'routed', underlay: { cidr: '10.0.0.0/24' } });
 * const cni = new CalicoCni({ encapsulation: 'none', routeReflectors: ['control-plane1'] });
 * const cluster = new Cluster(lab, 'c1', { podCIDR: '192.168.0.0/16', cni });
 * new PodsPerNode(cluster, 'web', { count: 2 });
 * export default lab;
 * ```
 */
export class CalicoCni implements Cni {
  readonly props: CalicoCniProps;

  constructor(props: CalicoCniProps = {}) {
    this.props = props;
  }

  /** The CNI as plain JSON. */
  toSpec(): CalicoCniSpec {
    return { type: 'calico', ...this.props };
  }
}
