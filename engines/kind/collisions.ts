/** Address ranges of a lab against what is on this machine: networks of the container engine, and routes. Pure. */
import { cidrContains, cidrsOverlap, tryParseCidr, type Cidr } from '../../topology/cidr.ts';
import type { LabPlan } from '../../topology/plan.ts';

/** A range that something here has. */
export interface TakenRange {
  readonly what: string;
  readonly cidr: string;
  /** network: any overlap is a collision. route: only one inside of the lab's range is: what a wider route leads to stays reachable but for that range. */
  readonly kind: 'network' | 'route';
}

export interface Collision {
  /** `podCIDR 10.244.0.0/16 of cluster c1`. */
  readonly range: string;
  readonly taken: TakenRange;
}

export function collisions(plan: LabPlan, taken: readonly TakenRange[]): readonly Collision[] {
  const ranges = plan.clusters.flatMap(({ name, podCIDRs, serviceCIDRs }) => [
    ...podCIDRs.map((cidr) => ({ range: `podCIDR ${cidr} of cluster ${name}`, cidr })),
    ...serviceCIDRs.map((cidr) => ({ range: `serviceCIDR ${cidr} of cluster ${name}`, cidr })),
  ]);
  return ranges.flatMap(({ range, cidr }) => taken.filter((one) => meet(parsed(cidr), parsed(one.cidr), one.kind)).map((one) => ({ range, taken: one })));
}

function meet(own: Cidr | null, other: Cidr | null, kind: TakenRange['kind']): boolean {
  if (own === null || other === null || own.family !== other.family) return false;
  return kind === 'network' ? cidrsOverlap(own, other) : cidrContains(own, other);
}

function parsed(text: string): Cidr | null {
  const found = tryParseCidr(text);
  return found.ok ? found.cidr : null;
}

interface InspectedNetwork {
  readonly Name?: string;
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string }[] | null };
  /** Podman writes these two in lower case. */
  readonly name?: string;
  readonly subnets?: readonly { readonly subnet?: string }[];
}

/** Reads `docker network inspect` or `podman network inspect`. */
export function networkRanges(json: string): readonly TakenRange[] {
  return (JSON.parse(json) as readonly InspectedNetwork[]).flatMap(({ Name, name, IPAM, subnets }) => {
    const cidrs = [...(IPAM?.Config ?? []).map(({ Subnet }) => Subnet), ...(subnets ?? []).map(({ subnet }) => subnet)];
    return cidrs.filter((cidr) => cidr !== undefined).map((cidr) => ({ what: `network ${Name ?? name ?? ''}`, cidr, kind: 'network' as const }));
  });
}

/** Reads `ip -json route` of one family. Routes without a prefix are of one address; the default route is none. */
export function routeRanges(json: string, bits: 32 | 128): readonly TakenRange[] {
  const routes = JSON.parse(json === '' ? '[]' : json) as readonly { readonly dst?: string; readonly dev?: string }[];
  return routes
    .filter(({ dst }) => dst !== undefined && dst !== 'default')
    .map(({ dst = '', dev = '' }) => ({ what: `route by ${dev === '' ? 'no device' : dev}`, cidr: dst.includes('/') ? dst : `${dst}/${bits}`, kind: 'route' }));
}

/** Each pair once: a network of the container engine is also a route here, and is named as the network. */
export function collisionText(found: readonly Collision[]): string {
  const lines = new Map<string, string>();
  for (const { range, taken } of found.toSorted((a, b) => a.taken.kind.localeCompare(b.taken.kind))) {
    const pair = `${range} overlaps ${taken.cidr}`;
    if (!lines.has(pair)) lines.set(pair, `${pair} (${taken.what})`);
  }
  return [...lines.values()].join('; ');
}
