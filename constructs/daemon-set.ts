import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload, type PodTemplateProps } from './workload.ts';

export type DaemonSetProps = PodTemplateProps;

/**
 * One pod on every (selected) node, control planes included.
 *
 * @example
 * ```ts
 * import { CalicoCni, Cluster, DaemonSet, Lab } from 'cnilab';
 *
 * const lab = new Lab({ name: 'agents' });
 * const cluster = new Cluster(lab, 'c1', { cni: new CalicoCni() });
 * new DaemonSet(cluster, 'node-agent', { namespace: 'monitoring', hostNetwork: true, ports: [{ containerPort: 9100 }] });
 * export default lab;
 * ```
 */
export class DaemonSet extends Workload {
  readonly props: DaemonSetProps;

  constructor(cluster: Cluster, name: string, props: DaemonSetProps = {}) {
    super(cluster, name);
    this.props = props;
  }

  override lower(): LoweredWorkload {
    return { workloads: [{ name: this.name, perNode: 1, ...this.props }] };
  }
}
