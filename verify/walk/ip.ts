/** One IP packet from where it is made to where it ends: routes, neighbours, hooks, forwarding. Pure. */
import type { NamespaceSnapshot, NeighbourSnapshot, RouteSnapshot } from '../../engines/port.ts';
import { cidrContains } from '../../topology/cidr.ts';
import type { RoutePlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import { familyOf, namespaceOf } from '../inventory/lab-view.ts';
import { effectiveReversePathFilter } from '../inventory/reverse-path.ts';
import { destinationOf, lookupRoute, routeText, routeWords } from '../inventory/route-lookup.ts';
import { callsFilters, leave, type Reached } from './frames.ts';
import { type Lost, type OuterPacket, passFilters, type Passed, textOf, translate, type Walk, type Walker } from './netfilter.ts';
import type { Cause, Trail } from './trail.ts';
import { type Device, isLocal, linkOf, machineOf, onSegment, otherEnd, placeName, type World } from './world.ts';
import { ipArgv } from '../ip-argv.ts';

/** Where a packet ends, and as what. */
export type Fate =
  | { readonly kind: 'arrives'; readonly netns: string; readonly packet: Walker }
  | { readonly kind: 'lost' | 'process'; readonly netns: string; readonly why: string };

/** A packet in a namespace; `by` null: made there. */
interface Here {
  readonly netns: string;
  readonly by: Device | null;
  /** The port of the bridge `by` that it came by. */
  readonly port: string | null;
  readonly packet: Walker;
}

type Turn = Fate | { readonly kind: 'on'; readonly reached: Extract<Reached, { readonly at: Device }> };

/** Namespaces one behind the other. */
const LONGEST = 16;
/** The device of ip_vs, on which every Service's address is. */
const IPVS_DEVICE = 'kube-ipvs0';
/** Kinds of devices that carry packets without frames: nobody is asked for a MAC. */
const ADDRESSLESS: ReadonlySet<string> = new Set(['tun', 'ipip', 'sit', 'wireguard']);
/** States in which an entry has no usable MAC. */
const UNRESOLVED: ReadonlySet<string> = new Set(['failed', 'incomplete', 'none']);

/** Walks a packet that a process in `netns` sends. A source of '' is chosen as the kernel does, by the route. */
export function walkPacket(walk: Walk, trail: Trail, netns: string, packet: Walker): Fate {
  let here: Here = { netns, by: null, port: null, packet };
  for (let turn = 0; turn < LONGEST; turn++) {
    const next = here.by === null ? send(walk, trail, here) : take(walk, trail, here);
    if (next.kind !== 'on') return next;
    const { at, port, packet: arriving } = next.reached;
    // A mark is the kernel's note on a packet; it stays behind when the packet leaves the namespace.
    here = { netns: at.netns, by: at, port, packet: at.netns === here.netns ? arriving : { ...arriving, mark: 0 } };
  }
  return { kind: 'lost', netns: here.netns, why: `it is passed on more than ${LONGEST} times: a loop of routes` };
}

/** The packet around a packet, node to node. */
export function walkOuter(
  walk: Walk,
  trail: Trail,
  netns: string,
  { source, destination, port }: OuterPacket,
  quiet: boolean,
): { readonly netns: string } | Lost {
  const family = familyOf(destination);
  const owner = quiet ? Object.values(walk.world.view.snapshot.namespaces).find((one) => one.addresses.some((has) => has.address === destination)) : undefined;
  if (quiet) return owner === undefined ? { lost: `nobody has ${destination}` } : { netns: owner.netns };
  const own = trail.branch(true);
  const packet = freshPacket({ family, source, destination, protocol: 'udp', destinationPort: port, sourcePort: null, state: 'new' });
  const fate = walkPacket({ ...walk, translations: [], offered: [], choice: null }, own, netns, packet);
  trail.keep(own);
  return fate.kind === 'arrives' ? { netns: fate.netns } : { lost: fate.why, unread: fate.kind === 'process' };
}

/** A packet before anything has looked at it. */
export function freshPacket(rest: Pick<Walker, 'family' | 'source' | 'destination' | 'protocol' | 'destinationPort' | 'sourcePort' | 'state'>): Walker {
  return { ...rest, mark: 0, in: null, out: null, sourceLocal: false, destinationLocal: false };
}

function send(walk: Walk, trail: Trail, { netns, packet }: Here): Turn {
  const namespace = namespaceOf(walk.world.view, netns);
  if (namespace === undefined) return { kind: 'lost', netns, why: `${placeName(walk.world, netns)} was not read` };
  const first = isLocal(namespace, packet.destination) ? null : lookupRoute(namespace, packet.family, packet.destination);
  if (first === null && !isLocal(namespace, packet.destination)) return noRoute(walk, trail, netns, packet);
  const source = packet.source === '' ? sourceBy(namespace, first, packet) : packet.source;
  const made: Walker = { ...packet, source, sourceLocal: true, destinationLocal: first === null, in: null, out: first?.dev ?? 'lo' };
  const passed = chain(
    made,
    (now) => translate(walk, trail, netns, 'output', now, null),
    // Priority filter is 0, dstnat -100.
    (now) => passFilters(walk, trail, netns, 'output', now),
  );
  if (!('packet' in passed)) return stopped(netns, passed);
  return route(walk, trail, { netns, by: null, port: null, packet: passed.packet }, namespace, made.destination);
}

function take(walk: Walk, trail: Trail, here: Here): Turn {
  const { world } = walk;
  const { netns, by } = here;
  const namespace = namespaceOf(world.view, netns);
  if (namespace === undefined || by === null) return { kind: 'lost', netns, why: `${placeName(world, netns)} was not read` };
  const back = lookupRoute(namespace, here.packet.family, here.packet.source);
  const seen: Walker = {
    ...here.packet,
    in: by.dev,
    out: null,
    sourceLocal: false,
    destinationLocal: isLocal(namespace, here.packet.destination),
    reversePathFails: back?.dev !== by.dev,
  };
  const passed = chain(
    seen,
    (now) => passFilters(walk, trail, netns, 'prerouting', now),
    (now) => translate(walk, trail, netns, 'prerouting', now, null),
  );
  if (!('packet' in passed)) return stopped(netns, passed);
  const strict = here.packet.family === 'ipv4' && effectiveReversePathFilter(namespace, by.dev) === 1 && back?.dev !== by.dev;
  if (strict) {
    const way = back === null ? 'no route' : `"${routeText(back)}"`;
    return lose(trail, netns, `rp_filter is strict on ${by.dev}, and ${way} leads back to ${here.packet.source}: the packet is dropped`, {
      argv: ['sysctl', 'net.ipv4.conf.all.rp_filter', `net.ipv4.conf.${by.dev}.rp_filter`],
      cause: { name: 'reverse-path-filter-drops' },
    });
  }
  return route(walk, trail, { ...here, packet: passed.packet }, namespace, here.packet.destination);
}

/** Where from here; `asked`: the destination before the translations of this namespace. */
function route(walk: Walk, trail: Trail, here: Here, namespace: NamespaceSnapshot, asked: string): Turn {
  const { world } = walk;
  const { netns, by, packet } = here;
  const name = placeName(world, netns);
  if (isLocal(namespace, packet.destination)) return arrive(walk, trail, here, namespace);
  const found = lookupRoute(namespace, packet.family, packet.destination);
  if (found === null) return noRoute(walk, trail, netns, packet);
  const argv = ipArgv(packet.family, 'route', 'get', packet.destination);
  if (found.type !== 'unicast' || found.dev === null)
    return lose(trail, netns, `the route to ${packet.destination} on ${name} is a ${found.type}`, {
      argv,
      state: routeText(found),
      cause: { name: 'route-is-blackhole' },
    });
  // A frame for the bridge that is translated to somebody on the bridge stays a bridged frame (br_netfilter), and leaves by the port it came by only as a hairpin.
  const bridged = by !== null && by.dev === found.dev && here.port !== null && asked !== packet.destination && callsFilters(namespace, packet);
  const key = packet.family === 'ipv4' ? 'net/ipv4/ip_forward' : 'net/ipv6/conf/all/forwarding';
  trail.add({
    kind: 'route',
    netns,
    argv,
    state: routeText(found),
    says: `${packet.destination} ${bridged ? 'is on the same bridge' : `leaves by ${found.dev}`}${found.via === null ? ': it is on the link' : `, by way of ${found.via}`}`,
  });
  if (by !== null && !bridged && namespace.sysctls[key] === '0') {
    const sysctl = key.replaceAll('/', '.');
    return lose(trail, netns, `${name} does not forward: ${sysctl} is 0`, {
      argv: ['sysctl', sysctl],
      state: `${sysctl} = 0`,
      cause: { name: 'forwarding-disabled', mend: ['sysctl', '-w', `${sysctl}=1`] },
    });
  }
  // What masquerading puts in: the address of the device, or, of a cable to a pod that has none, the first one of the namespace.
  const own = sourceBy(namespace, found, packet) || null;
  const passed = chain(
    { ...packet, out: found.dev, destinationLocal: false },
    (now) => (by === null ? { packet: now } : passFilters(walk, trail, netns, 'forward', now)),
    (now) => passFilters(walk, trail, netns, 'postrouting', now),
    (now) => translate(walk, trail, netns, 'postrouting', now, own),
  );
  if (!('packet' in passed)) return stopped(netns, passed);
  const device = { netns, dev: found.dev };
  const isPlain = ADDRESSLESS.has(linkOf(world, device)?.kind ?? '');
  const mac = isPlain ? '' : neighbour(walk, trail, device, found.via ?? packet.destination, passed.packet);
  if (typeof mac !== 'string') return stuck(netns, mac);
  const reached = bridged ? hairpin(walk, trail, device, here.port ?? '', mac, passed.packet) : leave(walk, trail, device, { mac, packet: passed.packet });
  if (!('lost' in reached)) return { kind: 'on', reached };
  return stuck(netns, reached);
}

/** Sent on by the bridge itself, with the rules behind it. */
function hairpin(walk: Walk, trail: Trail, bridge: Device, port: string, mac: string, packet: Walker): Reached {
  const { world } = walk;
  const namespace = namespaceOf(world.view, bridge.netns);
  const ports = namespace?.links.filter((one) => one.master === bridge.dev) ?? [];
  const back = ports.find((one) => one.name === port);
  const reaches = (one: string): boolean => {
    const end = otherEnd(world, { netns: bridge.netns, dev: one });
    return end?.kind === 'device' && linkOf(world, end.at)?.mac === mac;
  };
  if (back?.hairpin === false && reaches(port)) {
    const why = `${bridge.dev} would send it back by ${port}, by which it came, and hairpin is off there`;
    trail.add({ kind: 'loss', netns: bridge.netns, says: why, argv: ['bridge', '-d', 'link', 'show', 'dev', port] });
    return { lost: why };
  }
  return leave(walk, trail, bridge, { mac, packet });
}

function arrive(walk: Walk, trail: Trail, here: Here, namespace: NamespaceSnapshot): Turn {
  const { netns, packet, by } = here;
  const name = placeName(walk.world, netns);
  const device = namespace.addresses.find((one) => one.address === packet.destination)?.dev ?? 'lo';
  if (device === IPVS_DEVICE)
    return {
      kind: 'process',
      netns,
      why: `${packet.destination} is on ${IPVS_DEVICE} of ${name}: ip_vs chooses the endpoint, and its table is not read (\`ipvsadm -Ln\` shows it)`,
    };
  const passed = chain(
    { ...packet, destinationLocal: true, in: by?.dev ?? 'lo', out: null },
    (now) => passFilters(walk, trail, netns, 'input', now),
    // What the namespace sent itself is turned back before its process sees it.
    (now) => (now.state === 'established' ? translate(walk, trail, netns, 'postrouting', now, null) : { packet: now }),
  );
  if (!('packet' in passed)) return stopped(netns, passed);
  trail.add({
    kind: 'arrival',
    netns,
    says: `it has arrived: ${textOf(packet.destination, packet.destinationPort)}, from ${textOf(passed.packet.source, passed.packet.sourcePort)}`,
    state: `${packet.destination} dev ${device}`,
    argv: ['ip', 'addr', 'show', device],
    counter: by === null ? null : { kind: 'received', netns, dev: by.dev },
  });
  return { kind: 'arrives', netns, packet: passed.packet };
}

/** The MAC of the next hop: as it is known, or as it would be answered. */
function neighbour(walk: Walk, trail: Trail, at: Device, address: string, packet: Walker): string | Lost {
  const { world } = walk;
  const { netns, dev } = at;
  const argv = ipArgv(packet.family, 'neigh', 'show', address, 'dev', dev);
  const entry = namespaceOf(world.view, netns)?.neighbours.find((one) => one.dev === dev && one.address === address);
  if (entry !== undefined && entry.mac !== '' && !UNRESOLVED.has(entry.state)) {
    trail.add({ kind: 'neighbour', netns, argv, says: `${address} is at ${entry.mac}`, state: neighbourText(entry) });
    return entry.mac;
  }
  const answer = answering(walk, trail, at, address, packet);
  const asks = packet.family === 'ipv4' ? 'ARP' : 'neighbour discovery';
  if (answer !== null && 'lost' in answer) return answer;
  if (answer !== null) {
    trail.add({
      kind: 'neighbour',
      netns,
      argv,
      says: `${address} is not resolved yet: ${asks} asks, and ${placeName(world, answer.netns)} answers with ${answer.mac}`,
    });
    return answer.mac;
  }
  const why = `nobody answers for ${address} on ${dev} of ${placeName(world, netns)}`;
  trail.add({ kind: 'loss', netns, argv, says: why, state: entry === undefined ? '' : neighbourText(entry), cause: { name: 'next-hop-silent' } });
  return { lost: why };
}

/** Who has the address and is reached without a route, or answers for others (proxy_arp). */
function answering(walk: Walk, trail: Trail, at: Device, address: string, packet: Walker): { readonly netns: string; readonly mac: string } | Lost | null {
  const { world } = walk;
  const end = otherEnd(world, at);
  if (end?.kind === 'device') {
    const { sysctls = {} } = namespaceOf(world.view, end.at.netns) ?? {};
    const proxies = [`net/ipv4/conf/${end.at.dev}/proxy_arp`, 'net/ipv4/conf/all/proxy_arp', `net/ipv6/conf/${end.at.dev}/proxy_ndp`].some(
      (key) => sysctls[key] === '1',
    );
    const mac = linkOf(world, end.at)?.mac;
    if (proxies && mac !== undefined) return { netns: end.at.netns, mac };
  }
  if (end?.kind === 'segment') {
    const router = balancerRouter(world, at, end.name, address, packet.family);
    if (router !== null) return router;
  }
  let unread: Lost | null = null;
  for (const { netns, addresses, links } of Object.values(world.view.snapshot.namespaces)) {
    if (netns === at.netns || !addresses.some((one) => one.address === address)) continue;
    for (const { mac, name } of links) {
      if (name === 'lo' || mac === '') continue;
      const reached = leave(walk, trail.branch(), at, { mac, packet, quiet: true });
      if (!('lost' in reached) && reached.at.netns === netns) return { netns, mac };
      if ('lost' in reached && reached.unread === true) unread ??= reached;
    }
  }
  return unread;
}

/** No machine has the address of a load balancer: a router answers for it (`ip neigh add proxy`) as long as it has a way there by another device. */
function balancerRouter(world: World, at: Device, segment: string, address: string, family: Family): { readonly netns: string; readonly mac: string } | null {
  const { clusters, machines } = world.view.plan;
  if (!clusters.some((cluster) => cluster.services.some((service) => service.loadBalancerIPs.includes(address)))) return null;
  for (const { netns, dev } of onSegment(world, segment, at)) {
    const namespace = namespaceOf(world.view, netns);
    const mac = linkOf(world, { netns, dev })?.mac;
    if (namespace === undefined || mac === undefined || !machines.some((machine) => machine.netns === netns && machine.forwarding)) continue;
    const way = lookupRoute(namespace, family, address);
    if (way !== null && way.dev !== dev) return { netns, mac };
  }
  return null;
}

function chain(packet: Walker, ...steps: readonly ((packet: Walker) => Passed)[]): Passed {
  return steps.reduce<Passed>((now, step) => ('packet' in now ? step(now.packet) : now), { packet });
}

function stuck(netns: string, { lost, unread }: Lost): Turn {
  return { kind: unread === true ? 'process' : 'lost', netns, why: lost };
}

function stopped(netns: string, passed: Exclude<Passed, { readonly packet: Walker }>): Turn {
  return 'lost' in passed ? { kind: 'lost', netns, why: passed.lost } : { kind: 'process', netns, why: passed.process };
}

/** The first address of the device that the route leaves by (RFC 1122 section 3.3.4.3 leaves the choice to the host). */
function sourceBy(namespace: NamespaceSnapshot, found: RouteSnapshot | null, { family, destination }: Walker): string {
  if (found === null) return destination;
  const usable = namespace.addresses.filter((one) => one.family === family && !one.address.startsWith('fe80:') && one.dev !== 'lo');
  return (usable.find((one) => one.dev === found.dev) ?? usable[0])?.address ?? '';
}

function noRoute({ world }: Walk, trail: Trail, netns: string, { family, destination }: Walker): Turn {
  const planned = plannedRoute(world, netns, family, destination);
  return lose(trail, netns, `${placeName(world, netns)} has no route to ${destination}`, {
    argv: ipArgv(family, 'route'),
    cause: { name: 'no-route', ...(planned === null ? {} : { mend: ipArgv(family, 'route', 'replace', ...routeWords(planned)) }) },
  });
}

/** The route of the plan that would take it there; null where the plan has none, or BIRD is to learn it. */
function plannedRoute({ view }: World, netns: string, family: Family, destination: string): RoutePlan | null {
  const covering = (machineOf(view, netns)?.routes ?? []).flatMap((route) => {
    const range = route.family === family && route.type === 'unicast' && route.origin === 'static' ? destinationOf(route) : null;
    return range !== null && cidrContains(range, destination) ? [{ route, length: range.prefixLength }] : [];
  });
  return covering.toSorted((a, b) => b.length - a.length)[0]?.route ?? null;
}

function lose(trail: Trail, netns: string, why: string, how: { readonly argv: readonly string[]; readonly state?: string; readonly cause: Cause }): Turn {
  trail.add({ kind: 'loss', netns, says: why, ...how });
  return { kind: 'lost', netns, why };
}

function neighbourText({ address, dev, mac, state }: NeighbourSnapshot): string {
  return [address, 'dev', dev, ...(mac === '' ? [] : ['lladdr', mac]), state.toUpperCase()].join(' ');
}
