/** Addresses of whatever a lesson may name. */
import type { AddressPlan, InterfacePlan, LabPlan, PodInterfacePlan } from '../../topology/plan.ts';

interface Addressed {
  readonly id: string;
  /** Namespace of the machine that it is on. */
  readonly machine: string;
  readonly addresses: readonly AddressPlan[];
}

type Face = Pick<InterfacePlan | PodInterfacePlan, 'addresses'>;

const addresses = (faces: readonly (Face | null | undefined)[]): readonly AddressPlan[] => faces.flatMap((face) => face?.addresses ?? []);

/** Pods, nodes, machines and containers, each with all the addresses of its own, the primary one first. */
function everyone({ clusters, machines }: LabPlan): readonly Addressed[] {
  const hosts = machines.map((machine): Addressed => ({ id: machine.id, machine: machine.netns, addresses: addresses(machine.interfaces) }));
  const nodes = clusters.flatMap((cluster) =>
    cluster.nodes.map((node): Addressed => ({ id: node.id, machine: node.netns, addresses: addresses(node.interfaces) })),
  );
  const pods = clusters.flatMap((cluster) =>
    cluster.pods.map((pod): Addressed => {
      const node = cluster.nodes.find((one) => one.name === pod.node);
      return { id: pod.id, machine: node?.netns ?? pod.netns, addresses: addresses(pod.interface === null ? (node?.interfaces ?? []) : [pod.interface]) };
    }),
  );
  const containers = machines.flatMap((machine) => {
    const all = machine.docker?.containers ?? [];
    // One that shares a namespace has the addresses of whose it is.
    return all.map((one): Addressed => {
      const own = one.interface ?? all.find((other) => other.netns === one.netns && other.interface !== null)?.interface;
      return { id: one.id, machine: machine.netns, addresses: addresses(one.netns === machine.netns ? machine.interfaces : [own]) };
    });
  });
  return [...pods, ...nodes, ...hosts, ...containers];
}

/** All addresses of a place, in the order of the plan; none for one that the plan does not know. */
export function addressesOf(plan: LabPlan, id: string): readonly AddressPlan[] {
  return everyone(plan).find((one) => one.id === id)?.addresses ?? [];
}

/** Namespace of the machine on which a place is; '' for one that the plan does not know. */
export function machineOf(plan: LabPlan, id: string): string {
  return everyone(plan).find((one) => one.id === id)?.machine ?? '';
}

/** Identity of who has an address. */
export function ownerOf(plan: LabPlan, address: string): string | null {
  return everyone(plan).find((one) => one.addresses.some((own) => own.address === address))?.id ?? null;
}
