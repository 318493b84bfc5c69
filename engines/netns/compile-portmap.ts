/** Host ports of pods that a CNI attaches without plugins: as in life, the real `portmap` is the last plugin of its chain. */
import type { ClusterPlan, NodePlan } from '../../topology/plan.ts';
import { hostPorts, type AttachedPod } from './compile-data-path.ts';
import type { Op } from './ops.ts';

/** None without host ports. The chain starts with the result that the CNI itself would have returned (CNI spec, section 5, `prevResult`). */
export function portmapOps(cluster: ClusterPlan, node: NodePlan, pod: AttachedPod): Op[] {
  const portMappings = hostPorts(pod);
  if (portMappings.length === 0) return [];
  const { name, mac, addresses } = pod.interface;
  const cniVersion = '1.0.0';
  const prevResult = {
    cniVersion,
    interfaces: [{ name, mac, sandbox: `/run/netns/${pod.netns}` }],
    ips: addresses.map((a) => ({ address: `${a.address}/${a.prefixLength}`, interface: 0 })),
  };
  const portmap = { type: 'portmap', snat: true, capabilities: { portMappings: true }, prevResult };
  return [
    {
      op: 'cni',
      node: node.netns,
      ns: pod.netns,
      containerId: pod.containerId,
      ifname: name,
      configured: false,
      list: { cniVersion, name: cluster.cni.type, plugins: [portmap] },
      ips: [],
      mac,
      portMappings,
      pod: { namespace: pod.namespace, name: pod.name },
      lane: node.netns,
    },
  ];
}
