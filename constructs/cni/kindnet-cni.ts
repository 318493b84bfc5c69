import type { KindnetCniSpec } from '../../topology/spec.ts';
import type { Cni } from './cni.ts';

export interface KindnetCniProps {
  /**
   * MTU of the pods, in bytes.
   * @default the underlay's
   */
  readonly mtu?: number;
}

/**
 * kindnet, kind's own default: the `ptp` plugin on every node, and plain routes between the nodes, which stand on one segment.
 *
 * @example
 * ```ts
 * import { Cluster, KindnetCni, Lab, PodsPerNode } from 'cnilab';
 *
 * const lab = new Lab({ name: 'plain-kind' });
 * const cluster = new Cluster(lab, 'c1', { cni: new KindnetCni() });
 * new PodsPerNode(cluster, 'web');
 * export default lab;
 * ```
 */
export class KindnetCni implements Cni {
  readonly props: KindnetCniProps;

  constructor(props: KindnetCniProps = {}) {
    this.props = props;
  }

  /** The CNI as plain JSON. */
  toSpec(): KindnetCniSpec {
    return { type: 'kindnet', ...this.props };
  }
}
