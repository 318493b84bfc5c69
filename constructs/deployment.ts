import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload, type PodTemplateProps } from './workload.ts';

export interface DeploymentProps extends PodTemplateProps {
  /** @default 1 */
  readonly replicas?: number;
}

/**
 * Pods spread over the (selected) worker nodes; over all nodes in a cluster without workers.
 *
 * @example
 * ```ts
 * import { Cluster, Deployment, FlannelCni, Lab } from 'cnilab';
 *
 * const lab = new Lab({ name: 'an-api' });
 * const cluster = new Cluster(lab, 'c1', { cni: new FlannelCni({ backend: 'host-gw' }) });
 * new Deployment(cluster, 'api', { replicas: 3, namespace: 'shop', ports: [{ containerPort: 8080, name: 'http' }] });
 * export default lab;
 * ```
 */
export class Deployment extends Workload {
  readonly props: DeploymentProps;

  constructor(cluster: Cluster, name: string, props: DeploymentProps = {}) {
    super(cluster, name);
    this.props = props;
    this.requireCount('replicas', props.replicas, 0);
  }

  override lower(): LoweredWorkload {
    const { replicas = 1, ...template } = this.props;
    return { workloads: [{ name: this.name, replicas, ...template }] };
  }
}
