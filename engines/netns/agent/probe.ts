/**
 * The prober: one process, a socket in every namespace. Clients are entered one after the other; each sweeps all its servers without waiting, and whatever
 * has no outcome by then shares one deadline with everything else. Nothing is retried.
 */
import { readFileSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { createBatchBuilder, type BatchBuilder, type EncodedBatch } from '../../probe-batch.ts';
import { NONCE_BACK, NONCE_THERE } from '../../probe-batch.ts';
import type { ProbeRequest, ProbeSummary } from '../../port.ts';
import { addressBytes } from './address-bytes.ts';
import { type ConntrackReader, createConntrackReader } from './conntrack.ts';
import { netns } from './namespaces.ts';
import { createIcmp } from './probe-icmp.ts';
import { NO_DESCRIPTOR, NOT_RUN, OK, WAITING } from './probe-outcome.ts';
import { createRun, type Destination, destinationOf, indexOfText, type ProbeRun, type Responder, type Transport } from './probe-run.ts';
import { createTcp } from './probe-tcp.ts';
import { createUdp } from './probe-udp.ts';
import { close, inNamespace } from './sys.ts';

/** A socket asks its own host: what takes longer is not there. */
const SELF_TEST_MS = 100;
const MAX_WAITING = 2000;
const SERVE_MOST = 64;
const transports: Readonly<Record<ProbeRequest['protocol'], (run: ProbeRun) => Transport>> = { tcp: createTcp, udp: createUdp, icmp: createIcmp };

/** Probes as `engines/port.ts` says; batches are emitted as they fill. @throws CidrError for an address that is none, InternalError for an index that is none */
export async function runProbe(request: ProbeRequest, emit: (batch: EncodedBatch) => void): Promise<ProbeSummary> {
  const started = performance.now();
  const sweeps = sweepsOf(request);
  const unusable: Record<string, string> = {};
  const responders: Responder[] = [];
  const run = createRun(request, waitingLimit(request), responders);
  const transport = transports[request.protocol](run);
  const builder = createBatchBuilder(run.addresses.texts, emit);
  const nodes = request.endpoints.map((endpoint) => endpoint.node ?? endpoint.netns);
  const conntrack = createConntrackReader(request.conntrack, new Set(nodes), request.protocol, request.family);
  try {
    const byEndpoint = openResponders(run, transport, listenersOf(request, sweeps), responders, unusable);
    const destinations = request.endpoints.map((_, index) => destinationOfEndpoint(run, index, byEndpoint.get(index) ?? null));
    if (request.responders !== 'none') await selfTest(run, transport, byEndpoint, unusable);
    const probes = await sweepAll(run, transport, builder, sweeps, destinations, unusable, request.conntrack.length === 0 ? null : { conntrack, nodes });
    builder.flush();
    return { probes, elapsedMs: performance.now() - started, conntrack: conntrack.readings(), unusable };
  } finally {
    conntrack.close();
    transport.discard(Number.POSITIVE_INFINITY);
    for (const responder of responders) close(responder.socket);
  }
}

interface Sweep {
  readonly client: number;
  readonly servers: readonly number[];
}

function sweepsOf({ pairs }: ProbeRequest): readonly Sweep[] {
  if (pairs.kind === 'matrix')
    return pairs.clients.map((client) => ({ client, servers: pairs.self ? pairs.servers : pairs.servers.filter((server) => server !== client) }));
  const byClient = new Map<number, number[]>();
  for (const [client, server] of pairs.pairs) {
    const known = byClient.get(client);
    if (known === undefined) byClient.set(client, [server]);
    else known.push(server);
  }
  return [...byClient].map(([client, servers]) => ({ client, servers }));
}

/** Endpoints at which responders are opened. */
function listenersOf({ responders }: ProbeRequest, sweeps: readonly Sweep[]): ReadonlySet<number> {
  if (responders === 'none') return new Set();
  return new Set(responders === 'listen' ? sweeps.flatMap(({ servers }) => servers) : responders);
}

/** A waiting TCP probe holds two descriptors, a namespace two, a responder one; the rest is left to Node. */
function waitingLimit({ endpoints }: ProbeRequest): number {
  const soft = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);
  return Math.max(16, Math.min(MAX_WAITING, Math.floor((soft - 3 * endpoints.length - 128) / 2)));
}

/** One responder per namespace and port, for all its endpoints there. What cannot be opened makes its endpoints unusable. */
function openResponders(
  run: ProbeRun,
  transport: Transport,
  listeners: ReadonlySet<number>,
  responders: Responder[],
  unusable: Record<string, string>,
): ReadonlyMap<number, Responder> {
  const { endpoints } = run.request;
  const byEndpoint = new Map<number, Responder>();
  const places = new Map<string, number[]>();
  for (const listener of listeners) {
    const place = `${portAt(run, listener)} ${endpoints[listener]?.netns ?? ''}`;
    const known = places.get(place);
    if (known === undefined) places.set(place, [listener]);
    else known.push(listener);
  }
  for (const indexes of places.values()) {
    const name = endpoints[indexes[0] ?? 0]?.netns ?? '';
    const port = portAt(run, indexes[0] ?? 0);
    try {
      const sorted = indexes.toSorted((a, b) => a - b);
      const byAddress = new Map<number, number>();
      for (const index of sorted) {
        for (const { family, address } of endpoints[index]?.addresses ?? []) {
          const at = family === run.family ? indexOfText(run, address) : 0;
          if (at !== 0 && !byAddress.has(at)) byAddress.set(at, index);
        }
      }
      const responder: Responder = { netns: name, socket: inNamespace(netns(name).fd, () => transport.open(port)), port, first: sorted[0] ?? 0, byAddress };
      responders.push(responder);
      for (const index of sorted) byEndpoint.set(index, responder);
    } catch (error) {
      for (const index of indexes) unusable[endpoints[index]?.id ?? ''] = error instanceof Error ? error.message : String(error);
    }
  }
  return byEndpoint;
}

/** Port that is dialled or listened on at an endpoint. */
function portAt({ request }: ProbeRun, index: number): number {
  return request.protocol === 'icmp' ? 0 : (request.endpoints[index]?.port ?? request.port);
}

/** Null for an endpoint without an address of the family. */
function destinationOfEndpoint(run: ProbeRun, index: number, responder: Responder | null): Destination | null {
  const port = portAt(run, index);
  if (run.request.dial !== undefined) return destinationOf(run, run.request.dial, port, null);
  const address = run.request.endpoints[index]?.addresses.find(({ family }) => family === run.family)?.address;
  return address === undefined ? null : destinationOf(run, address, port, responder);
}

/** Asks every responder from its own namespace, on its endpoint's address: a target that does not answer itself proves nothing about the network. */
async function selfTest(run: ProbeRun, transport: Transport, byEndpoint: ReadonlyMap<number, Responder>, unusable: Record<string, string>): Promise<void> {
  for (const [index, responder] of byEndpoint) {
    const endpoint = run.request.endpoints[index];
    const address = endpoint?.addresses.find(({ family }) => family === run.family)?.address;
    if (endpoint === undefined || address === undefined) continue;
    if (await answersItself(run, transport, index, responder, address)) continue;
    const loopback = run.family === 'ipv4' ? '127.0.0.1' : '::1';
    const local = await answersItself(run, transport, index, responder, loopback);
    unusable[endpoint.id] = local
      ? `its responder answers on ${loopback}, but not on its own address ${address}`
      : `its responder does not answer itself on ${loopback}`;
  }
}

async function answersItself(run: ProbeRun, transport: Transport, index: number, responder: Responder, address: string): Promise<boolean> {
  const { slots } = run;
  const slot = slots.take(index, index, 0);
  if (slot < 0) return false;
  try {
    const destination = destinationOf(run, address, responder.port, responder);
    let outcome = inNamespace(netns(responder.netns).fd, () => transport.start(slot, destination));
    const end = performance.now() + SELF_TEST_MS;
    while (outcome === WAITING && performance.now() < end) {
      transport.serve(responder, SERVE_MOST);
      outcome = transport.advance(slot);
      if (outcome === WAITING) await setImmediate();
    }
    return outcome === OK && (slots.columns.nonce[slot] ?? 0) === (NONCE_THERE | NONCE_BACK);
  } finally {
    slots.free(slot);
  }
}

/** While the flow is fresh and its sockets are open: a closed connection's entry lives ten seconds, an unanswered one's thirty. */
function askConntrack(run: ProbeRun, { conntrack, nodes }: { readonly conntrack: ConntrackReader; readonly nodes: readonly string[] }, slot: number): void {
  const { columns } = run.slots;
  const local = run.addresses.texts[columns.localAddress[slot] ?? 0] ?? '';
  if (local === '') return;
  const dialled = run.addresses.texts[columns.dialledAddress[slot] ?? 0] ?? '';
  conntrack.ask(
    nodes[columns.client[slot] ?? 0] ?? '',
    nodes[columns.server[slot] ?? 0] ?? '',
    addressBytes(local),
    columns.localPort[slot] ?? 0,
    addressBytes(dialled),
    columns.dialledPort[slot] ?? 0,
  );
}

async function sweepAll(
  run: ProbeRun,
  transport: Transport,
  builder: BatchBuilder,
  sweeps: readonly Sweep[],
  destinations: readonly (Destination | null)[],
  unusable: Record<string, string>,
  witness: { readonly conntrack: ConntrackReader; readonly nodes: readonly string[] } | null,
): Promise<number> {
  const {
    slots,
    responders,
    request: { endpoints, attempts, deadlineMs },
  } = run;
  let waiting: number[] = [];
  let probes = 0;
  let lastSent = performance.now();

  const finish = (slot: number, outcome: number): void => {
    slots.columns.outcome[slot] = outcome;
    if (slots.columns.rttUs[slot] === 0) slots.columns.rttUs[slot] = (performance.now() - (slots.startedAt[slot] ?? 0)) * 1000;
    if (witness !== null) askConntrack(run, witness, slot);
    builder.append(slots.columns, slot);
    slots.free(slot);
    probes += 1;
  };
  const notRun = (client: number, server: number, attempt: number): void => {
    const slot = slots.take(client, server, attempt);
    if (slot >= 0) finish(slot, NOT_RUN);
  };
  /** Takes everything that waits one step further. */
  const step = (): void => {
    if (waiting.length === 0) return;
    for (const responder of responders) transport.serve(responder, SERVE_MOST);
    waiting = waiting.filter((slot) => {
      const outcome = transport.advance(slot);
      if (outcome !== WAITING) finish(slot, outcome);
      return outcome === WAITING;
    });
  };
  /** Waits for what is under way until the common deadline; what is left then is overdue. */
  const settle = async (): Promise<void> => {
    const end = lastSent + deadlineMs;
    for (let pause = 0; waiting.length > 0; pause = pause === 0 ? 1 : Math.min(20, pause * 2)) {
      step();
      if (waiting.length === 0) break;
      if (performance.now() >= end) {
        for (const slot of waiting) finish(slot, transport.overdue(slot));
        waiting = [];
      } else if (pause === 0) await setImmediate();
      else await setTimeout(Math.min(pause, Math.max(1, end - performance.now())));
    }
    transport.discard(performance.now());
  };
  /** Starts probes from one client, from server `from` on; returns where it had to stop because no slot or descriptor was left. */
  const sweep = ({ client, servers }: Sweep, from: number, attempt: number): number => {
    for (let at = from; at < servers.length; at++) {
      const server = servers[at] ?? 0;
      const destination = destinations[server] ?? null;
      const slot = slots.take(client, server, attempt);
      if (slot < 0) return at;
      if (destination === null) {
        finish(slot, NOT_RUN);
        continue;
      }
      const outcome = transport.start(slot, destination);
      if (outcome === NO_DESCRIPTOR && waiting.length > 0) {
        slots.free(slot);
        return at;
      }
      if (outcome === WAITING) waiting.push(slot);
      else finish(slot, outcome === NO_DESCRIPTOR ? NOT_RUN : outcome);
    }
    return servers.length;
  };

  for (let attempt = 0; attempt < attempts; attempt++) {
    for (const one of sweeps) {
      const endpoint = endpoints[one.client];
      let fd: number;
      try {
        fd = netns(endpoint?.netns ?? '').fd;
      } catch (error) {
        unusable[endpoint?.id ?? ''] ??= error instanceof Error ? error.message : String(error);
        for (const server of one.servers) notRun(one.client, server, attempt);
        continue;
      }
      for (let at = 0; at < one.servers.length; ) {
        const from = at;
        at = inNamespace(fd, () => sweep(one, from, attempt));
        lastSent = performance.now();
        if (at < one.servers.length) await settle();
      }
      step();
      // Lets the batches out, and a closed standard input in.
      await setImmediate();
    }
  }
  await settle();
  return probes;
}
