/** The state of all kernels of a lab as one network: places by name, and what is at the other end of a device. Pure. */
import type { LinkSnapshot, NamespaceSnapshot } from '../../engines/port.ts';
import { FABRIC_NETNS, type MachinePlan } from '../../topology/plan.ts';
import { containersOf, ownsNetns } from '../../topology/docker/places.ts';
import { execCommand, execInPod, type LabView, namespaceOf } from '../inventory/lab-view.ts';
import { lookupRoute } from '../inventory/route-lookup.ts';
import { ruleSets } from '../inventory/rule-sets.ts';
import type { FilterChain } from '../inventory/packet-filter.ts';

/** A device of a namespace. */
export interface Device {
  readonly netns: string;
  readonly dev: string;
}

/** A pod or a container with a network of its own, on a machine. */
export interface Guest {
  readonly id: string;
  readonly netns: string;
  /** Namespace of its machine. */
  readonly machine: string;
  /** The machine's end of its cable, by the plan; null: named by a plugin, or there is none. */
  readonly hostName: string | null;
}

export interface World {
  readonly view: LabView;
  /** By their namespaces. */
  readonly guests: ReadonlyMap<string, Guest>;
  readonly rulesOf: (netns: string) => readonly FilterChain[];
}

export function worldOfView(view: LabView): World {
  const guests = [...podGuests(view), ...containerGuests(view)];
  return { view, guests: new Map(guests.map((guest) => [guest.netns, guest])), rulesOf: ruleSets(view) };
}

function podGuests({ nodes, pods }: LabView): readonly Guest[] {
  return pods
    .filter((pod) => !pod.hostNetwork)
    .flatMap((pod) =>
      nodes
        .filter((node) => node.cluster === pod.cluster && node.name === pod.node)
        .map((node) => ({ id: pod.id, netns: pod.netns, machine: node.netns, hostName: pod.interface?.hostName ?? null })),
    );
}

function containerGuests({ plan }: LabView): readonly Guest[] {
  return containersOf(plan)
    .filter(ownsNetns)
    .flatMap(({ id, netns, host, interface: face }) =>
      plan.machines.filter(({ name }) => name === host).map((machine) => ({ id, netns, machine: machine.netns, hostName: face?.hostName ?? null })),
    );
}

/** The name that people know a namespace by. */
export function placeName({ view, guests }: World, netns: string): string {
  return guests.get(netns)?.id ?? machineOf(view, netns)?.name ?? netns;
}

/** `cnilab exec LAB PLACE -- argv`. */
export function commandAt({ view, guests }: World, netns: string, argv: readonly string[]): string {
  const guest = guests.get(netns);
  if (guest !== undefined) return execInPod(view, guest, argv);
  const machine = machineOf(view, netns);
  return machine === undefined ? ['cnilab', 'exec', view.plan.name, netns, '--', ...argv].join(' ') : execCommand(view, machine, argv);
}

export function machineOf(view: LabView, netns: string): MachinePlan | undefined {
  return [...view.nodes, ...view.plan.machines].find((one) => one.netns === netns);
}

export function linkOf({ view }: World, { netns, dev }: Device): LinkSnapshot | undefined {
  return namespaceOf(view, netns)?.links.find((one) => one.name === dev);
}

/** Is the address one of the namespace's own? */
export function isLocal(namespace: NamespaceSnapshot, address: string): boolean {
  return address.startsWith('127.') || address === '::1' || namespace.addresses.some((one) => one.address === address);
}

/** What a device leads to: the other end of a veth pair, the machines of a segment by its switch, or nothing that was read. */
export type OtherEnd = { readonly kind: 'device'; readonly at: Device } | { readonly kind: 'segment'; readonly name: string; readonly bridge: string } | null;

export function otherEnd(world: World, at: Device): OtherEnd {
  const { view } = world;
  const cable = machineOf(view, at.netns)?.interfaces.find((one) => one.name === at.dev);
  if (cable !== undefined) {
    const segment = view.plan.segments.find((one) => one.name === cable.segment);
    return { kind: 'segment', name: cable.segment, bridge: segment?.bridge ?? '' };
  }
  const end = guestEnd(world, at) ?? pairEnd(world, at);
  return end === null ? null : { kind: 'device', at: end };
}

/** Between a pod or container and its machine, seen from either side. */
function guestEnd(world: World, at: Device): Device | null {
  const { view, guests } = world;
  const guest = guests.get(at.netns);
  if (guest !== undefined) {
    const dev = hostEnd(world, guest, at);
    return dev === null ? null : { netns: guest.machine, dev };
  }
  for (const one of guests.values()) {
    if (one.machine !== at.netns) continue;
    const link = namespaceOf(view, one.netns)?.links.find(
      ({ kind, name }) => kind === 'veth' && hostEnd(world, one, { netns: one.netns, dev: name }) === at.dev,
    );
    if (link !== undefined) return { netns: one.netns, dev: link.name };
  }
  return null;
}

/** Of a veth pair that somebody laid by hand: both ends know each other's index. Null where two pairs could be meant. */
function pairEnd(world: World, at: Device): Device | null {
  const { view } = world;
  const link = linkOf(world, at);
  if (link?.kind !== 'veth' || link.peer === undefined) return null;
  const found = Object.values(view.snapshot.namespaces)
    .filter(({ netns }) => netns !== FABRIC_NETNS)
    .flatMap(({ netns, links }) =>
      links
        .filter((one) => one.kind === 'veth' && one.index === link.peer && one.peer === link.index && !(netns === at.netns && one.name === at.dev))
        .filter(({ name }) => machineOf(view, netns)?.interfaces.some((has) => has.name === name) !== true)
        .map(({ name }) => ({ netns, dev: name })),
    );
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** The machine's end of a guest's device: by the kernel's index of it; where that was not told, by the plan's name, or by the route or forwarding entry that leads there. */
function hostEnd({ view }: World, guest: Guest, { netns, dev }: Device): string | null {
  const [inside, outside] = [namespaceOf(view, netns), namespaceOf(view, guest.machine)];
  const link = inside?.links.find((one) => one.name === dev);
  if (inside === undefined || outside === undefined || link === undefined) return null;
  if (link.peer !== undefined)
    return outside.links.find((one) => one.kind === 'veth' && one.index === link.peer && (one.peer ?? link.index) === link.index)?.name ?? null;
  const { hostName } = guest;
  if (hostName !== null && outside.links.some((one) => one.name === hostName)) return hostName;
  const learned = outside.fdb.find((one) => one.mac === link.mac && one.dst === null && !one.permanent)?.dev;
  const routed = inside.addresses.filter((one) => one.dev === dev).map((one) => lookupRoute(outside, one.family, one.address));
  return learned ?? routed.find((route) => outside.links.some((one) => one.name === route?.dev && one.kind === 'veth'))?.dev ?? null;
}

/** The devices at the switch of a segment, but for the one that asks. */
export function onSegment({ view }: World, segment: string, asking: Device): readonly Device[] {
  return [...view.nodes, ...view.plan.machines].flatMap((machine) =>
    machine.interfaces
      .filter((one) => one.segment === segment && !(machine.netns === asking.netns && one.name === asking.dev))
      .map((one) => ({ netns: machine.netns, dev: one.name })),
  );
}

/** Where a switch of the lab has learned a MAC: the line of its table; ''. */
export function switchEntry({ view }: World, bridge: string, mac: string): string {
  const fabric = namespaceOf(view, FABRIC_NETNS);
  const entry = fabric?.fdb.find((one) => one.mac === mac && fabric.links.some((link) => link.name === one.dev && link.master === bridge));
  return entry === undefined ? '' : `${mac} dev ${entry.dev} master ${bridge}`;
}
