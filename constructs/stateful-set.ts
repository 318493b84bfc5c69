import { podTemplate } from '../topology/workloads.ts';
import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload, type PodTemplateProps } from './workload.ts';

export interface StatefulSetProps extends PodTemplateProps {
  /** @default 1 */
  readonly replicas?: number;
  /**
   * Name of the headless Service in whose domain the pods have their names.
   * @default none
   */
  readonly serviceName?: string;
}

/**
 * Pods with names that stay: NAME-0, NAME-1, …, and with a headless Service names in DNS, too.
 *
 * @example
 * ```ts
 * import { CalicoCni, Cluster, Lab, Service, StatefulSet } from 'cnilab';
 *
 * const lab = new Lab({ name: 'a-set' });
 * const cluster = new Cluster(lab, 'c1', { cni: new CalicoCni() });
 * new Service(cluster, 'db', { headless: true, selector: { app: 'db' }, ports: [{ port: 5432, name: 'pg' }] });
 * new StatefulSet(cluster, 'db', { replicas: 3, serviceName: 'db', ports: [{ containerPort: 5432 }] });
 * export default lab;
 * ```
 */
export class StatefulSet extends Workload {
  readonly props: StatefulSetProps;

  constructor(cluster: Cluster, name: string, props: StatefulSetProps = {}) {
    super(cluster, name, `StatefulSet.${props.namespace ?? 'default'}.${name}`);
    this.props = props;
    this.requireCount('replicas', props.replicas, 0);
  }

  override lower(): LoweredWorkload {
    const { replicas = 1, serviceName, namespace = 'default', ...template } = this.props;
    return {
      objects: [
        {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          metadata: { name: this.name, namespace },
          spec: {
            replicas,
            serviceName,
            selector: { matchLabels: { app: this.name } },
            template: podTemplate({ name: this.name, namespace, ...template }, this.name, false),
          },
        },
      ],
    };
  }
}
