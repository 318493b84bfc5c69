import type { LabPlan } from '../plan.ts';
import type { ContainerPlan, DockerNetworkPlan, DockerPlan } from './docker-plan.ts';

/** The containers of all hosts, in the order of the plan. */
export function containersOf(plan: Pick<LabPlan, 'machines'>): readonly ContainerPlan[] {
  return plan.machines.flatMap(({ docker }) => docker?.containers ?? []);
}

/** Has the container a network namespace of its own? Else it shares its host's, or another container's. */
export function ownsNetns(container: ContainerPlan): boolean {
  return container.network !== 'host' && !container.network.startsWith('container:');
}

/** The containers that find each other by name, each with its user-defined network. */
export function namedContainers({ networks, containers }: DockerPlan): readonly { readonly container: ContainerPlan; readonly network: DockerNetworkPlan }[] {
  return containers.flatMap((container) =>
    networks.filter(({ name, userDefined }) => userDefined && name === container.network).map((network) => ({ container, network })),
  );
}
