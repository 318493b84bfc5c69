import { AGNHOST_IMAGE } from '../topology/workloads.ts';
import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload, type PodTemplateProps } from './workload.ts';

export interface PodProps extends PodTemplateProps {
  /**
   * Name of the node it runs on.
   * @default the scheduler chooses
   */
  readonly node?: string;
  /**
   * Image of its container, on engines that pull images.
   * @default registry.k8s.io/e2e-test-images/agnhost:2.53
   */
  readonly image?: string;
}

/**
 * A single pod, at will on a given node.
 *
 * @example
 * ```ts
 * import { Cluster, FlannelCni, Lab, Pod } from 'cnilab';
 *
 * const lab = new Lab({ name: 'two-pods' });
 * const cluster = new Cluster(lab, 'c1', { cni: new FlannelCni() });
 * new Pod(cluster, 'client', { node: 'worker1' });
 * new Pod(cluster, 'server', { node: 'worker2', labels: { app: 'server' }, ports: [{ containerPort: 80 }] });
 * export default lab;
 * ```
 */
export class Pod extends Workload {
  readonly props: PodProps;

  constructor(cluster: Cluster, name: string, props: PodProps = {}) {
    super(cluster, name);
    this.props = props;
  }

  override lower(): LoweredWorkload {
    const { namespace = 'default', labels = { app: this.name }, ports, hostNetwork, nodeSelector, node, image = AGNHOST_IMAGE } = this.props;
    return {
      objects: [
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: this.name, namespace, labels },
          spec: { nodeName: node, hostNetwork, nodeSelector, containers: [{ name: 'main', image, ports }] },
        },
      ],
    };
  }
}
