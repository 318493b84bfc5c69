import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { problem } from './findings.ts';

/**
 * kubeadm taints control planes, and nobody else: a worker that no pod may run on is cordoned, by hand and later.
 * https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane-taint
 */
export function schedulable(spec: LabSpec): readonly Diagnostic[] {
  return (spec.clusters ?? []).flatMap((cluster, c) =>
    (cluster.nodes ?? []).flatMap(({ name, role = 'worker', schedulable: takesPods }, n) =>
      takesPods !== false || role === 'control-plane'
        ? []
        : [
            problem(
              'WORKER_UNSCHEDULABLE',
              ['clusters', c, 'nodes', n, 'schedulable'],
              `worker ${name} of cluster ${cluster.name} is not schedulable: the taint that keeps pods off is the control plane's, and no worker gets it`,
              'remove schedulable, give the node role: control-plane, or keep pods off it by their nodeSelector; a running cluster: kubectl cordon',
            ),
          ],
    ),
  );
}
