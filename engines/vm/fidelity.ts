/** What a lab on virtual machines is made of, and what it cannot show. Said with every report. */
import type { LabPlan } from '../../topology/plan.ts';
import { diskOf } from '../../topology/vm-image.ts';
import type { FidelityStatement } from '../port.ts';

export function fidelity(plan: LabPlan): FidelityStatement {
  const cnis = [...new Set(plan.clusters.map(({ cni }) => cni.type))];
  const modes = [...new Set(plan.clusters.map(({ kubeProxy }) => kubeProxy.mode))];
  return {
    engine: 'vm',
    real: [
      'a machine per node, with a kernel, a clock, a disk and a power button of its own',
      'Kubernetes by kubeadm: API server, scheduler, controllers, kubelet, containerd, images, cluster DNS',
      ...cnis.filter((cni) => cni !== 'bridge' && cni !== 'observed').map((cni) => `${cni}: its own daemons and plugins, from its own images`),
      ...(cnis.includes('bridge') ? ["the containernetworking plugin bridge, called by the kubelet's container runtime"] : []),
      ...modes.map((mode) => (mode === 'none' ? 'no kube-proxy, as asked for: Services are not acted on' : `kube-proxy in mode ${mode}`)),
    ],
    sameMechanism: [
      'one Ethernet segment for all nodes: QEMU sends every frame to a multicast group of the loopback interface, and each card takes what is addressed to it',
      ...(cnis.includes('bridge')
        ? ['bridge: routes between nodes and the masquerade rule, kept current by a DaemonSet of cnilab, as an administrator would write them']
        : []),
    ],
    absent: [
      diskOf(plan)?.kind === 'cloud'
        ? 'a lab that is closed: machines on a cloud image fetch packages and images, and reach whatever this machine reaches, its own 127.0.0.1 included'
        : 'a way out: nodes reach each other and the forwarded ports of this machine, no registry and no resolver',
      'no routers, no segments, no loss or delay of its own; where there is no KVM, times are those of an emulator',
    ],
  };
}
