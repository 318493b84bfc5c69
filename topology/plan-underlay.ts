import { gatewayOf, hostPool, type AddressPool } from './allocate.ts';
import { cidrContains, formatCidr, parseAddress, parseCidr } from './cidr.ts';
import { asList, NO_SEGMENT, nodeDrafts, OUTSIDE_SEGMENT, routerDrafts, segmentDrafts, type SegmentDraft } from './draft.ts';
import { InternalError } from './errors.ts';
import { planNames } from './hosts/plan-names.ts';
import { interfaceName, macFor, netnsName } from './names.ts';
import type { AddressPlan, InterfacePlan, LabPlan, MachinePlan, RoutePlan, SegmentPlan } from './plan.ts';
import { addressesOfLoadBalancers } from './services/plan-load-balancers.ts';
import type { Family, HostRole, LabSpec, RouteSpec } from './spec.ts';

/** The underlay with an interface for every node; the CNI builds on it. */
export interface UnderlayPlan {
  readonly segments: readonly SegmentPlan[];
  readonly machines: readonly MachinePlan[];
  /** By node identity. */
  readonly nodeInterfaces: ReadonlyMap<string, InterfacePlan>;
  /** Routers' addresses by segment name. */
  readonly routersOn: ReadonlyMap<string, readonly { readonly router: string; readonly dev: string; readonly addresses: readonly AddressPlan[] }[]>;
}

const ANY: Readonly<Record<Family, string>> = { ipv4: '0.0.0.0/0', ipv6: '::/0' };

/** A default route per family through a segment's first router. */
export function defaultRoutes(underlay: UnderlayPlan, segment: string, dev: string): readonly RoutePlan[] {
  const router = underlay.routersOn.get(segment)?.[0];
  return (router?.addresses ?? []).map(({ family, address }) => ({
    family,
    to: ANY[family],
    via: address,
    dev,
    onlink: false,
    type: 'unicast',
    origin: 'static',
  }));
}

/** Static routes as written, each leaving by the interface whose network holds the next hop. */
function staticRoutes(routes: readonly RouteSpec[], interfaces: readonly InterfacePlan[], segments: ReadonlyMap<string, SegmentDraft>): readonly RoutePlan[] {
  return routes.map(({ to, via }) => {
    const hop = parseAddress(via);
    const out = interfaces.find((i) => segments.get(i.segment)?.cidrs.some((c) => cidrContains(c, hop)));
    if (out === undefined) throw new InternalError(`next hop ${via} is on no segment of the machine, and validation let it pass`);
    const target = parseCidr(to);
    return { family: target.family, to: formatCidr(target), via, dev: out.name, onlink: false, type: 'unicast', origin: 'static' };
  });
}

/** Plans segments, routers, hosts, the outside, and one interface per node. Addresses that the previous plan gave are kept. */
export function planUnderlay(spec: LabSpec, previous: LabPlan | null): UnderlayPlan {
  const drafts = segmentDrafts(spec);
  const segments = new Map(drafts.map((s) => [s.name, s]));
  const pools = new Map<string, readonly AddressPool[]>(drafts.map((s) => [s.name, s.cidrs.map(hostPool)]));
  const before = new Map<string, InterfacePlan>();
  for (const machine of [...(previous?.machines ?? []), ...(previous?.clusters ?? []).flatMap((c) => c.nodes)]) {
    for (const i of machine.interfaces) before.set(`${machine.id}/${i.segment}`, i);
  }
  const wanted: { readonly id: string; readonly segment: string; readonly name: string; readonly fixed: readonly string[]; readonly gateway: boolean }[] = [];
  const routers = routerDrafts(spec);
  const gatewayTaken = new Set<string>();
  for (const router of routers) {
    router.interfaces.forEach((i, n) => {
      const fixed = i.address === undefined ? [] : asList<string>(i.address);
      const first = !gatewayTaken.has(i.segment);
      gatewayTaken.add(i.segment);
      wanted.push({ id: router.name, segment: i.segment, name: `eth${n}`, fixed, gateway: first });
    });
  }
  for (const cluster of spec.clusters ?? []) {
    for (const node of nodeDrafts(spec, cluster))
      wanted.push({ id: `${cluster.name}/${node.name}`, segment: node.segment, name: 'eth0', fixed: node.addresses, gateway: false });
  }
  const firstSegment = drafts[0]?.name ?? 'lan';
  for (const host of spec.hosts ?? []) {
    if (host.segment === NO_SEGMENT) continue;
    wanted.push({
      id: host.name,
      segment: host.segment ?? firstSegment,
      name: 'eth0',
      fixed: host.address === undefined ? [] : asList<string>(host.address),
      gateway: false,
    });
  }
  for (const host of spec.outside?.hosts ?? [])
    wanted.push({
      id: host.name,
      segment: OUTSIDE_SEGMENT,
      name: 'eth0',
      fixed: host.address === undefined ? [] : asList<string>(host.address),
      gateway: false,
    });

  // Fixed addresses first, then what the running lab has, then the lowest free ones: a new machine never takes another's address.
  const chosen = wanted.map(() => new Map<Family, string>());
  const claim = (pass: (item: (typeof wanted)[number], family: Family, index: number) => string | null): void => {
    wanted.forEach((item, w) => {
      segments.get(item.segment)?.cidrs.forEach((cidr, index) => {
        const mine = chosen[w];
        if (mine === undefined || mine.has(cidr.family)) return;
        const address = pass(item, cidr.family, index);
        if (address !== null) mine.set(cidr.family, address);
      });
    });
  };
  const take = (item: (typeof wanted)[number], index: number, address: string | undefined): string | null =>
    address !== undefined && pools.get(item.segment)?.[index]?.take(address) === true ? address : null;
  claim((item, family, index) =>
    take(
      item,
      index,
      item.fixed.find((a) => parseAddress(a).family === family),
    ),
  );
  claim((item, family, index) => take(item, index, before.get(`${item.id}/${item.segment}`)?.addresses.find((a) => a.family === family)?.address));
  for (const pool of pools.get(OUTSIDE_SEGMENT) ?? []) for (const address of addressesOfLoadBalancers(spec, previous)) pool.take(address);
  claim((item, _family, index) =>
    item.gateway ? take(item, index, gatewayOf(segments.get(item.segment)?.cidrs[index] ?? { family: 'ipv4', base: 0n, prefixLength: 0, bits: 32 })) : null,
  );
  claim((item, _family, index) => pools.get(item.segment)?.[index]?.next() ?? null);

  const interfaces = wanted.map((item, w): InterfacePlan => {
    const segment = segments.get(item.segment);
    const identity = `${item.id}#${item.name}`;
    return {
      name: item.name,
      segment: item.segment,
      mac: macFor(identity),
      mtuBytes: segment?.mtuBytes ?? 1500,
      addresses: (segment?.cidrs ?? []).flatMap((cidr) => {
        const address = chosen[w]?.get(cidr.family);
        return address === undefined ? [] : [{ family: cidr.family, address, prefixLength: cidr.prefixLength }];
      }),
      switchPort: interfaceName('p', identity),
    };
  });
  const of = (id: string): readonly InterfacePlan[] => interfaces.filter((_, w) => wanted[w]?.id === id);
  const routersOn = new Map(
    drafts.map((s) => [
      s.name,
      routers.flatMap((r) =>
        of(r.name)
          .filter((i) => i.segment === s.name)
          .map((i) => ({ router: r.name, dev: i.name, addresses: i.addresses })),
      ),
    ]),
  );
  const base: UnderlayPlan = {
    segments: drafts.map((s) => ({ name: s.name, cidrs: s.cidrs.map(formatCidr), mtuBytes: s.mtuBytes, bridge: interfaceName('br', `segment/${s.name}`) })),
    machines: [],
    nodeInterfaces: new Map(wanted.flatMap((item, w) => (item.id.includes('/') && interfaces[w] !== undefined ? [[item.id, interfaces[w]] as const] : []))),
    routersOn,
  };
  const host = (name: string, role: HostRole, gateway: string | undefined, routes: readonly RouteSpec[]): MachinePlan => {
    const own = of(name);
    const eth0 = own[0];
    const viaDefault =
      eth0 === undefined || gateway === 'none'
        ? []
        : gateway === undefined
          ? defaultRoutes(base, eth0.segment, eth0.name)
          : staticRoutes([{ to: ANY[parseAddress(gateway).family], via: gateway }], own, segments);
    return {
      id: name,
      name,
      kind: 'host',
      role,
      netns: netnsName('host', name),
      interfaces: own,
      routes: [...viaDefault, ...staticRoutes(routes, own, segments)],
      forwarding: false,
    };
  };
  const resolvers = [...(spec.hosts ?? []), ...(spec.outside?.hosts ?? [])]
    .filter(({ role }) => role === 'resolver')
    .flatMap(({ name }) => of(name).flatMap((face) => face.addresses.map((has) => has.address)));
  return {
    ...base,
    machines: [
      ...routers.map(
        (r): MachinePlan => ({
          id: r.name,
          name: r.name,
          kind: 'router',
          role: 'router',
          netns: netnsName('router', r.name),
          interfaces: of(r.name),
          routes: staticRoutes(r.routes ?? [], of(r.name), segments),
          forwarding: r.forwarding ?? true,
        }),
      ),
      ...(spec.hosts ?? []).map(
        (h): MachinePlan => ({
          ...host(h.name, h.role ?? 'host', h.gateway, h.routes ?? []),
          // What is wired by hand is called by its name: `ip link add … netns NAME`.
          ...(h.segment === NO_SEGMENT ? { netns: h.name } : {}),
          ...planNames(
            h,
            of(h.name).flatMap((face) => face.addresses),
            resolvers,
          ),
        }),
      ),
      ...(spec.outside?.hosts ?? []).map((h) => host(h.name, h.role ?? 'client', undefined, [])),
    ],
  };
}
