import type { KubernetesObject } from '../topology/spec.ts';
import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload } from './workload.ts';

/**
 * Kubernetes objects as they are: what `kubectl apply` would take, as plain objects.
 *
 * @example
 * ```ts
 * import { CalicoCni, Cluster, KubernetesObjects, Lab } from 'cnilab';
 *
 * const lab = new Lab({ name: 'plain-objects' });
 * const cluster = new Cluster(lab, 'c1', { cni: new CalicoCni() });
 * new KubernetesObjects(cluster, 'db', [
 *   { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'db', namespace: 'prod', labels: { role: 'db' } }, spec: { containers: [{ name: 'db', image: 'registry.k8s.io/pause:3.10' }] } },
 * ]);
 * export default lab;
 * ```
 */
export class KubernetesObjects extends Workload {
  readonly objects: readonly KubernetesObject[];

  constructor(cluster: Cluster, name: string, objects: readonly KubernetesObject[]) {
    super(cluster, name);
    this.objects = objects;
  }

  override lower(): LoweredWorkload {
    return { objects: this.objects };
  }
}
