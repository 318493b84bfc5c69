/** The walk there and back, from the state of the kernels alone. Pure. */
import { execCommand, execInPod, type LabView } from '../inventory/lab-view.ts';
import type { Hop, Leg, WalkChoice, WalkPacket, WalkReport } from './document.ts';
import type { WalkGoal } from './goal.ts';
import { type Fate, freshPacket, walkOuter, walkPacket } from './ip.ts';
import { textOf, type Walk, type Walker } from './netfilter.ts';
import { Trail } from './trail.ts';
import { placeName, type World } from './world.ts';

export type BothWays = Pick<WalkReport, 'arrives' | 'why' | 'legs' | 'choices' | 'notes'>;

/**
 * Where the packet goes, and its reply.
 *
 * @param choice the endpoint to follow behind a Service, `address:port`; null: the first that the rules name
 * @param served a server was opened at its end, or somebody serves there
 */
export function walkBothWays(world: World, goal: WalkGoal, choice: string | null, served = false): BothWays {
  const walk: Walk = { world, choice, outer: walkOuter, translations: [], offered: [] };
  const { client, family, protocol, address, port } = goal;
  const there = new Trail(world);
  if (goal.name !== null) there.hops.push(nameHop(world.view, goal, goal.name));
  const asking = freshPacket({ family, protocol, source: '', destination: address, sourcePort: null, destinationPort: port, state: 'new' });
  const fate = walkPacket(walk, there, client.netns, asking);
  const first = legOf(world, 'there', { ...asking, source: sourceOf(walk, goal, fate) }, there, fate);
  const choices = choicesOf(walk, goal, fate);
  if (fate.kind !== 'arrives') return { choices, legs: [first], arrives: fate.kind === 'lost' ? 'no' : 'unknown', why: fate.why, notes: [] };
  const relayed = relayedBy(world, goal, fate);
  if (relayed !== null) return { choices, legs: [{ ...first, fate: 'process', why: relayed }], arrives: 'unknown', why: relayed, notes: [] };
  const wrong = strangers(world, goal, fate);
  if (wrong !== null) return { choices, legs: [{ ...first, fate: 'lost', why: wrong }], arrives: 'no', why: wrong, notes: [] };
  const notes = notesOf(world, goal, fate, first.packet, served);
  const back = new Trail(world);
  const reply = freshPacket({
    family,
    protocol,
    source: fate.packet.destination,
    sourcePort: fate.packet.destinationPort,
    destination: fate.packet.source,
    destinationPort: null,
    state: 'established',
  });
  const returned = walkPacket(walk, back, fate.netns, reply);
  const second = legOf(world, 'back', reply, back, returned);
  const legs = [first, second];
  if (returned.kind !== 'arrives') return { choices, legs, notes, arrives: returned.kind === 'lost' ? 'no' : 'unknown', why: `the way back: ${returned.why}` };
  const why = unexpected(world, goal, returned);
  if (why === null) return { choices, legs, notes, arrives: 'yes', why: '' };
  return { choices, notes, legs: [first, { ...second, fate: 'lost', why }], arrives: 'no', why: `the way back: ${why}` };
}

/** What the client's kernel put there. */
function sourceOf({ translations }: Walk, goal: WalkGoal, fate: Fate): string {
  const [first] = translations;
  if (first !== undefined) return first.before.source;
  return fate.kind === 'arrives' ? fate.packet.source : (goal.client.addresses.find((one) => one.family === goal.family)?.address ?? '');
}

function legOf(world: World, direction: Leg['direction'], packet: Walker, trail: Trail, fate: Fate): Leg {
  const { source, destination, sourcePort, destinationPort } = packet;
  const started: WalkPacket = { source, destination, sourcePort, destinationPort };
  return { direction, packet: started, hops: trail.hops, ends: placeName(world, fate.netns), fate: fate.kind, why: fate.kind === 'arrives' ? '' : fate.why };
}

function choicesOf(walk: Walk, { servers }: WalkGoal, fate: Fate): readonly WalkChoice[] {
  const followed = fate.kind === 'arrives' ? textOf(fate.packet.destination, fate.packet.destinationPort) : (walk.choice ?? walk.offered[0]?.text);
  return walk.offered.map(({ text, share }) => ({
    share,
    endpoint: text,
    owner: servers.find((one) => textOf(one.address, one.port) === text)?.endpoint.id ?? '',
    followed: text === followed,
  }));
}

/** A port of a container, asked for where the rules do not lead it in: by its own host, or by a neighbour on the same bridge. */
function relayedBy({ view }: World, goal: WalkGoal, { netns }: Extract<Fate, { readonly kind: 'arrives' }>): string | null {
  const host = view.plan.machines.find((one) => one.netns === netns && one.docker !== undefined);
  const [server] = goal.servers;
  if (host === undefined || server === undefined || server.endpoint.netns === netns) return null;
  const to = textOf(server.address, server.port);
  return `docker-proxy, a process of ${host.name}, takes it and opens a connection of its own to ${to} (${server.endpoint.id})`;
}

/** It arrives, but where it should not. */
function strangers(world: World, goal: WalkGoal, fate: Extract<Fate, { readonly kind: 'arrives' }>): string | null {
  if (goal.servers.length === 0 || goal.servers.some((one) => one.endpoint.netns === fate.netns)) return null;
  const wanted = goal.servers.map((one) => one.endpoint.id).join(', ');
  return `it ends at ${placeName(world, fate.netns)}, which has ${fate.packet.destination} as well; it is meant for ${wanted}`;
}

function unexpected(world: World, goal: WalkGoal, { netns, packet }: Extract<Fate, { readonly kind: 'arrives' }>): string | null {
  if (netns !== goal.client.netns) return `the reply ends at ${placeName(world, netns)}, and not at ${goal.client.id}`;
  if (packet.source === goal.address) return null;
  return `the reply comes from ${textOf(packet.source, packet.sourcePort)}; ${goal.client.id} asked ${textOf(goal.address, goal.port)} and knows nothing of it`;
}

function notesOf(
  { view }: World,
  goal: WalkGoal,
  { netns, packet }: Extract<Fate, { readonly kind: 'arrives' }>,
  sent: WalkPacket,
  served: boolean,
): readonly string[] {
  const listening = view.snapshot.namespaces[netns]?.listening ?? [];
  const server = goal.servers.find((one) => one.endpoint.netns === netns)?.endpoint.id ?? netns;
  return [
    ...(packet.source === sent.source ? [] : [`${server} sees ${packet.source} in the place of ${sent.source}: the source is rewritten on the way`]),
    ...(served || goal.protocol === 'udp' || listening.some((one) => one.endsWith(`:${packet.destinationPort}`))
      ? []
      : [`nothing listens on TCP port ${packet.destinationPort} of ${server}: without a server it is refused there (--live opens one)`]),
  ];
}

/** The question for the name is a packet of its own. */
function nameHop(view: LabView, { client, address }: WalkGoal, name: string): Hop {
  const argv = ['getent', 'hosts', name];
  const pod = view.pods.find((one) => one.id === client.id);
  const machine = [...view.nodes, ...view.plan.machines].find((one) => one.id === client.id);
  return {
    kind: 'name',
    place: client.id,
    says: `${name} is ${address} by the plan; the question for it is a walk of its own, to svc/kube-system/kube-dns`,
    state: '',
    command: pod !== undefined ? execInPod(view, pod, argv) : machine !== undefined ? execCommand(view, machine, argv) : '',
    outer: false,
    counter: null,
    rose: null,
  };
}
