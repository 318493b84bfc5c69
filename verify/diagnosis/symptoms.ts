/** Names for failures that no rule of the inventory explains: from what both sockets saw, and from counters around the failing probes. */
import { counterOf, rise, riseEvidence } from '../inventory/counters.ts';
import type { Finding } from '../inventory/finding.ts';
import { crossesNodes, type Flow, isLost, isPair, type PairFlow } from '../inventory/flow.ts';
import { failsBySize } from '../inventory/mtu.ts';
import { type LabView, nodeAddresses } from '../inventory/lab-view.ts';
import type { DiagnosisName } from './catalogue.ts';

/** What the symptoms alone say about failures, one finding per name. `all` gives the pattern, `open` is what is still unexplained. */
export function readSymptoms(view: LabView, open: readonly Flow[], all: readonly Flow[]): readonly Finding[] {
  const named = new Map<DiagnosisName, Flow[]>();
  const evidence = new Map<DiagnosisName, Set<string>>();
  const certainty = new Map<DiagnosisName, Finding['certainty']>();
  for (const flow of open) {
    const reading = read(view, flow, all);
    if (reading === null) continue;
    named.set(reading.name, [...(named.get(reading.name) ?? []), flow]);
    evidence.set(reading.name, new Set([...(evidence.get(reading.name) ?? []), ...reading.evidence]));
    certainty.set(reading.name, reading.certainty);
  }
  return [...named].map(([name, flows]): Finding => {
    const failures = new Set(flows.map((flow) => flow.failure));
    return {
      name,
      where: whereOf(name, flows),
      evidence: [...(evidence.get(name) ?? [])].slice(0, 6),
      mend: '',
      certainty: certainty.get(name) ?? 'possible',
      explains: (flow) => failures.has(flow.failure),
    };
  });
}

interface Reading {
  readonly name: DiagnosisName;
  readonly evidence: readonly string[];
  readonly certainty: 'likely' | 'possible';
}

function read(view: LabView, flow: Flow, all: readonly Flow[]): Reading | null {
  if (flow.failure.class === 'address-differs') return { name: 'address-differs-from-plan', evidence: [observed(flow)], certainty: 'likely' };
  if (flow.failure.check === 'size-sweep' && flow.failure.class === 'finding')
    return { name: 'overlay-packets-fragmented', evidence: [`${flow.failure.saw}; expected: ${flow.failure.expected}`], certainty: 'likely' };
  if (!isPair(flow)) return null;
  switch (flow.failure.class) {
    case 'rewritten':
      return readRewritten(view, flow, all);
    case 'hidden-nat':
      return {
        name: 'hidden-double-nat',
        evidence: [`conntrack is asymmetric while both sockets agree: ${observed(flow)}`, ...conntrackLines(flow)],
        certainty: 'likely',
      };
    case 'wrong-server':
      return { name: 'duplicate-pod-ip', evidence: [observed(flow)], certainty: 'possible' };
    case 'refused':
      return { name: 'port-not-listening', evidence: [`${flow.server.id} refused, and no rule rejects`], certainty: 'possible' };
    case 'no-host':
      return { name: 'address-not-assigned', evidence: [observed(flow)], certainty: 'possible' };
    case 'too-big':
      return { name: 'path-mtu-below-pod-mtu', evidence: [observed(flow)], certainty: 'likely' };
    default:
      return isLost(flow) ? readLost(view, flow, all) : null;
  }
}

function readRewritten(view: LabView, flow: PairFlow, all: readonly Flow[]): Reading {
  const evidence = [observed(flow), ...conntrackLines(flow)];
  const saw = endpointIn(flow.failure.saw);
  // Who else could speak with the server's own address, but somebody in its namespace?
  if (flow.protocol === 'tcp' && saw !== null && flow.server.pod?.interface?.addresses.some((one) => one.address === saw.address) === true)
    return {
      name: 'proxy-in-path',
      evidence: [...evidence, `${saw.address} is ${flow.server.id} itself: a program in it took the connection and made another`],
      certainty: 'likely',
    };
  if (flow.client.kind === 'node') return { name: 'node-source-rewritten', evidence, certainty: 'likely' };
  const wanted = endpointIn(flow.failure.expected);
  if (saw !== null && wanted !== null && saw.address === wanted.address && saw.port !== wanted.port)
    return { name: 'source-port-rewritten', evidence, certainty: 'likely' };
  const protocols = new Set(
    all.filter((one) => one.failure.class === 'rewritten' && one.client === flow.client && one.server === flow.server).map((one) => one.protocol),
  );
  const nodeOwned = saw !== null && nodeAddresses(flow.client.node).some((one) => one.address === saw.address);
  if (protocols.size === 1 && flow.protocol === 'tcp' && nodeOwned && saw.port !== wanted?.port)
    return { name: 'proxy-in-path', evidence, certainty: 'possible' };
  if (protocols.size === 1 && flow.protocol !== 'icmp') return { name: 'source-rewritten-for-one-protocol', evidence, certainty: 'possible' };
  return { name: 'pod-source-rewritten', evidence, certainty: 'likely' };
}

function readLost(view: LabView, flow: PairFlow, all: readonly Flow[]): Reading | null {
  const here = flow.client.node;
  const there = flow.server.node;
  const own = (counter: string): string => counterOf(counter, flow.family);
  const up = (netns: string, counter: string): boolean => (rise(view, netns, own(counter)) ?? 0) > 0;
  const counted = (name: DiagnosisName, machine: typeof here, counters: readonly string[]): Reading => ({
    name,
    evidence: riseEvidence(view, machine, counters.map(own)),
    certainty: 'likely',
  });
  if (failsBySize(flow) && (up(here.netns, 'IpOutDiscards') || up(there.netns, 'IpOutDiscards')))
    return counted('mtu-blackhole', up(here.netns, 'IpOutDiscards') ? here : there, ['IpFragFails', 'IpOutDiscards']);
  if (up(there.netns, 'UdpInCsumErrors')) return counted('overlay-checksum-bad', there, ['UdpInCsumErrors']);
  if (isRandom(flow, all)) return { name: 'packet-loss', evidence: lossEvidence(all), certainty: 'likely' };
  if (failsBySize(flow))
    return {
      name: 'mtu-blackhole',
      evidence: [`small probes between ${here.name} and ${there.name} come back, large ones do not: ${observed(flow)}`],
      certainty: 'possible',
    };
  if (!crossesNodes(flow)) return null;
  if (flow.failure.class === 'no-route')
    return { name: 'no-route-to-pod-cidr', evidence: [observed(flow), ...riseEvidence(view, here, [own('IpExtInNoRoutes')])], certainty: 'possible' };
  if (up(here.netns, 'IpInAddrErrors')) return counted('forwarding-disabled', here, ['IpInAddrErrors']);
  if (up(there.netns, 'TcpExtIPReversePathFilter')) return counted('reverse-path-filter-drops', there, ['TcpExtIPReversePathFilter']);
  if (up(there.netns, 'IpExtInNoRoutes')) return counted('no-return-route', there, ['IpExtInNoRoutes', 'IcmpOutDestUnreachs']);
  return null;
}

/** Some attempts of many pairs came back: whatever loses packets does not lose all of them. */
function isRandom(flow: PairFlow, all: readonly Flow[]): boolean {
  if (flow.failure.check === 'loss') return true;
  const lost = all
    .filter(isPair)
    .filter(isLost)
    .filter((one) => !failsBySize(one));
  const partial = lost.filter(isPartial).length;
  return partial > 0 && partial * 2 >= lost.length;
}

/** `(1 of 3 attempts)`: the others came back. */
function isPartial(flow: Flow): boolean {
  const found = /\((\d+) of (\d+) attempts\)/.exec(flow.failure.saw);
  return found !== null && Number(found[1]) < Number(found[2]);
}

function lossEvidence(all: readonly Flow[]): readonly string[] {
  const lost = all.filter(isLost);
  const pairs = new Set(lost.map((flow) => `${flow.client.id} ${flow.server?.id} ${flow.protocol}`));
  return [`probes of ${pairs.size} pairs and protocols were lost, while other attempts of the same pairs came back`];
}

/** The first `address:port` of a sentence. */
function endpointIn(text: string): { readonly address: string; readonly port: string } | null {
  const found = /\[([0-9a-f:.]+)\]:(\d+)|((?:\d{1,3}\.){3}\d{1,3}):(\d+)/.exec(text);
  return found === null ? null : { address: found[1] ?? found[3] ?? '', port: found[2] ?? found[4] ?? '' };
}

function observed(flow: Flow): string {
  const pair = flow.server === null ? flow.client.id : `${flow.client.id} to ${flow.server.id}`;
  return `${pair}, ${flow.protocol}: ${flow.failure.saw}; expected ${flow.failure.expected}`;
}

function conntrackLines(flow: Flow): readonly string[] {
  return flow.failure.conntrack
    .slice(0, 2)
    .map(
      (entry) =>
        `conntrack on ${entry.netns}: ${entry.original.source} to ${entry.original.destination}, replies from ${entry.reply.source} to ${entry.reply.destination}`,
    );
}

/** Names of the client's side, the server's side, or both. */
function whereOf(name: DiagnosisName, flows: readonly Flow[]): readonly string[] {
  const ids = flows.flatMap((flow) =>
    SERVER_SIDE.has(name) ? [flow.server?.node.id ?? ''] : ENDPOINT.has(name) ? [flow.server?.id ?? flow.client.id] : [flow.client.node.id],
  );
  return [...new Set(ids)].filter((id) => id !== '').slice(0, 8);
}

const SERVER_SIDE: ReadonlySet<DiagnosisName> = new Set<DiagnosisName>(['no-return-route', 'reverse-path-filter-drops', 'overlay-checksum-bad']);
const ENDPOINT: ReadonlySet<DiagnosisName> = new Set<DiagnosisName>([
  'duplicate-pod-ip',
  'port-not-listening',
  'address-not-assigned',
  'address-differs-from-plan',
]);
