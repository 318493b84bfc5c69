/** Pods by the real `ptp` plugin, routes between the nodes, and the masquerade chain that kindnetd writes: what leaves the pod CIDR, and is not for the node itself. */
import type { ClusterPlan, NodePlan } from '../../../topology/plan.ts';
import { deviceOps, pluginOps, type DataPath } from '../compile-data-path.ts';
import { ofFamily, rulesOp } from '../compile-rules.ts';
import type { Op } from '../ops.ts';

export const kindnet: DataPath = {
  linkScope: 'node',
  node: (cluster, node) => [...deviceOps(node), ...rules(cluster, node)],
  pod: pluginOps,
};

function rules(cluster: ClusterPlan, node: NodePlan): Op[] {
  return cluster.families.flatMap((family) =>
    rulesOp(node.netns, family, [
      {
        table: 'nat',
        chains: ['KIND-MASQ-AGENT'],
        rules: [
          'POSTROUTING -m addrtype ! --dst-type LOCAL -m comment --comment "kind-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom KIND-MASQ-AGENT chain" -j KIND-MASQ-AGENT',
          ...ofFamily(cluster.podCIDRs, family).map(
            (cidr) => `KIND-MASQ-AGENT -d ${cidr} -m comment --comment "kind-masq-agent: local traffic is not subject to MASQUERADE" -j RETURN`,
          ),
          'KIND-MASQ-AGENT -m comment --comment "kind-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)" -j MASQUERADE',
        ],
      },
    ]),
  );
}
