/** One bridge per node, routes between the nodes, one masquerade rule for what leaves the pod CIDR. Pods join by the real `bridge` and `host-local`. */
import type { ClusterPlan, NodePlan } from '../../../topology/plan.ts';
import { deviceOps, pluginOps, type DataPath } from '../compile-data-path.ts';
import { MULTICAST, ofFamily, rulesOp } from '../compile-rules.ts';
import type { Op } from '../ops.ts';

export const bridge: DataPath = {
  linkScope: 'node',
  node: (cluster, node) => [...deviceOps(node), ...rules(cluster, node)],
  pod: pluginOps,
};

/**
 * What `ipMasq` of the bridge plugin must not do on several nodes (it rewrites pod-to-pod traffic): masquerade only what leaves the whole pod CIDR.
 */
function rules(cluster: ClusterPlan, node: NodePlan): Op[] {
  const masquerade = cluster.cni.type === 'bridge' && cluster.cni.masquerade;
  return cluster.families.flatMap((family) => {
    const pods = ofFamily(cluster.podCIDRs, family);
    return rulesOp(node.netns, family, [
      {
        table: 'nat',
        chains: ['CNILAB-POSTRTG'],
        rules: masquerade
          ? [
              'POSTROUTING -m comment --comment "cnilab masquerade" -j CNILAB-POSTRTG',
              `CNILAB-POSTRTG -d ${MULTICAST[family]} -j RETURN`,
              ...pods.map((cidr) => `CNILAB-POSTRTG -s ${cidr} ! -d ${cidr} -j MASQUERADE`),
            ]
          : [],
      },
      {
        table: 'filter',
        chains: ['CNILAB-FWD'],
        rules: [
          'FORWARD -m comment --comment "cnilab forward" -j CNILAB-FWD',
          ...pods.flatMap((cidr) => [`CNILAB-FWD -s ${cidr} -j ACCEPT`, `CNILAB-FWD -d ${cidr} -j ACCEPT`]),
        ],
      },
    ]);
  });
}
