/** One Ethernet frame from the device it leaves by to the device that takes it in: veth pairs, cables, bridges, tunnels. Pure. */
import type { FdbSnapshot, NamespaceSnapshot } from '../../engines/port.ts';
import { namespaceOf } from '../inventory/lab-view.ts';
import { type Lost, passFilters, translate, type Walk, type Walker } from './netfilter.ts';
import { carry } from './tun.ts';
import type { Cause, Trail } from './trail.ts';
import { type Device, linkOf, onSegment, otherEnd, placeName, switchEntry } from './world.ts';

export interface Frame {
  /** Destination. */
  readonly mac: string;
  readonly packet: Walker;
  /** For finding out who would answer: no rules, no counters. */
  readonly quiet?: boolean;
}

/** `port`: of the bridge that took it in; null where it came by none. */
export type Reached = { readonly at: Device; readonly port: string | null; readonly packet: Walker } | Lost;

const FLOOD = '00:00:00:00:00:00';
/** Switches and tunnels one behind the other. */
const DEEPEST = 12;

export function leave(walk: Walk, trail: Trail, at: Device, frame: Frame, depth = 0): Reached {
  const { world } = walk;
  const link = linkOf(world, at);
  const where = `${at.dev} of ${placeName(world, at.netns)}`;
  if (link === undefined) return { lost: `there is no ${where}` };
  if (depth > DEEPEST) return { lost: `the frame goes in circles at ${where}` };
  if (!link.up) return lose(trail, at, `${where} is down`, ['ip', 'link', 'show', at.dev], isDown(at));
  if (link.kind === 'bridge') return switchFrame(walk, trail, at, null, frame, depth);
  if (link.kind === 'vxlan') return encapsulate(walk, trail, at, frame, depth);
  if (link.kind === 'tun') return carry(walk, trail, at, frame);
  const end = otherEnd(world, at);
  if (end === null) return { lost: `where ${where} leads was not read`, unread: true };
  const counter = { kind: 'sent', netns: at.netns, dev: at.dev } as const;
  if (end.kind === 'device') {
    trail.add({
      counter,
      kind: 'device',
      netns: at.netns,
      says: `it leaves by ${at.dev}, whose other end is ${end.at.dev} of ${placeName(world, end.at.netns)}`,
      state: `${at.dev}: ${link.kind} ${link.mac} mtu ${link.mtu}${link.peer === undefined ? '' : ` peer index ${link.peer}`}`,
      argv: ['ip', '-d', 'link', 'show', at.dev],
    });
    return enter(walk, trail, end.at, frame, depth);
  }
  const [target] = onSegment(world, end.name, at).filter((one) => {
    const other = linkOf(world, one);
    return other?.mac === frame.mac && other.up;
  });
  const entry = switchEntry(world, end.bridge, frame.mac);
  trail.add({
    counter,
    kind: 'device',
    netns: at.netns,
    says: `it leaves by ${at.dev}, the cable to the switch of segment ${end.name}${target === undefined ? '' : `, which passes it to ${target.dev} of ${placeName(world, target.netns)}`}`,
    state: entry === '' ? `${at.dev}: ${link.kind} ${link.mac} mtu ${link.mtu}` : entry,
    argv: ['ip', '-s', 'link', 'show', at.dev],
  });
  if (target === undefined)
    return lose(trail, at, `nobody on segment ${end.name} has the MAC ${frame.mac}`, ['ip', 'neigh', 'show', 'dev', at.dev], { name: 'stale-neighbour' });
  return enter(walk, trail, target, frame, depth);
}

function enter(walk: Walk, trail: Trail, at: Device, frame: Frame, depth: number): Reached {
  const { world } = walk;
  const link = linkOf(world, at);
  const where = `${at.dev} of ${placeName(world, at.netns)}`;
  if (link === undefined) return { lost: `there is no ${where}` };
  if (!link.up) return lose(trail, at, `${where} is down`, ['ip', 'link', 'show', at.dev], isDown(at));
  if (link.master !== null) return switchFrame(walk, trail, { netns: at.netns, dev: link.master }, at.dev, frame, depth);
  if (link.mac !== frame.mac)
    return lose(trail, at, `${where} has the MAC ${link.mac}, the frame is for ${frame.mac}: it is dropped`, ['ip', 'link', 'show', at.dev], {
      name: 'stale-neighbour',
    });
  return { at, port: null, packet: frame.packet };
}

/** @param port the port it comes in by; null: from the bridge itself */
function switchFrame(walk: Walk, trail: Trail, bridge: Device, port: string | null, frame: Frame, depth: number): Reached {
  const { world } = walk;
  const namespace = namespaceOf(world.view, bridge.netns);
  const link = linkOf(world, bridge);
  const where = `${bridge.dev} of ${placeName(world, bridge.netns)}`;
  if (namespace === undefined || link === undefined) return { lost: `there is no ${where}` };
  if (!link.up) return lose(trail, bridge, `${where} is down`, ['ip', 'link', 'show', bridge.dev], isDown(bridge));
  const ports = namespace.links.filter((one) => one.master === bridge.dev);
  if (frame.mac === link.mac || ports.some((one) => one.mac === frame.mac)) {
    trail.add({
      kind: 'bridge',
      netns: bridge.netns,
      says: `the frame is for the bridge itself: ${bridge.dev} takes it in`,
      state: `${bridge.dev}: bridge ${link.mac} mtu ${link.mtu}`,
      argv: ['ip', '-d', 'link', 'show', bridge.dev],
    });
    return { at: bridge, port, packet: frame.packet };
  }
  const bridged = port === null || frame.quiet === true ? { packet: frame.packet } : passBridge(walk, trail, namespace, bridge, frame.packet);
  if (!('packet' in bridged)) return 'lost' in bridged ? bridged : { lost: bridged.process, unread: true };
  const next = { ...frame, packet: bridged.packet };
  const entry = namespace.fdb.find((one) => one.mac === frame.mac && one.dst === null && ports.some((has) => has.name === one.dev));
  if (entry !== undefined) {
    const hairpin = entry.dev === port && ports.find((one) => one.name === port)?.hairpin === false;
    if (hairpin)
      return lose(trail, bridge, `${bridge.dev} would send it back by ${port}, by which it came, and hairpin is off there`, ['bridge', '-d', 'link', 'show']);
    trail.add({
      kind: 'bridge',
      netns: bridge.netns,
      says: `${bridge.dev} switches it: ${frame.mac} is behind ${entry.dev}`,
      state: fdbText(entry, bridge.dev),
      argv: ['bridge', 'fdb', 'show', 'br', bridge.dev],
    });
    return leave(walk, trail, { netns: bridge.netns, dev: entry.dev }, next, depth + 1);
  }
  // Not learned: out of every other port, and where nobody has the MAC it comes to nothing.
  let unread: Lost | null = null;
  for (const one of ports) {
    if (one.name === port && one.hairpin !== true) continue;
    const tried = trail.branch();
    const reached = leave(walk, tried, { netns: bridge.netns, dev: one.name }, next, depth + 1);
    if ('lost' in reached) {
      if (reached.unread === true) unread ??= reached;
      continue;
    }
    trail.add({
      kind: 'bridge',
      netns: bridge.netns,
      says: `${bridge.dev} has not learned ${frame.mac}: it floods, and ${one.name} is where it is`,
      argv: ['bridge', 'fdb', 'show', 'br', bridge.dev],
    });
    trail.keep(tried);
    return reached;
  }
  if (unread !== null) return unread;
  const own = ports.some((one) => one.name === port && one.hairpin === false);
  return lose(trail, bridge, `behind no ${own ? 'other ' : ''}port of ${where} somebody with the MAC ${frame.mac} is reached`, [
    'bridge',
    'fdb',
    'show',
    'br',
    bridge.dev,
  ]);
}

/** With br_netfilter the packet filter sees what is bridged as well (net.bridge.bridge-nf-call-iptables). */
function passBridge(walk: Walk, trail: Trail, namespace: NamespaceSnapshot, { netns, dev }: Device, packet: Walker): ReturnType<typeof passFilters> {
  if (!callsFilters(namespace, packet)) return { packet };
  const seen = { ...packet, in: dev, out: dev, sourceLocal: false, destinationLocal: false };
  let now = passFilters(walk, trail, netns, 'prerouting', seen);
  if ('packet' in now) now = translate(walk, trail, netns, 'prerouting', now.packet, null);
  if ('packet' in now) now = passFilters(walk, trail, netns, 'forward', now.packet);
  if ('packet' in now) now = passFilters(walk, trail, netns, 'postrouting', now.packet);
  if ('packet' in now) now = translate(walk, trail, netns, 'postrouting', now.packet, null);
  return now;
}

/** Does the packet filter see what bridges of the namespace pass on? */
export function callsFilters({ sysctls }: NamespaceSnapshot, { family }: Walker): boolean {
  return sysctls[`net/bridge/bridge-nf-call-${family === 'ipv4' ? 'iptables' : 'ip6tables'}`] === '1';
}

/** RFC 7348: by the forwarding entry of the MAC, else to everybody that the flood entries name. */
function encapsulate(walk: Walk, trail: Trail, at: Device, frame: Frame, depth: number): Reached {
  const { world } = walk;
  const namespace = namespaceOf(world.view, at.netns);
  const vxlan = linkOf(world, at)?.vxlan;
  const show = ['bridge', 'fdb', 'show', 'dev', at.dev];
  if (namespace === undefined || vxlan === null || vxlan === undefined) return { lost: `${at.dev} of ${placeName(world, at.netns)} is no VXLAN device` };
  const entries = namespace.fdb.filter((one) => one.dev === at.dev && one.dst !== null);
  const known = entries.filter((one) => one.mac === frame.mac);
  const chosen = known.length > 0 ? known : entries.filter((one) => one.mac === FLOOD);
  const failures: Lost[] = [];
  for (const entry of chosen) {
    const tried = chosen.length === 1 ? trail : trail.branch();
    const dst = entry.dst ?? '';
    tried.add({
      kind: 'tunnel',
      netns: at.netns,
      says: `${at.dev} wraps it${known.length > 0 ? '' : ` (${frame.mac} is not learned: to every peer, this one has it)`}: ${vxlan.local} to ${dst}, UDP port ${vxlan.port}, VNI ${vxlan.vni}`,
      state: fdbText(entry, null),
      argv: show,
      counter: { kind: 'sent', netns: at.netns, dev: at.dev },
    });
    const reached = unwrap(walk, tried, at, frame, dst, vxlan, depth);
    if (!('lost' in reached)) {
      if (tried !== trail) trail.keep(tried);
      return reached;
    }
    failures.push(reached);
  }
  if (chosen.length === 1) return failures[0] ?? { lost: '' };
  return lose(
    trail,
    at,
    chosen.length === 0
      ? `${at.dev} has no forwarding entry for ${frame.mac}: the frame is dropped`
      : `none of the ${chosen.length} peers of ${at.dev} has ${frame.mac}`,
    show,
  );
}

type Vxlan = { readonly vni: number; readonly port: number; readonly local: string };

function unwrap(walk: Walk, trail: Trail, at: Device, frame: Frame, dst: string, vxlan: Vxlan, depth: number): Reached {
  const { world } = walk;
  const outer = walk.outer(walk, trail, at.netns, { source: vxlan.local, destination: dst, port: vxlan.port }, frame.quiet === true);
  if ('lost' in outer) return outer;
  const there = namespaceOf(world.view, outer.netns);
  const name = placeName(world, outer.netns);
  const device = there?.links.find((one) => one.vxlan?.vni === vxlan.vni && one.vxlan.port === vxlan.port && one.up);
  if (device === undefined) {
    const others = (there?.links ?? []).flatMap((one) => (one.vxlan === null ? [] : [`${one.name} has VNI ${one.vxlan.vni}, port ${one.vxlan.port}`]));
    return lose(
      trail,
      { netns: outer.netns, dev: '' },
      `${name} has no device of VNI ${vxlan.vni} at port ${vxlan.port}${others.length === 0 ? '' : ` (${others.join(', ')})`}`,
      ['ip', '-d', 'link', 'show', 'type', 'vxlan'],
    );
  }
  trail.add({
    kind: 'tunnel',
    netns: outer.netns,
    says: `${device.name} unwraps it: VNI ${vxlan.vni}`,
    state: `${device.name}: vxlan id ${vxlan.vni} local ${device.vxlan?.local ?? ''} dstport ${vxlan.port} ${device.mac}`,
    argv: ['ip', '-d', 'link', 'show', device.name],
    counter: { kind: 'received', netns: outer.netns, dev: device.name },
  });
  return enter(walk, trail, { netns: outer.netns, dev: device.name }, frame, depth + 1);
}

function isDown({ dev }: Device): Cause {
  return { name: 'link-down', mend: ['ip', 'link', 'set', dev, 'up'] };
}

function lose(trail: Trail, { netns }: Device, why: string, argv: readonly string[], cause?: Cause): Reached {
  trail.add({ kind: 'loss', netns, says: why, argv, ...(cause === undefined ? {} : { cause }) });
  return { lost: why };
}

/** As `bridge fdb show` writes it. */
function fdbText({ mac, dev, dst, permanent }: FdbSnapshot, bridge: string | null): string {
  return [
    mac,
    'dev',
    dev,
    ...(dst === null ? [] : ['dst', dst, 'self']),
    ...(bridge === null ? [] : ['master', bridge]),
    ...(permanent ? ['permanent'] : []),
  ].join(' ');
}
