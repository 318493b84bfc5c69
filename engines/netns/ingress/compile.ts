/** The Ingress controllers of a cluster: an nginx in each pod that plays one. */
import { controllerPods } from '../../../topology/ingress/controller.ts';
import type { LabPlan } from '../../../topology/plan.ts';
import type { CompileOptions } from '../compile-options.ts';
import type { Op } from '../ops.ts';
import { nginxConfig } from './nginx-config.ts';

export function ingressOps(plan: LabPlan, options: CompileOptions): Op[] {
  const program = options.nginx ?? 'nginx';
  return plan.clusters.flatMap((cluster) =>
    [...new Set(controllerPods(cluster).map((pod) => pod.netns))].map((ns): Op => {
      const folder = `/run/cnilab/ingress/${ns}`;
      return { op: 'ingress', ns, folder, program, config: nginxConfig(cluster, folder) };
    }),
  );
}
