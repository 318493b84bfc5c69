/**
 * A session over a network that exists only as a function: what `verifyLab` does with answers is tested here, whether a kernel gives such answers is
 * tested in test/integration.
 */
import { emptyNamespace } from '../../engines/empty-namespace.ts';
import { UNSEEN } from '../../engines/kubernetes/probe-record.ts';
import type { ConntrackReading, EngineSession, NamespaceSnapshot, ProbeRecord, ProbeRequest, ProbeSummary, Snapshot } from '../../engines/port.ts';
import { createBatch } from '../../engines/probe-batch.ts';
import type { LabPlan, NodePlan, PodPlan } from '../../topology/plan.ts';
import { eachPair } from '../../verify/probe-plan.ts';
import { fakeSession } from '../fake-session.ts';
import { healthyCni } from './healthy-cni.ts';
import { link } from './inventory-fixture.ts';

/** One probe under way: the record of a healthy network, to be changed. */
export interface ModelProbe {
  readonly request: ProbeRequest;
  readonly record: ProbeRecord;
  readonly clientId: string;
  readonly serverId: string;
  readonly clientNode: string;
  readonly serverNode: string;
  /** Bytes of the IP packet. */
  readonly packetBytes: number;
}

export interface Model {
  /** What the network does to a probe; null: the record never arrives. */
  readonly change?: (probe: ModelProbe) => Partial<ProbeRecord> | null;
  readonly unusable?: (request: ProbeRequest) => Readonly<Record<string, string>>;
  readonly conntrack?: (request: ProbeRequest, records: readonly ProbeRecord[]) => readonly ConntrackReading[];
  readonly snapshot?: (netns: string, healthy: NamespaceSnapshot) => NamespaceSnapshot | null;
}

export interface ModelSession extends EngineSession {
  readonly requests: readonly ProbeRequest[];
  readonly snapshots: readonly { readonly namespaces: readonly string[]; readonly rules: boolean }[];
}

export const SILENT = { ...UNSEEN, outcome: 'silent' } as const satisfies Partial<ProbeRecord>;

export function modelSession(plan: LabPlan, model: Model = {}): ModelSession {
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const pods = plan.clusters.flatMap((cluster) => cluster.pods);
  const requests: ProbeRequest[] = [];
  const snapshots: ModelSession['snapshots'][number][] = [];
  let port = 40_000;
  return {
    ...fakeSession({}),
    requests,
    snapshots,
    probe: (request, onBatch): Promise<ProbeSummary> => {
      requests.push(request);
      const records: ProbeRecord[] = [];
      for (let attempt = 0; attempt < request.attempts; attempt++) {
        eachPair(request.pairs, (client, server) => {
          port = port === 60_000 ? 40_000 : port + 1;
          const record = oneProbe(request, client, server, attempt, port, nodes, pods, model);
          if (record !== null) records.push(record);
        });
      }
      // Two batches: what is kept between records must survive a change of the address table.
      const half = Math.ceil(records.length / 2);
      for (const part of [records.slice(0, half), records.slice(half)]) if (part.length > 0) onBatch(createBatch(part));
      const quiet = request.conntrack.map((netns): ConntrackReading => ({ netns, entries: 0, asymmetric: [], error: null }));
      return Promise.resolve({
        probes: records.length,
        elapsedMs: 1,
        conntrack: model.conntrack?.(request, records) ?? quiet,
        unusable: model.unusable?.(request) ?? {},
      });
    },
    snapshot: (namespaces, options): Promise<Snapshot> => {
      snapshots.push({ namespaces, rules: options.rules });
      const read = namespaces.flatMap((netns) => {
        const healthy = namespaceOf(netns, nodes, pods);
        const found = model.snapshot === undefined ? healthy : model.snapshot(netns, healthy);
        return found === null ? [] : [[netns, found] as const];
      });
      return Promise.resolve({ takenAt: '2026-01-02T03:04:05.000Z', namespaces: Object.fromEntries(read) });
    },
  };
}

function oneProbe(
  request: ProbeRequest,
  client: number,
  server: number,
  attempt: number,
  port: number,
  nodes: readonly NodePlan[],
  pods: readonly PodPlan[],
  model: Model,
): ProbeRecord | null {
  const { family, protocol } = request;
  const from = request.endpoints[client];
  const to = request.endpoints[server];
  if (from === undefined || to === undefined) throw new Error(`no endpoint ${client} or ${server}`);
  const nodeOf = (id: string): string => pods.find((pod) => pod.id === id)?.node ?? nodes.find((node) => node.id === id)?.name ?? '';
  const dialledAddress = to.addresses.find((one) => one.family === family)?.address ?? '';
  const localAddress = sourceOf(from, nodeOf(from.id) === nodeOf(to.id), family, nodes);
  const dialledPort = protocol === 'icmp' ? 0 : request.port;
  const healthy: ProbeRecord = {
    client,
    server,
    attempt,
    outcome: 'ok',
    errno: 0,
    rttUs: 50,
    localAddress,
    localPort: port,
    dialledAddress,
    dialledPort,
    seenSourceAddress: localAddress,
    seenSourcePort: port,
    seenDestinationAddress: dialledAddress,
    seenDestinationPort: dialledPort,
    seenTtl: protocol === 'tcp' ? 0 : 62,
    answeredBy: server,
    replyFromAddress: protocol === 'tcp' ? '' : dialledAddress,
    nonceThere: true,
    nonceBack: true,
  };
  const packetBytes = (request.payloadBytes ?? 16) + (family === 'ipv4' ? 28 : 48);
  const mtu = pods.find((pod) => pod.id === from.id)?.interface?.mtuBytes ?? 1500;
  const nobody = !pods.some((pod) => pod.id === to.id) && !nodes.some((node) => node.id === to.id);
  const natural: Partial<ProbeRecord> = nobody
    ? SILENT
    : request.responders === 'none'
      ? { ...UNSEEN, outcome: 'refused', errno: 111 }
      : request.df === true && packetBytes > mtu
        ? { ...UNSEEN, outcome: 'too-big', errno: 90 }
        : {};
  const record = { ...healthy, ...natural };
  const changed = model.change?.({
    request,
    record,
    clientId: from.id,
    serverId: to.id,
    clientNode: nodeOf(from.id),
    serverNode: nodeOf(to.id),
    packetBytes,
  });
  return changed === null ? null : { ...record, ...changed };
}

/** A pod by its own address, a node by its bridge to its own pods and by its underlay address to others. */
function sourceOf(from: ProbeRequest['endpoints'][number], near: boolean, family: string, nodes: readonly NodePlan[]): string {
  const node = nodes.find((one) => one.id === from.id);
  const bridge = node?.bridge?.addresses.find((one) => one.family === family)?.address;
  if (near && bridge !== undefined) return bridge;
  return from.addresses.find((one) => one.family === family)?.address ?? '';
}

function namespaceOf(netns: string, nodes: readonly NodePlan[], pods: readonly PodPlan[]): NamespaceSnapshot {
  const pod = pods.find((one) => one.netns === netns && !one.hostNetwork);
  const node = nodes.find((one) => one.netns === netns);
  const devices = [...(pod?.interface === undefined || pod.interface === null ? [] : [pod.interface]), ...(node?.interfaces ?? [])];
  return {
    ...emptyNamespace(netns),
    ...(node === undefined ? {} : healthyCni(node)),
    links: devices.map((device, index) => link(index + 1, device.name, device.mac, device.mtuBytes)),
    addresses: devices.flatMap((device) => device.addresses.map((one) => ({ dev: device.name, ...one }))),
  };
}
