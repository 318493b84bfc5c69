import { gatewayOf, hostPool, type AddressPool } from '../allocate.ts';
import { familyBits, formatAddress, parseCidr, tryParseAddress, type Cidr } from '../cidr.ts';
import type { RouterRoutes } from '../cni/cni.ts';
import { OUTSIDE_SEGMENT } from '../draft.ts';
import { SpecError } from '../errors.ts';
import { stableHash } from '../names.ts';
import type { ClusterPlan, LabPlan, NodePlan, RoutePlan } from '../plan.ts';
import type { UnderlayPlan } from '../plan-underlay.ts';
import type { KubernetesObject, LabSpec } from '../spec.ts';
import { isService } from './cluster-services.ts';
import { readService } from './read-service.ts';
import type { ServicePlan } from './service-plan.ts';

/** spec.loadBalancerIP of the Services among some objects, by `namespace/name`; well-formed addresses only. */
function fixedAddresses(objects: readonly KubernetesObject[]): ReadonlyMap<string, string> {
  return new Map(
    objects.flatMap((object) => {
      if (!isService(object)) return [];
      const { namespace, name, loadBalancerIP } = readService(object);
      const parsed = tryParseAddress(loadBalancerIP);
      return parsed.ok ? [[`${namespace}/${name}`, formatAddress(parsed.address.family, parsed.address.value)] as const] : [];
    }),
  );
}

/** Addresses of the outside that no machine may be given, because a load balancer has one or asks for one. */
export function addressesOfLoadBalancers(spec: LabSpec, previous: LabPlan | null): readonly string[] {
  return [
    ...(spec.clusters ?? []).flatMap((cluster) => [...fixedAddresses(cluster.objects ?? []).values()]),
    ...(previous?.clusters ?? []).flatMap((cluster) => (cluster.services ?? []).flatMap((service) => service.loadBalancerIPs)),
  ];
}

/**
 * The node that takes a load balancer's packets in: one with a ready endpoint where only those take them (externalTrafficPolicy Local), a worker
 * where there are workers (kubeadm keeps control planes out), chosen by identity, so that others' coming and going seldom moves it.
 */
function announcer(service: ServicePlan, nodes: readonly NodePlan[]): NodePlan | null {
  const workers = nodes.filter((node) => node.role === 'worker');
  const eligible = workers.length > 0 ? workers : nodes;
  const local = eligible.filter((node) => service.endpoints.some((endpoint) => endpoint.ready && endpoint.node === node.name));
  const candidates = service.externalTrafficPolicy === 'Local' && local.length > 0 ? local : eligible;
  const rank = (node: NodePlan): string => stableHash(`${service.id} announced by ${node.name}`, 16);
  return candidates.reduce<NodePlan | null>((best, node) => (best === null || rank(node) < rank(best) ? node : best), null);
}

/** The outside router's route for an address of a load balancer; none where the router and the node share no segment. */
function routeTo(address: string, node: NodePlan, underlay: UnderlayPlan): { readonly router: string; readonly route: RoutePlan } | null {
  const parsed = tryParseAddress(address);
  const router = underlay.routersOn.get(OUTSIDE_SEGMENT)?.[0]?.router;
  if (!parsed.ok || router === undefined) return null;
  const { family } = parsed.address;
  for (const face of node.interfaces) {
    const on = underlay.routersOn.get(face.segment)?.find((candidate) => candidate.router === router);
    const via = face.addresses.find((own) => own.family === family);
    if (on !== undefined && via !== undefined)
      return {
        router,
        route: { family, to: `${address}/${familyBits(family)}`, via: via.address, dev: on.dev, onlink: false, type: 'unicast', origin: 'static' },
      };
  }
  return null;
}

/**
 * Gives the LoadBalancer Services of all clusters addresses of the lab's outside, one per family, as hosts of the outside get them: what is written
 * (spec.loadBalancerIP), what the running lab has, then the lowest free one. Without an outside there are none, as in a cluster without a load balancer.
 *
 * @returns the clusters, and the routes by which the outside's router sends an address to the node that takes it in. That router answers for the
 * addresses on the outside's segment.
 * @throws SpecError SEGMENT_FULL; SERVICE_ADDRESS_INVALID for a written address that a machine of the running lab has
 */
export function planLoadBalancers(
  clusters: readonly ClusterPlan[],
  underlay: UnderlayPlan,
  previous: LabPlan | null,
): { readonly clusters: readonly ClusterPlan[]; readonly routes: RouterRoutes } {
  const cidrs = (underlay.segments.find((segment) => segment.name === OUTSIDE_SEGMENT)?.cidrs ?? []).map(parseCidr);
  const balanced = clusters.flatMap((cluster) => cluster.services.filter((service) => service.type === 'LoadBalancer'));
  if (cidrs.length === 0 || balanced.length === 0) return { clusters, routes: new Map() };
  const fixed = new Map<string, string>(
    clusters.flatMap((cluster) => [...fixedAddresses(cluster.objects)].map(([name, address]) => [`${cluster.name}/${name}`, address] as const)),
  );
  const before = new Map<string, readonly string[]>(
    (previous?.clusters ?? []).flatMap((cluster) => (cluster.services ?? []).map((service) => [service.id, service.loadBalancerIPs] as const)),
  );
  const given = new Map(balanced.map((service) => [service.id, new Map<string, string>()]));
  for (const cidr of cidrs) {
    const pool = poolOf(cidr, underlay);
    const wanting = balanced.filter((service) => service.families.includes(cidr.family));
    const claim = (choose: (service: ServicePlan) => string | null | undefined): void => {
      for (const service of wanting) {
        const mine = given.get(service.id);
        if (mine === undefined || mine.has(cidr.family)) continue;
        const address = choose(service);
        if (typeof address === 'string') mine.set(cidr.family, address);
      }
    };
    const taken = (address: string | undefined): string | null => (address !== undefined && pool.take(address) ? address : null);
    claim((service) => taken(fixed.get(service.id)));
    claim((service) => (before.get(service.id) ?? []).map(taken).find((address) => address !== null));
    claim(() => pool.next());
    const without = wanting.find((service) => given.get(service.id)?.has(cidr.family) !== true);
    if (without !== undefined)
      throw new SpecError(
        [
          {
            severity: 'error',
            code: 'SEGMENT_FULL',
            path: ['outside'],
            message: `the outside has no address left for load balancer ${without.id}`,
            hint: 'use a larger outside.cidr',
          },
        ],
        'lab',
      );
  }
  for (const { id } of balanced) {
    const address = fixed.get(id);
    if (address === undefined || [...(given.get(id)?.values() ?? [])].includes(address)) continue;
    throw new SpecError(
      [
        {
          severity: 'error',
          code: 'SERVICE_ADDRESS_INVALID',
          path: ['outside'],
          message: `loadBalancerIP ${address} of Service ${id}: a machine of the running lab has it`,
          hint: 'choose another address, or leave it out',
        },
      ],
      'lab',
    );
  }
  const routes = new Map<string, RoutePlan[]>();
  const planned = clusters.map((cluster): ClusterPlan => {
    const services = cluster.services.map((service): ServicePlan => {
      const addresses = service.families.flatMap((family) => given.get(service.id)?.get(family) ?? []);
      const node = addresses.length === 0 ? null : announcer(service, cluster.nodes);
      for (const address of addresses) {
        const found = node === null ? null : routeTo(address, node, underlay);
        if (found !== null) routes.set(found.router, [...(routes.get(found.router) ?? []), found.route]);
      }
      return addresses.length === 0 ? service : { ...service, loadBalancerIPs: addresses };
    });
    return { ...cluster, services };
  });
  return { clusters: planned, routes };
}

/** The outside's addresses without those of its machines. */
function poolOf(cidr: Cidr, underlay: UnderlayPlan): AddressPool {
  const pool = hostPool(cidr);
  pool.take(gatewayOf(cidr));
  for (const machine of underlay.machines)
    for (const face of machine.interfaces) if (face.segment === OUTSIDE_SEGMENT) for (const { address } of face.addresses) pool.take(address);
  return pool;
}
