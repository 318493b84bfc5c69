/** Docker on a host, as it will exist: every name, address and MAC chosen. */
import type { BridgePlan, PodInterfacePlan } from '../plan.ts';

export interface DockerPlan {
  /** The default one, `bridge`, first. */
  readonly networks: readonly DockerNetworkPlan[];
  readonly containers: readonly ContainerPlan[];
}

export interface DockerNetworkPlan {
  readonly name: string;
  /** 64 hex digits, derived from host and name. */
  readonly id: string;
  readonly cidr: string;
  readonly gateway: string;
  readonly bridge: BridgePlan;
  /** Its containers find each other by name (the resolver at 127.0.0.11); those of the default network do not. */
  readonly userDefined: boolean;
}

export interface ContainerPlan {
  /** `host/container`. */
  readonly id: string;
  /** Name of the machine it is on. */
  readonly host: string;
  readonly name: string;
  /** 64 hex digits, derived from the identity. */
  readonly containerId: string;
  /** Its own network namespace, or the one it shares. */
  readonly netns: string;
  /** As asked for: `bridge`, `none`, `host`, `container:NAME` or a user-defined network. */
  readonly network: string;
  /** null where it has none of its own: none, host, container:NAME. */
  readonly interface: (PodInterfacePlan & { readonly hostName: string }) | null;
  /** None where the mode discards them. */
  readonly ports: readonly PublishedPortPlan[];
  readonly aliases: readonly string[];
}

export interface PublishedPortPlan {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
  readonly listenAddress: string;
}
