/** What a lab on kind is made of, and what it cannot show. Said with every report. */
import type { LabPlan } from '../../topology/plan.ts';
import type { FidelityStatement } from '../port.ts';

export function fidelity(plan: LabPlan): FidelityStatement {
  const cnis = [...new Set(plan.clusters.map(({ cni }) => cni.type))];
  const modes = [...new Set(plan.clusters.map(({ kubeProxy }) => kubeProxy.mode))];
  return {
    engine: 'kind',
    real: [
      'Kubernetes by kubeadm: API server, scheduler, controllers, kubelet, containerd, images, cluster DNS',
      ...cnis.filter((cni) => cni !== 'bridge' && cni !== 'observed').map((cni) => `${cni}: its own daemons and plugins, from its own images`),
      ...(cnis.includes('bridge') ? ["the containernetworking plugin bridge, called by the kubelet's container runtime"] : []),
      ...modes.map((mode) => (mode === 'none' ? 'no kube-proxy, as asked for: Services are not acted on' : `kube-proxy in mode ${mode}`)),
    ],
    sameMechanism: [
      'nodes: containers with a network namespace of their own, on one bridge of the container engine',
      ...(cnis.includes('bridge')
        ? ['bridge: routes between nodes and the masquerade rule, kept current by a DaemonSet of cnilab, as an administrator would write them']
        : []),
    ],
    absent: [
      "one kernel for all nodes, this machine's: ipvs and ipip only where it has them, one conntrack table size, one clock, one processor budget",
      'one layer-2 network for all nodes: no routers, no segments, no loss or delay of its own; the container engine chooses the addresses of nodes',
      'machines of their own: a node cannot lose its power, its kernel cannot crash',
      'TCP does not show a too small MTU between bridges of one kernel (segments stay joined)',
    ],
  };
}
