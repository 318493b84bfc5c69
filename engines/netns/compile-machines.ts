/** The switches, and the machines plugged into them: cluster nodes, hosts, routers, the outside. */
import { cidrContains, cidrOf, parseAddress } from '../../topology/cidr.ts';
import { FABRIC_NETNS, type LabPlan, type MachinePlan } from '../../topology/plan.ts';
import { addressOps, routeOps } from './compile-data-path.ts';
import type { KernelTraits } from './compile-options.ts';
import { namespaceSysctls } from './compile-sysctls.ts';
import type { Op } from './ops.ts';

/** One namespace holds every switch: they are bridges without addresses, and their frames are no business of a packet filter. */
export function fabricOps(plan: LabPlan, kernel: KernelTraits): Op[] {
  if (plan.segments.length === 0) return [];
  return [
    { op: 'netns', ns: FABRIC_NETNS },
    ...namespaceSysctls(FABRIC_NETNS, { forwarding: false, ipv6: false, bridgedFramesFiltered: false }, kernel),
    ...plan.segments.map((segment, index): Op => ({ op: 'bridge', ns: FABRIC_NETNS, name: segment.bridge, mac: switchMac(index), mtu: segment.mtuBytes })),
  ];
}

/** Namespaces and sysctls of all machines first, then their cables, addresses and routes. */
export function machineOps(plan: LabPlan, kernel: KernelTraits): Op[] {
  const machines = allMachines(plan);
  const switchOf = new Map(plan.segments.map((segment) => [segment.name, segment]));
  return [
    ...machines.flatMap((machine): Op[] => [
      { op: 'netns', ns: machine.netns },
      ...namespaceSysctls(
        machine.netns,
        {
          forwarding: machine.forwarding,
          ipv6: usesIpv6(plan, machine),
          bridgedFramesFiltered: true,
          localnetRouted: plan.clusters.some(({ kubeProxy, nodes }) => kubeProxy.mode === 'iptables' && nodes.some(({ netns }) => netns === machine.netns)),
        },
        kernel,
      ),
    ]),
    ...machines.flatMap((machine) => [
      ...machine.interfaces.flatMap(({ name, segment, mac, mtuBytes, addresses, switchPort }): Op[] => {
        const lan = switchOf.get(segment);
        return lan === undefined
          ? []
          : [
              {
                op: 'veth',
                ns: FABRIC_NETNS,
                name: switchPort,
                mac: null,
                mtu: lan.mtuBytes,
                master: lan.bridge,
                hairpin: false,
                peer: { ns: machine.netns, name, mac, mtu: mtuBytes },
              },
              ...addressOps(machine.netns, name, addresses),
            ];
      }),
      ...routeOps(machine.netns, machine.routes),
      ...proxyOps(machine),
    ]),
  ];
}

/**
 * A router that leads a single address of one of its networks elsewhere (a load balancer's, to the node that takes it in) answers for it there: the hosts of that
 * network ask each other for it. ARP and ND alike.
 */
function proxyOps({ netns: ns, forwarding, routes, interfaces }: MachinePlan): Op[] {
  if (!forwarding) return [];
  const answers = routes.flatMap(({ to, family, dev, via }) => {
    const [address = '', length] = to.split('/');
    if (via === null || length !== (family === 'ipv4' ? '32' : '128')) return [];
    const on = interfaces.find(
      (face) => face.name !== dev && face.addresses.some((own) => cidrContains(cidrOf(parseAddress(own.address), own.prefixLength), address)),
    );
    return on === undefined ? [] : [{ family, dev: on.name, address }];
  });
  const settings = new Map(
    answers.flatMap(({ family, dev }) => [
      // Proxy answers are delayed by up to 0.8 s otherwise.
      [`net/${family}/neigh/${dev}/proxy_delay`, '0'] as const,
      ...(family === 'ipv6' ? [[`net/ipv6/conf/${dev}/proxy_ndp`, '1'] as const] : []),
    ]),
  );
  return [
    ...[...settings].map(([key, value]): Op => ({ op: 'sysctl', ns, key, value })),
    ...answers.map(({ dev, address }): Op => ({ op: 'neigh', ns, dev, address, mac: null })),
  ];
}

/** Nodes of every cluster, then hosts, routers and the outside. */
export function allMachines(plan: LabPlan): readonly MachinePlan[] {
  return [...plan.clusters.flatMap((cluster) => cluster.nodes), ...plan.machines];
}

function usesIpv6(plan: LabPlan, machine: MachinePlan): boolean {
  return (
    machine.interfaces.some((i) => i.addresses.some((a) => a.family === 'ipv6')) ||
    plan.clusters.some((c) => c.families.includes('ipv6') && c.nodes.some((node) => node.netns === machine.netns))
  );
}

/** Locally administered, and pinned: nothing sends to it, but a bridge without one changes it with its ports. */
function switchMac(index: number): string {
  return `02:fa:b0:00:${byte(index >> 8)}:${byte(index)}`;
}

function byte(n: number): string {
  return (n & 0xff).toString(16).padStart(2, '0');
}
