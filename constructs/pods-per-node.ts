import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload, type PodTemplateProps } from './workload.ts';

export interface PodsPerNodeProps extends PodTemplateProps {
  /**
   * Pods on every (selected) node.
   * @default 1
   */
  readonly count?: number;
}

/**
 * The same number of pods on every node, control planes included: what a connectivity lab wants. Lowers to as many DaemonSets, which
 * tolerate every taint.
 *
 * @example
 * ```ts
 * import { BridgeCni, Cluster, Lab, PodsPerNode } from 'cnilab';
 *
 * const lab = new Lab({ name: 'three-by-two' });
 * const cluster = new Cluster(lab, 'c1', { cni: new BridgeCni() });
 * new PodsPerNode(cluster, 'web', { count: 2, labels: { tier: 'front' }, ports: [{ containerPort: 80 }] });
 * export default lab;
 * ```
 */
export class PodsPerNode extends Workload {
  readonly props: PodsPerNodeProps;

  constructor(cluster: Cluster, name: string, props: PodsPerNodeProps = {}) {
    super(cluster, name);
    this.props = props;
    this.requireCount('count', props.count, 1);
  }

  override lower(): LoweredWorkload {
    const { count = 1, ...template } = this.props;
    return { workloads: [{ name: this.name, perNode: count, ...template }] };
  }
}
