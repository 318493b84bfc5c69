/** The resolv.conf of every machine and pod, as files in the lab's own folder, from which programs get theirs. */
import type { LabPlan } from '../../../topology/plan.ts';
import { formatResolvConf, nodeResolvConf, resolvConf } from '../../../topology/services/resolv-conf.ts';
import type { Op } from '../ops.ts';

export const RESOLV_FOLDER = '/run/cnilab/resolv';

/** Without a line a program would ask 127.0.0.1 or complain; and never is it the resolver of the machine that runs the lab. */
const NONE = '# This lab has no resolver outside of its clusters.\n';

/** Of nodes, hosts and routers, and of all that have no file of their own. */
export function machineResolvOps(plan: LabPlan): Op[] {
  return [{ op: 'file', path: `${RESOLV_FOLDER}/machines.conf`, text: machineText(plan) }];
}

/** Of pods, where it is another than their node's: by namespace, and by identity for those in the network of their node. */
export function podResolvOps(plan: LabPlan): Op[] {
  const node = nodeResolvConf(plan);
  const usual = machineText(plan);
  return plan.clusters.flatMap((cluster) =>
    cluster.pods.flatMap((pod): Op[] => {
      const text = formatResolvConf(resolvConf(pod, cluster, node)) || NONE;
      return text === usual ? [] : [{ op: 'file', path: `${RESOLV_FOLDER}/${pod.hostNetwork ? pod.id : pod.netns}.conf`, text }];
    }),
  );
}

function machineText(plan: LabPlan): string {
  return formatResolvConf(nodeResolvConf(plan)) || NONE;
}
