/** Asks UDP Services once more from the source ports that connection tracking remembers. */
import type { ConntrackEntry, Endpoint, Outcome, ProbeRequest } from '../../engines/port.ts';
import { endpointText } from '../../topology/services/proxy/hashes.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import type { Family } from '../../topology/spec.ts';
import type { Check, CheckOutcome } from '../checks/check.ts';
import { concludeCount, countFailure, countUnknown, startCount } from '../checks/count.ts';
import type { ClusterEnds } from '../endpoints.ts';
import { execLine, type ProbedFailure } from '../failure.ts';
import type { Run } from '../run.ts';
import { isPortTaken, unusableAmong } from '../unusable.ts';
import { doorEndpoint } from './observe.ts';
import { usableEndpoints, type UsableEndpoint } from './expect.ts';
import { planFlows, type ServiceFlow, type ServiceFlows } from './flows.ts';

/** A flow that is remembered, and who asks it. */
interface Reuse {
  readonly flow: ServiceFlow;
  readonly entry: ConntrackEntry;
  /** It leads to no endpoint that the client may get. */
  readonly stale: boolean;
  outcome: Outcome | null;
  /** Index of a listener; -1: nobody known. */
  answeredBy: number;
  unusable: string | null;
}

/** Flows that are asked again in one cluster and family: what leads nowhere first. */
const MOST = 500;

/** The verdict of the check. */
export async function judgeUdpReuse(run: Run, check: Pick<Check, 'id' | 'title' | 'requirement'>): Promise<CheckOutcome> {
  const count = startCount();
  const occupied = new Set<string>();
  for (const reuse of await observeReuse(run)) {
    if (!reuse.stale && isPortTaken(reuse.unusable)) {
      occupied.add(reuse.flow.service.id);
      continue;
    }
    count.planned++;
    const bad = failureOf(run, check.id, reuse);
    if (bad !== null) countFailure(count, () => bad);
    else if (reuse.outcome === 'ok') count.passed++;
    else countUnknown(count, 1, reuse.unusable ?? `the source port ${reuse.entry.original.sourcePort} of ${reuse.flow.client.id} is in use`);
  }
  for (const service of occupied) run.notLookedAt.push(`${service} over udp once more: a program of the lab serves it, which does not say who answers`);
  return concludeCount(check, { ...count, reasons: [...new Set(count.reasons)] }, 'no node remembers a UDP flow to a Service');
}

async function observeReuse(run: Run): Promise<readonly Reuse[]> {
  const { families, protocols } = run.options;
  const seen: Reuse[] = [];
  if (!protocols.includes('udp')) return seen;
  if (!run.session.sight.kernel) {
    run.notLookedAt.push('UDP flows to Services that are remembered: the kernel of the nodes is not read on this engine');
    return seen;
  }
  for (const cluster of run.clusters.filter(({ plan }) => plan.kubeProxy.mode !== 'none')) {
    const udp = cluster.plan.services.some((service) => service.ports.some((port) => port.protocol === 'UDP'));
    if (!udp) continue;
    const { namespaces } = await run.session.snapshot(
      cluster.plan.nodes.map((node) => node.netns),
      { rules: false, flows: true },
    );
    const entries = Object.values(namespaces).flatMap((one) => one.flows ?? []);
    for (const family of families.filter((one) => cluster.plan.families.includes(one))) {
      const plan = planFlows(run.plan, cluster, family, 'udp');
      const reuses = chooseReuses(cluster, plan, entries);
      await ask(run, plan, family, reuses);
      seen.push(...reuses.filter((one) => one.stale || one.outcome !== 'not-run'));
    }
  }
  return seen;
}

/** Each stale flow, and one of those that are not per client and door. */
export function chooseReuses(cluster: ClusterEnds, plan: ServiceFlows, entries: readonly ConntrackEntry[]): readonly Reuse[] {
  const flows = new Map(plan.flows.filter(isJudged).map((flow) => [keyOf(flow.client.caller.address, flow.door.address, flow.door.port), flow]));
  const nodes = new Map(cluster.plan.nodes.map((node) => [node.netns, node.name]));
  const chosen = new Map<string, Reuse>();
  for (const entry of entries) {
    const { original, reply } = entry;
    const key = keyOf(original.source, original.destination, original.destinationPort);
    const flow = flows.get(key);
    // Other nodes on the way know it only as it looks after its translation.
    if (flow?.expectation.fate !== 'served' || flow.expectation.proxy !== nodes.get(entry.netns)) continue;
    // A pod that gets itself is the matter of service-hairpin.
    if (reply.source === original.source) continue;
    const isThere = ({ endpoint, port }: UsableEndpoint): boolean => endpoint.address === reply.source && port === reply.sourcePort;
    const stale = !flow.candidates.some(isThere);
    // kube-proxy forgets flows to endpoints that are gone. One that began before hints passed its endpoint over goes on.
    if (stale && flow.expectation.because === 'hints' && usableEndpoints(flow.service, flow.port, flow.family).some(isThere)) continue;
    const name = stale ? `${key} ${original.sourcePort}` : key;
    if (!chosen.has(name)) chosen.set(name, { flow, entry, stale, outcome: null, answeredBy: -1, unusable: null });
  }
  return [...chosen.values()].toSorted((a, b) => Number(b.stale) - Number(a.stale)).slice(0, MOST);
}

/** Every endpoint that may be chosen is in the lab and answers by the plan. */
function isJudged({ expectation, candidates }: ServiceFlow): boolean {
  return expectation.fate === 'served' && candidates.every((one) => one.listener >= 0 && one.policy === 'open');
}

const keyOf = (source: string, destination: string, port: number): string => `${source} ${destination} ${port}`;

async function ask(run: Run, plan: ServiceFlows, family: Family, reuses: readonly Reuse[]): Promise<void> {
  if (reuses.length === 0) return;
  // A client per flow, each with the port of that flow; the door behind it.
  const clients = reuses.map(({ flow, entry }): Endpoint => ({ ...flow.client.endpoint, sourcePort: entry.original.sourcePort }));
  const doors = reuses.map(({ flow }) => doorEndpoint(flow, family));
  const offset = 2 * reuses.length;
  const used = new Set(reuses.flatMap(({ flow }) => flow.candidates.map((one) => one.listener)));
  const request: ProbeRequest = {
    protocol: 'udp',
    family,
    endpoints: [...clients, ...doors, ...plan.listeners.map((one) => one.endpoint)],
    attempts: 1,
    deadlineMs: run.options.deadlineMs,
    port: PROBE_PORT,
    pairs: { kind: 'list', pairs: reuses.map((_, index): readonly [number, number] => [index, reuses.length + index]) },
    responders: [...used].map((listener) => offset + listener),
    conntrack: [],
  };
  const { unusable } = await run.probe(request, `${plan.cluster.plan.name} UDP Services again`, (batch) => {
    for (let row = 0; row < batch.length; row++) {
      const record = batch.at(row);
      const reuse = reuses[record.client];
      if (reuse === undefined) continue;
      reuse.outcome = record.outcome;
      reuse.answeredBy = record.answeredBy < offset ? -1 : record.answeredBy - offset;
    }
  });
  for (const reuse of reuses) {
    const ends = reuse.flow.candidates.map((one) => plan.listeners[one.listener]?.endpoint.id ?? '');
    reuse.unusable = unusableAmong(unusable, ends);
  }
}

function failureOf(run: Run, check: string, { flow, entry, stale, outcome, answeredBy, unusable }: Reuse): ProbedFailure | null {
  const right = outcome === 'ok' && flow.candidates.some((one) => one.listener === answeredBy);
  // A port that its program still holds cannot be asked from: there the table alone speaks.
  if (right || unusable !== null || (outcome === 'not-run' && !stale) || outcome === null) return null;
  const { client, service, door, family } = flow;
  const { original, reply } = entry;
  const proxy = flow.expectation.fate === 'served' ? `${service.cluster}/${flow.expectation.proxy}` : '';
  const held = outcome === 'not-run' ? 'is held by a program' : outcome === 'ok' ? 'was answered by something that is no endpoint' : 'was not answered';
  const port = ['--sport', String(original.sourcePort)];
  return {
    again: null,
    failure: {
      check,
      client: client.id,
      clientNode: client.nodeId,
      server: service.id,
      serverNode: proxy,
      family,
      protocol: 'udp',
      attempt: 0,
      class: outcome === 'ok' || outcome === 'not-run' ? 'finding' : outcome,
      saw: `source port ${original.sourcePort} ${held}; its flow leads to ${endpointText(reply.source, reply.sourcePort)}`,
      expected: `an answer from an endpoint of ${service.id}`,
      diagnosis: '',
      next: execLine(run.plan, proxy, ['conntrack', '-L', '-p', 'udp', '-s', original.source, '-d', original.destination, ...port]),
      conntrack: [entry],
      door: { via: door.via, address: door.address, port: door.port },
    },
  };
}
