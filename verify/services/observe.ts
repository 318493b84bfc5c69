/** Sends the probes of the suite once, and counts what came back per flow. */
import type { Endpoint, Outcome, ProbeRequest } from '../../engines/port.ts';
import type { Family } from '../../topology/spec.ts';
import { addLatency, createHistogram, type Histogram } from '../latency.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import type { Run } from '../run.ts';
import { isPortTaken, unusableAmong } from '../unusable.ts';
import { CHANCE, connectionsToMeetAll } from './binomial.ts';
import { planFlows, saysWhoAnswers, type ServiceFlow, type ServiceFlows } from './flows.ts';

/** What became of the connections of one flow. */
export interface ObservedFlow {
  readonly flow: ServiceFlow;
  /** Connections asked for, and those whose record came. */
  readonly planned: number;
  records: number;
  readonly outcomes: Map<Outcome, number>;
  /** Index of a listener → connections that it answered; -1: something that is none of them. */
  readonly answers: Map<number, number>;
  /** As whom which listener saw the client, where that is none of the addresses it may be: `listener source`. */
  readonly foreignSources: Map<string, number>;
  /** Answers whose nonce, or whose origin, was not that of the probe. */
  garbled: number;
  /** Why nothing can be said: a responder or the client could not be used. */
  unusable: string | null;
  /** A program of the lab has the port, and does not say who answers. */
  occupied: boolean;
}

export interface ServiceSight {
  readonly plan: ServiceFlows;
  readonly observed: readonly ObservedFlow[];
  readonly latency: Histogram;
}

/** Attempts go into a byte. */
const MOST = 255;
/** Numbers of connections per flow, so that flows share requests. */
const STEPS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, MOST] as const;

const sights = new WeakMap<Run, Promise<readonly ServiceSight[]>>();

/** The flows of all clusters, probed when first asked for. */
export function observeServices(run: Run): Promise<readonly ServiceSight[]> {
  const known = sights.get(run);
  if (known !== undefined) return known;
  const made = observeAll(run);
  sights.set(run, made);
  return made;
}

async function observeAll(run: Run): Promise<readonly ServiceSight[]> {
  const seen: ServiceSight[] = [];
  for (const cluster of run.clusters) {
    if (cluster.plan.kubeProxy.mode === 'none') continue;
    noteServices(run, cluster);
    for (const family of run.options.families.filter((one) => cluster.plan.families.includes(one))) {
      for (const protocol of run.options.protocols) if (protocol !== 'icmp') seen.push(await observe(run, planFlows(run.plan, cluster, family, protocol)));
    }
  }
  if (!run.session.sight.kernel) setLimitedAside(seen.flatMap((sight) => sight.observed));
  return seen;
}

/**
 * A node tells one address of refusals six times at once and then once a second (net.ipv4.icmp_ratelimit, net.ipv6.icmp.ratelimit; the kernels of a lab on this
 * machine are told not to). Where a client was refused by a node, silence in the place of another refusal by it proves nothing, in whatever protocol.
 */
export function setLimitedAside(observed: readonly ObservedFlow[]): void {
  const refused = observed.filter(({ flow }) => flow.expectation.fate === 'refused');
  const told = new Set(refused.filter(({ outcomes }) => outcomes.has('refused')).map(({ flow }) => refusalKey(flow)));
  for (const one of refused)
    if (one.unusable === null && one.outcomes.has('silent') && told.has(refusalKey(one.flow)))
      one.unusable = 'silence where the same node refused the client something else: a node sends few refusals in a second (icmp_ratelimit)';
}

/** Who is refused by which node: the one that is dialled at a node port, else that of the client. */
function refusalKey({ client: { id, caller }, family, door }: ServiceFlow): string {
  return `${id} ${family} ${door.via === 'node-port' || caller.node === null ? (door.node ?? '') : caller.node}`;
}

function noteServices(run: Run, cluster: ServiceFlows['cluster']): void {
  const { name, services } = cluster.plan;
  const mute = services.filter(
    (service) => !service.headless && service.ports.some((port) => port.protocol !== 'SCTP' && !saysWhoAnswers(cluster, service, port)),
  );
  if (mute.length > 0) run.notLookedAt.push(`${mute.map((service) => service.id).join(', ')}: programs serve ports of them that do not say who answers`);
  const sctp = services.filter((service) => service.ports.some((port) => port.protocol === 'SCTP'));
  if (sctp.length > 0) run.notLookedAt.push(`SCTP ports of ${sctp.map((service) => service.id).join(', ')}: there is no probe for SCTP`);
  const headless = services.filter((service) => service.headless || service.type === 'ExternalName');
  if (headless.length > 0) run.notLookedAt.push(`${headless.length} headless or ExternalName Services of ${name} by address: they are names only`);
}

async function observe(run: Run, plan: ServiceFlows): Promise<ServiceSight> {
  const away = await hostsWithoutWay(run, plan);
  const observed = plan.flows
    .filter((flow) => flow.expectation.fate !== 'unjudged' && !(flow.client.caller.kind === 'outside' && away.has(`${flow.client.id} ${flow.door.node}`)))
    .map((flow) => freshFlow(flow, connectionsOf(flow, plan, run.options.attempts)));
  for (const why of new Set(plan.flows.map(({ expectation }) => (expectation.fate === 'unjudged' ? expectation.because : '')))) {
    if (why === '') continue;
    const left = plan.flows.filter((flow) => flow.expectation.fate === 'unjudged' && flow.expectation.because === why).length;
    run.notLookedAt.push(`${left} ways to Services over ${plan.protocol} ${plan.family}: ${why}`);
  }
  const sight: ServiceSight = { plan, observed, latency: createHistogram() };
  const served = observed.filter(({ flow }) => flow.expectation.fate === 'served');
  for (const attempts of STEPS)
    await probe(
      run,
      sight,
      served.filter((one) => one.planned === attempts),
      attempts,
      run.options.deadlineMs,
    );
  // What must not be answered is waited for no longer than what is.
  const longestMs = Math.ceil((20 * sight.latency.max) / 1000);
  const shortMs = sight.latency.total === 0 ? run.options.deadlineMs : Math.min(run.options.deadlineMs, Math.max(FOLLOW_UP_MS, longestMs));
  const fated = (fate: 'refused' | 'dropped'): readonly ObservedFlow[] => observed.filter(({ flow }) => flow.expectation.fate === fate);
  await probe(run, sight, fated('dropped'), 1, shortMs);
  await probe(run, sight, fated('refused'), 1, plan.protocol === 'tcp' ? Math.max(REFUSAL_MS, run.options.deadlineMs) : shortMs);
  return sight;
}

/** Connections that a flow is asked by once more: enough to meet an endpoint among a few. */
const RESENT = 8;

/** Asks a flow once more, without a judgement. */
export async function resendFlow(run: Run, plan: ServiceFlows, { flow, planned }: ObservedFlow): Promise<void> {
  const attempts = Math.min(planned, RESENT);
  await probe(run, { plan, observed: [], latency: createHistogram() }, [freshFlow(flow, attempts)], attempts, Math.min(run.options.deadlineMs, FOLLOW_UP_MS));
}

function freshFlow(flow: ServiceFlow, planned: number): ObservedFlow {
  return { flow, planned, records: 0, outcomes: new Map(), answers: new Map(), foreignSources: new Map(), garbled: 0, unusable: null, occupied: false };
}

const FOLLOW_UP_MS = 300;
/**
 * An ICMP error that comes back while connect() still holds the socket is only noted (tcp_v4_err, sk_err_soft); inside one kernel it always does. The client
 * hears it when its SYN is sent again, after a second.
 */
const REFUSAL_MS = 1500;
/** send() tells a process of the node itself at once that a rule of the node drops or rejects its datagram. */
const EPERM = 1;

/**
 * Connections per flow: as many as asked for, and so many that no endpoint stays out by chance (an endpoint that was never chosen, from none of the
 * clients behind one proxy, is then a finding).
 */
function connectionsOf(flow: ServiceFlow, plan: ServiceFlows, attempts: number): number {
  const { expectation, candidates, client, door, service } = flow;
  if (expectation.fate !== 'served') return 1;
  const company = (proxy: string): number => Math.max(1, companions(plan).get(companyOf(proxy, door)) ?? 1);
  if (candidates.length === 1) return step(attempts);
  // A choice made anew each time could keep to one endpoint by chance.
  if (service.affinitySeconds !== null)
    return step(Math.max(attempts, 1 + Math.ceil(Math.log(1 / CHANCE) / Math.log(candidates.length) / company(expectation.proxy))));
  const needed = connectionsToMeetAll(candidates.length);
  // A pod that is an endpoint must meet itself; a door of a node is shared by all who knock.
  const alone = candidates.some((one) => one.endpoint.pod !== null && one.endpoint.pod === client.caller.pod);
  const sharing = alone ? 1 : company(expectation.proxy);
  return step(Math.max(attempts, Math.ceil(needed / sharing)));
}

const step = (wanted: number): number => STEPS.find((one) => one >= wanted) ?? MOST;
/** Every door of a proxy has the same callers. */
const companyOf = (proxy: string, door: ServiceFlow['door']): string => `${proxy} ${door.via} ${door.address} ${door.port}`;
const companies = new WeakMap<ServiceFlows, ReadonlyMap<string, number>>();

function companions(plan: ServiceFlows): ReadonlyMap<string, number> {
  const known = companies.get(plan);
  if (known !== undefined) return known;
  const counted = new Map<string, number>();
  for (const { expectation, door } of plan.flows) {
    if (expectation.fate !== 'served') continue;
    const key = companyOf(expectation.proxy, door);
    counted.set(key, (counted.get(key) ?? 0) + 1);
  }
  companies.set(plan, counted);
  return counted;
}

async function probe(run: Run, sight: ServiceSight, observed: readonly ObservedFlow[], attempts: number, deadlineMs: number): Promise<void> {
  if (observed.length === 0) return;
  const { plan, latency } = sight;
  const { cluster, family, protocol, listeners } = plan;
  const clients = indexed(
    observed.map(({ flow }) => flow.client),
    (client) => client.id,
  );
  const doors = indexed(
    observed.map(({ flow }) => flow),
    doorKey,
  );
  const offset = clients.all.length + doors.all.length;
  const endpoints: readonly Endpoint[] = [
    ...clients.all.map((client) => client.endpoint),
    ...doors.all.map((flow) => doorEndpoint(flow, family)),
    ...listeners.map((listener) => listener.endpoint),
  ];
  const byPair = new Map<number, ObservedFlow>();
  const pairs = observed.map((one): readonly [number, number] => {
    const client = clients.index.get(one.flow.client.id) ?? 0;
    const server = clients.all.length + (doors.index.get(doorKey(one.flow)) ?? 0);
    byPair.set(client * endpoints.length + server, one);
    return [client, server];
  });
  const used = new Set(observed.flatMap(({ flow }) => flow.candidates.map((candidate) => candidate.listener)).filter((index) => index >= 0));
  const request: ProbeRequest = {
    protocol,
    family,
    endpoints,
    attempts,
    deadlineMs,
    port: PROBE_PORT,
    pairs: { kind: 'list', pairs },
    responders: [...used].map((index) => offset + index),
    conntrack: [],
  };
  const summary = await run.probe(request, `${cluster.plan.name} services`, (batch) => {
    for (let row = 0; row < batch.length; row++) {
      const one = byPair.get((batch.client[row] ?? 0) * endpoints.length + (batch.server[row] ?? 0));
      if (one === undefined) continue;
      const record = batch.at(row);
      one.records++;
      const told = record.outcome === 'error' && record.errno === EPERM;
      const outcome = !told ? record.outcome : one.flow.expectation.fate === 'refused' ? 'refused' : 'silent';
      one.outcomes.set(outcome, (one.outcomes.get(outcome) ?? 0) + 1);
      if (record.outcome !== 'ok') continue;
      addLatency(latency, record.rttUs);
      const listener = record.answeredBy < offset ? -1 : record.answeredBy - offset;
      one.answers.set(listener, (one.answers.get(listener) ?? 0) + 1);
      if (!record.nonceThere || !record.nonceBack || (record.replyFromAddress !== '' && record.replyFromAddress !== record.dialledAddress)) one.garbled++;
      else if (!maySee(sight, one.flow, listener, record.seenSourceAddress, record.localAddress)) {
        const key = `${listener} ${record.seenSourceAddress}`;
        one.foreignSources.set(key, (one.foreignSources.get(key) ?? 0) + 1);
      }
    }
  });
  setAside(run, observed, listeners, summary.unusable);
}

function setAside(run: Run, observed: readonly ObservedFlow[], listeners: ServiceFlows['listeners'], unusable: Readonly<Record<string, string>>): void {
  for (const one of observed) {
    const { client, candidates, service } = one.flow;
    const ends = [client.endpoint.id, ...candidates.map((candidate) => listeners[candidate.listener]?.endpoint.id ?? '')];
    one.unusable = unusableAmong(unusable, ends);
    one.occupied = isPortTaken(one.unusable);
    if (one.occupied) run.notLookedAt.push(`${service.id} over ${one.flow.protocol}: a program of the lab serves it, which does not say who answers`);
  }
}

/** May the endpoint have seen the client by this address? */
function maySee({ plan }: ServiceSight, flow: ServiceFlow, listener: number, seen: string, local: string): boolean {
  const source = flow.candidates.find((candidate) => candidate.listener === listener)?.source;
  // Who should not have answered is another finding.
  if (source === undefined || (source.kept && seen === local)) return true;
  const { ends, nodes } = plan.cluster;
  return nodes.some((index) => source.nodes.some((name) => ends[index]?.id === `${plan.cluster.plan.name}/${name}`) && ends[index]?.roles.has(seen) === true);
}

/** Hosts that cannot reach a node at all: what they do not get from its Services says nothing about Services. Keys: `HOST NODE`. */
export async function hostsWithoutWay(run: Run, plan: ServiceFlows): Promise<ReadonlySet<string>> {
  const hosts = indexed(
    plan.flows.filter(({ client }) => client.caller.kind === 'outside').map(({ client }) => client),
    (client) => client.id,
  ).all;
  const nodes = plan.cluster.nodes.flatMap((index) => plan.cluster.ends[index] ?? []);
  if (hosts.length === 0) return new Set();
  const clients = hosts.map((_, index) => index);
  const servers = nodes.map((_, index) => hosts.length + index);
  const missing = new Set(hosts.flatMap((host) => nodes.map((node) => `${host.id} ${nameOf(node.id)}`)));
  const { protocol, family } = plan;
  const { deadlineMs } = run.options;
  const endpoints = [...hosts.map((host) => host.endpoint), ...nodes.map((node) => node.endpoint)];
  const request: ProbeRequest = {
    protocol,
    family,
    endpoints,
    deadlineMs,
    attempts: 1,
    port: PROBE_PORT,
    pairs: { kind: 'matrix', clients, servers, self: false },
    responders: 'listen',
    conntrack: [],
  };
  await run.probe(request, `${plan.cluster.plan.name} hosts to nodes`, (batch) => {
    for (let row = 0; row < batch.length; row++) {
      const record = batch.at(row);
      if (record.outcome === 'ok') missing.delete(`${hosts[record.client]?.id ?? ''} ${nameOf(endpoints[record.server]?.id ?? '')}`);
    }
  });
  for (const pair of missing) run.notLookedAt.push(`Services from ${pair.replace(' ', ' by node ')}: the host does not reach the node itself`);
  return missing;
}

const nameOf = (id: string): string => id.split('/').at(-1) ?? '';

export function doorKey({ service, port, door }: ServiceFlow): string {
  return `${service.id} ${port.name} ${port.protocol} ${door.via} ${door.address}`;
}

/** The address that is dialled; nothing lives there. */
export function doorEndpoint({ service, door }: ServiceFlow, family: Family): Endpoint {
  return { id: `${service.id} at ${door.address} port ${door.port}`, kind: 'host', netns: '', addresses: [{ family, address: door.address }], port: door.port };
}

function indexed<T>(items: readonly T[], keyOf: (item: T) => string): { readonly all: readonly T[]; readonly index: ReadonlyMap<string, number> } {
  const all: T[] = [];
  const index = new Map<string, number>();
  for (const item of items) if (!index.has(keyOf(item))) index.set(keyOf(item), all.push(item) - 1);
  return { all, index };
}
