/** Docker's networks with their ranges, before anything has an address. */
import { cidrsOverlap, parseCidr, subnetAt, subnetCount, tryParseCidr, type Cidr } from '../cidr.ts';
import { rangesOf } from '../rules/lab-view.ts';
import type { HostSpec, LabSpec } from '../spec.ts';
import type { DockerPlan } from './docker-plan.ts';

/** Name of the network that every Docker host has. */
export const DEFAULT_NETWORK = 'bridge';
/** Words for a container's network that name no network of its own. */
export const MODES = ['none', 'host'] as const;
const DEFAULT_POOL = '172.17.0.0/16';

/** Pools that dockerd shares out when no subnet is asked for, after 172.17.0.0/16 (moby libnetwork/ipamutils, PredefinedLocalScopeDefaultNetworks). */
const POOLS = [...Array.from({ length: 14 }, (_, i) => ({ pool: `172.${18 + i}.0.0/16`, size: 16 })), { pool: '192.168.0.0/16', size: 20 }];

export interface DockerNetworkDraft {
  readonly name: string;
  readonly userDefined: boolean;
  /** null: what is written is no CIDR, or nothing is free any more. */
  readonly cidr: Cidr | null;
  readonly gateway: string | null;
  readonly bridge: string | null;
}

/** What a container asks for: the name behind `container:`, else null. */
export function joinedContainer(network: string): string | null {
  return network.startsWith('container:') ? network.slice('container:'.length) : null;
}

/**
 * The networks of a host, the default one first. As dockerd does, a network without a subnet gets the first pool that meets nothing else: no range of
 * the lab, no network of this host. One that runs keeps the pool that it got.
 */
export function dockerNetworkDrafts(spec: LabSpec, host: HostSpec, before?: DockerPlan): readonly DockerNetworkDraft[] {
  const { docker } = host;
  if (docker === undefined) return [];
  const read = (text: string): Cidr | null => {
    const parsed = tryParseCidr(text);
    return parsed.ok ? parsed.cidr : null;
  };
  const pool = read(docker.defaultPool ?? DEFAULT_POOL);
  const written = (docker.networks ?? []).flatMap(({ subnet }) => (subnet === undefined ? [] : (read(subnet) ?? [])));
  const taken = [...rangesOf(spec).map(({ cidr }) => cidr), ...(pool === null ? [] : [pool]), ...written];
  const networks = (docker.networks ?? []).map(({ name, subnet, gateway, bridge }): DockerNetworkDraft => {
    const kept = before?.networks.find((network) => network.name === name)?.cidr;
    const cidr = subnet === undefined ? freePool(kept === undefined ? POOLS : [{ pool: kept, size: sizeOf(kept) }, ...POOLS], taken) : read(subnet);
    if (subnet === undefined && cidr !== null) taken.push(cidr);
    return { name, userDefined: true, cidr, gateway: gateway ?? null, bridge: bridge ?? null };
  });
  return [{ name: DEFAULT_NETWORK, userDefined: false, cidr: pool, gateway: null, bridge: 'docker0' }, ...networks];
}

function sizeOf(cidr: string): number {
  return parseCidr(cidr).prefixLength;
}

function freePool(pools: typeof POOLS, taken: readonly Cidr[]): Cidr | null {
  for (const { pool, size } of pools) {
    const range = parseCidr(pool);
    for (let index = 0n; index < subnetCount(range, size); index += 1n) {
      const candidate = subnetAt(range, size, index);
      if (!taken.some((other) => cidrsOverlap(candidate, other))) return candidate;
    }
  }
  return null;
}
