/**
 * Worlds in the real kernel: pods of node n1 | n1 | n2 | pods of node n2, four network namespaces on a string. The tables of many worlds stand in the two nodes
 * at once; the first packet of every connection is injected behind its sender and looked for behind its receiver. Runs in namespaces of its own, made by
 * `unshare -nm` (see `scripts/policy-worlds.ts`), on one processor: then whatever was sent before a packet that has arrived has arrived or never will.
 */
import { spawnSync } from 'node:child_process';
import { applyDelta } from '../../engines/netns/agent/apply.ts';
import { linkIndex, netns } from '../../engines/netns/agent/namespaces.ts';
import { socketAddressOf } from '../../engines/netns/agent/probe-address.ts';
import { bind, connect, errno, inNamespace, recv, send, setsockopt, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, socket } from '../../engines/netns/agent/sys.ts';
import type { Op } from '../../engines/netns/ops.ts';
import { namespaceSysctls } from '../../engines/netns/compile-sysctls.ts';
import { policyTable } from '../../engines/netns/policy/table.ts';
import { evaluatePolicies, type Flow } from '../../topology/policy/evaluate.ts';
import { macFor } from '../../topology/names.ts';
import type { Family, KubernetesObject } from '../../topology/spec.ts';
import { idOfPacket, idOfSegment, ipPacket, PROTOCOL_NUMBERS, type Packet } from './packets.ts';
import { NODE_ADDRESSES, NODES, type PlacedEnd, type PlacedWorld } from './world.ts';

/** A connection for which policies and packet filter disagree. */
export interface Disagreement {
  readonly world: number;
  readonly flow: Flow;
  readonly source: string;
  readonly destination: string;
  /** What the evaluator says, and what became of the packet. A reply must always come back. */
  readonly expected: 'through' | 'dropped' | 'replied';
  readonly seen: 'through' | 'dropped' | 'silent';
  readonly policies: readonly KubernetesObject[];
}

export interface Tally {
  readonly flows: number;
  readonly allowed: number;
  readonly replies: number;
  readonly disagreements: readonly Disagreement[];
}

const FAMILIES = ['ipv4', 'ipv6'] as const;
/** Ethernet II. */
const ETHERTYPES = { ipv4: 0x0800, ipv6: 0x86dd } as const;
const AF_PACKET = 17;
const SOL_PACKET = 263;
const PACKET_IGNORE_OUTGOING = 23;
const ETH_P_ALL = 3;
const IPPROTO_RAW = 255;
/** Link addresses of next hops. Nobody has them: neighbours are written by hand. */
const HOP = { ipv4: '169.254.9.9', ipv6: 'fe80::9' } as const;

interface Cable {
  readonly a: readonly [ns: string, dev: string];
  readonly b: readonly [ns: string, dev: string];
}
const CABLES: readonly Cable[] = [
  { a: ['left', 'wire'], b: ['n1', 'pods'] },
  { a: ['n1', 'peer'], b: ['n2', 'peer'] },
  { a: ['right', 'wire'], b: ['n2', 'pods'] },
];
/** What lies in which direction, seen from node n1 and node n2. */
const ROUTES: readonly (readonly [node: string, dev: string, to: readonly string[]])[] = [
  ['n1', 'pods', ['10.0.0.0/9', '203.0.113.0/24', 'fd01::/16', '2001:db8::/32']],
  ['n1', 'peer', ['10.128.0.0/9', 'fd02::/16', '172.30.0.2/32', 'fd00:30::2/128']],
  ['n2', 'pods', ['10.128.0.0/9', 'fd02::/16']],
  ['n2', 'peer', ['10.0.0.0/9', '203.0.113.0/24', 'fd01::/16', '2001:db8::/32', '172.30.0.1/32', 'fd00:30::1/128']],
];

const mac = ([ns, dev]: readonly [string, string]): string => macFor(`${ns} ${dev}`);
const otherEnd = (ns: string, dev: string): readonly [string, string] => {
  const cable = CABLES.find(({ a, b }) => (a[0] === ns && a[1] === dev) || (b[0] === ns && b[1] === dev));
  if (cable === undefined) throw new Error(`no cable at ${ns} ${dev}`);
  return cable.a[0] === ns && cable.a[1] === dev ? cable.b : cable.a;
};

function buildOps(): readonly Op[] {
  const wire = { forwarding: false, ipv6: false, bridgedFramesFiltered: true };
  const kernel = { rootless: true, ipv6: true, bridgeNetfilter: false };
  const spaces = ['left', 'n1', 'n2', 'right'].map((ns) => ({ ns, node: (NODES as readonly string[]).includes(ns) }));
  return [
    ...spaces.flatMap(({ ns, node }): Op[] => [{ op: 'netns', ns }, ...namespaceSysctls(ns, node ? { ...wire, forwarding: true, ipv6: true } : wire, kernel)]),
    ...CABLES.map(
      ({ a, b }): Op => ({
        op: 'veth',
        ns: b[0],
        name: b[1],
        mac: mac(b),
        mtu: 1500,
        master: null,
        hairpin: false,
        peer: { ns: a[0], name: a[1], mac: mac(a), mtu: 1500 },
      }),
    ),
    ...NODES.flatMap((ns, i): Op[] =>
      FAMILIES.map((family) => ({ op: 'address', ns, dev: 'peer', address: NODE_ADDRESSES[i]?.[family] ?? '', prefixLength: family === 'ipv4' ? 32 : 128 })),
    ),
    ...ROUTES.flatMap(([ns, dev, destinations]): Op[] => [
      ...FAMILIES.map((family): Op => ({ op: 'neigh', ns, dev, address: HOP[family], mac: mac(otherEnd(ns, dev)) })),
      ...destinations.map((to): Op => ({ op: 'route', ns, to, via: HOP[to.includes(':') ? 'ipv6' : 'ipv4'], dev, onlink: true, type: 'unicast' })),
    ]),
  ];
}

/** Sends and sees frames at the end of a cable. */
interface Wire {
  readonly socket: number;
  readonly header: Readonly<Record<Family, Buffer>>;
}

function openWire(ns: string): Wire {
  const space = netns(ns);
  const fd = inNamespace(space.fd, () => socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // struct sockaddr_ll {family, protocol, ifindex, …}
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ETH_P_ALL, 2);
  address.writeInt32LE(linkIndex(space, 'wire'), 4);
  if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, Buffer.from([1, 0, 0, 0]), 4) !== 0 || bind(fd, address, 20) !== 0)
    throw new Error(`no packet socket in ${ns}: errno ${errno()}`);
  const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');
  const header = (type: number): Buffer => Buffer.concat([bytes(mac(otherEnd(ns, 'wire'))), bytes(mac([ns, 'wire'])), Buffer.from([type >> 8, type & 0xff])]);
  return { socket: fd, header: { ipv4: header(ETHERTYPES.ipv4), ipv6: header(ETHERTYPES.ipv6) } };
}

/** Sends as a node itself, and sees what is delivered to it. */
interface Host {
  readonly out: Readonly<Record<Family, number>>;
  readonly in: readonly { readonly socket: number; readonly family: Family; readonly protocol: number }[];
}

function openHost(ns: string): Host {
  const open = (family: Family, protocol: number): number => {
    const fd = inNamespace(netns(ns).fd, () => socket(family === 'ipv4' ? 2 : 10, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (fd < 0) throw new Error(`no raw socket in ${ns}: errno ${errno()}`);
    return fd;
  };
  return {
    out: { ipv4: open('ipv4', IPPROTO_RAW), ipv6: open('ipv6', IPPROTO_RAW) },
    in: FAMILIES.flatMap((family) => PROTOCOL_NUMBERS.map((protocol) => ({ socket: open(family, protocol), family, protocol }))),
  };
}

function load(ns: string, text: string): void {
  const { status, stderr } = inNamespace(netns(ns).fd, () => spawnSync('nft', ['-f', '-'], { input: text, encoding: 'utf8' }));
  if (status !== 0) throw new Error(`nft refuses the tables of ${ns}: ${stderr.slice(0, 2000)}`);
}

export interface WorldKernel {
  /** Puts the tables of these worlds in the place of those before, and tries every connection of each. A world must stand at the place of its index. */
  check(worlds: readonly PlacedWorld[]): Tally;
}

const DRAIN_EVERY = 16;

export async function openKernel(): Promise<WorldKernel> {
  await applyDelta({ undo: [], stages: [{ name: 'worlds', title: 'worlds', ops: buildOps() }] }, () => {});
  // Segments carry no checksums, and entries of earlier worlds must not be met again.
  const tracking = ['checksum=0', 'udp_timeout=2', 'tcp_timeout_syn_sent=2', 'sctp_timeout_cookie_wait=2'];
  for (const node of NODES) {
    load(node, 'table inet t { chain c { type filter hook forward priority 0; ct state new accept; }; }\n');
    inNamespace(netns(node).fd, () => {
      const { status, stderr } = spawnSync('sysctl', ['-qw', ...tracking.map((setting) => `net.netfilter.nf_conntrack_${setting}`)], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`sysctl: ${stderr}`);
    });
  }
  const wires = [openWire('left'), openWire('right')] as const;
  const hosts = NODES.map(openHost);
  const buffer = Buffer.alloc(2048);
  const arrived = new Map<number, string>();
  let next = 1;
  let nextPort = 1024;

  const inject = (packet: Packet, { side, isNode }: PlacedEnd): void => {
    const bytes = ipPacket(packet);
    const wire = wires[side];
    if (!isNode) {
      const frame = Buffer.concat([wire.header[packet.family], bytes]);
      if (send(wire.socket, frame, frame.length, 0) < 0) throw new Error(`send: errno ${errno()}`);
      return;
    }
    const fd = hosts[side]?.out[packet.family] ?? -1;
    const to = socketAddressOf(packet.family, packet.destination, 0);
    // Refused with EPERM where an output rule drops it; there is none here.
    if (connect(fd, to.bytes, to.size) !== 0 || send(fd, bytes, bytes.length, 0) < 0) throw new Error(`send as node: errno ${errno()}`);
  };
  const take = (fd: number, where: string, idOf: (bytes: Buffer) => number): void => {
    for (;;) {
      const length = recv(fd, buffer, buffer.length, 0);
      if (length < 0) return;
      const id = idOf(buffer.subarray(0, length));
      if (id > 0) arrived.set(id, where);
    }
  };
  const drain = (): void => {
    wires.forEach((wire, side) => take(wire.socket, `wire ${side}`, (frame) => idOfPacket(frame.subarray(14))));
    hosts.forEach((host, side) => {
      // A raw IPv4 socket is given the IP header, an IPv6 one is not.
      for (const { socket: fd, family, protocol } of host.in)
        take(fd, `node ${side}`, family === 'ipv4' ? idOfPacket : (segment) => idOfSegment(protocol, segment));
    });
  };
  const placeOf = ({ side, isNode }: PlacedEnd): string => `${isNode ? 'node' : 'wire'} ${side}`;
  const number = (): number => (next = (next % 0x7fff_ffff) + 1);
  const sourcePort = (): number => (nextPort = nextPort >= 65_535 ? 1024 : nextPort + 1);

  /** Sends them all, and says which arrived where they should. */
  const sendAll = (list: readonly { readonly packet: Packet; readonly from: PlacedEnd; readonly to: PlacedEnd }[]): readonly boolean[] => {
    arrived.clear();
    list.forEach(({ packet, from }, i) => {
      inject(packet, from);
      if (i % DRAIN_EVERY === DRAIN_EVERY - 1) drain();
    });
    sentinel();
    return list.map(({ packet, to }) => arrived.get(packet.id) === placeOf(to));
  };

  /** Between strangers, whom no policy selects: once these are there, nothing that was sent before is still under way. */
  const sentinel = (): void => {
    const ends = [
      { address: '10.127.255.1', side: 0 },
      { address: '10.255.255.1', side: 1 },
    ] as const;
    const ids = ends.map(({ address, side }, i) => {
      const id = number();
      const destination = ends[1 - i]?.address ?? '';
      const packet: Packet = { family: 'ipv4', protocol: 'UDP', source: address, destination, sourcePort: sourcePort(), destinationPort: 9, id };
      inject(packet, { end: () => ({ kind: 'outside', address }), address: { ipv4: address }, side, isNode: false, isPod: false });
      return id;
    });
    for (const end = performance.now() + 5000; ; ) {
      drain();
      if (ids.every((id) => arrived.has(id))) return;
      if (performance.now() > end) throw new Error('the way between the nodes is broken: packets that no policy concerns do not arrive');
    }
  };

  return {
    check(worlds) {
      NODES.forEach((node) => {
        load(node, `flush ruleset\n${worlds.map(({ world }, i) => policyTable(world, node, `w${i}`) ?? '').join('')}`);
      });
      const disagreements: Disagreement[] = [];
      let allowed = 0;
      let replies = 0;
      for (const [index, { world, flows, objects }] of worlds.entries()) {
        const tries = flows.map(({ flow: { protocol, family, port }, from, to, source, destination }) => ({
          packet: { family, protocol, source, destination, sourcePort: sourcePort(), destinationPort: port, id: number() },
          from,
          to,
        }));
        const through = sendAll(tries);
        const complain = (at: number, expected: Disagreement['expected'], seen: Disagreement['seen']): void => {
          const tried = flows[at];
          if (tried !== undefined)
            disagreements.push({ world: index, flow: tried.flow, source: tried.source, destination: tried.destination, expected, seen, policies: objects });
        };
        flows.forEach(({ flow }, i) => {
          const expected = evaluatePolicies(world, flow).allowed;
          if (expected) allowed += 1;
          if (expected !== through[i]) complain(i, expected ? 'through' : 'dropped', through[i] === true ? 'through' : 'dropped');
        });
        // Whatever the policies say of connections the other way round. The nodes' own stacks have answered already, with a reset.
        const answers = tries.flatMap((tried, i) => {
          const { packet, from, to } = tried;
          if (through[i] !== true || packet.protocol !== 'UDP' || from.isNode || to.isNode) return [];
          const back = {
            ...packet,
            source: packet.destination,
            destination: packet.source,
            sourcePort: packet.destinationPort,
            destinationPort: packet.sourcePort,
          };
          return [{ at: i, packet: { ...back, id: number() }, from: to, to: from }];
        });
        const back = sendAll(answers);
        replies += answers.length;
        answers.forEach(({ at }, i) => {
          if (back[i] !== true) complain(at, 'replied', 'silent');
        });
      }
      return { flows: worlds.reduce((sum, { flows }) => sum + flows.length, 0), allowed, replies, disagreements };
    },
  };
}
