/** A session that answers from the evidence of a verification that is over: nothing is sent. */
import { LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { emptyNamespace } from '../empty-namespace.ts';
import {
  REPORTED_SIGHT,
  type Endpoint,
  type EngineSession,
  type NamespaceSnapshot,
  type ProbeRecord,
  type ProbeRequest,
  type ProbeSummary,
  type Snapshot,
} from '../port.ts';
import { createBatch, MAX_BATCH } from '../probe-batch.ts';
import type { Collected } from './collect.ts';
import type { ProbeLine } from './evidence.ts';
import { addressSnapshots, linkSnapshot } from './ip-json.ts';
import { nodeHostnames } from './node-hostnames.ts';
import { recordOfLine } from './probe-record.ts';
import { readKernels, type OnNode } from './read-kernels.ts';
import { viewLinks } from './views.ts';

/**
 * A session over what was collected in one cluster. A pair that was not probed, or not in the way asked for, is
 * answered by a record `not-run`. What the server's socket saw as its own address is not observable: it is given as dialled where the right server
 * answered ({@link SessionSight.destination} is false).
 *
 * @param plan made by `observedPlan` of the same evidence
 * @param onNode enters the nodes, whose kernels are read as they are when they are asked for; null where they cannot be entered
 */
export function recordedSession(collected: Collected, plan: LabPlan, onNode: OnNode | null = null): EngineSession {
  const names = nameTable(plan, collected);
  const lines = indexLines(collected);
  const recorded = (): Promise<never> =>
    Promise.reject(
      new LabError({
        code: 'ENGINE_UNSUPPORTED',
        message: 'the verification is recorded: its Jobs have ended, and nothing can be run in them',
        hint: 'use kubectl exec on the pods of the lab',
      }),
    );
  return {
    sight: { ...REPORTED_SIGHT, kernel: onNode !== null },
    probe: (request, onBatch): Promise<ProbeSummary> => {
      const records: ProbeRecord[] = [];
      const indexes = new Map(request.endpoints.map((endpoint, index) => [endpoint.id, index]));
      for (const [client, server] of pairsOf(request)) {
        for (let attempt = 0; attempt < request.attempts; attempt++)
          records.push(recordOf(request, [client, server], attempt, lines, (hostname) => indexes.get(names.hostnames.get(hostname) ?? '') ?? -1));
      }
      for (let at = 0; at < records.length; at += MAX_BATCH) onBatch(createBatch(records.slice(at, at + MAX_BATCH)));
      return Promise.resolve({
        probes: records.length,
        elapsedMs: 0,
        conntrack: conntrackOf(collected, request),
        unusable: unusableOf(collected, request, names),
      });
    },
    snapshot: async (namespaces, options): Promise<Snapshot> => {
      const asked = new Set(namespaces);
      const nodes = onNode === null ? [] : [...names.nodeIds.keys()].filter((node) => asked.has(node)).map((node) => ({ netns: node, node, pod: null }));
      const live = onNode === null ? null : await readKernels(onNode, nodes, options);
      return { takenAt: new Date().toISOString(), namespaces: { ...snapshotOf(collected, names, asked), ...live?.namespaces } };
    },
    run: recorded,
    checkAttachments: recorded,
    close: () => Promise.resolve(),
  };
}

interface Names {
  /** Name of a pod of a verification → its identity. */
  readonly podIds: ReadonlyMap<string, string>;
  /** What a responder says it is → identity of the pod or node. */
  readonly hostnames: ReadonlyMap<string, string>;
  /** Name of a node in Kubernetes → its identity in the plan. */
  readonly nodeIds: ReadonlyMap<string, string>;
}

function nameTable(plan: LabPlan, collected: Collected): Names {
  const podIds = new Map<string, string>();
  const nodeIds = new Map<string, string>();
  const hostnames = new Map<string, string>();
  for (const { nodes, pods } of plan.clusters) {
    for (const pod of pods) podIds.set(pod.name, pod.id);
    for (const node of nodes) {
      nodeIds.set(node.netns, node.id);
      for (const name of nodeHostnames(node)) hostnames.set(name, node.id);
    }
  }
  for (const { name, hostname } of collected.pods) {
    const id = podIds.get(name);
    if (id !== undefined) hostnames.set(hostname, id);
  }
  return { podIds, nodeIds, hostnames };
}

type Kind = ProbeLine['kind'];
type Lines = ReadonlyMap<string, ProbeLine>;

/** Whom a line is about, as an endpoint is: the pod that probed, or its node for what lives in the node's namespace. */
function indexLines({ evidence }: Collected): Lines {
  const lines = new Map<string, ProbeLine>();
  for (const line of evidence.probes) {
    const client = line.requirement === 'r2' ? line.node : line.pod;
    const key = (target: string): string => keyOf(client, target, line.kind, line.protocol, line.family, line.attempt);
    lines.set(key(line.kind === 'node' || line.kind === 'nobody' ? line.targetNode : line.target), line);
  }
  return lines;
}

function keyOf(client: string, target: string, kind: Kind, protocol: string, family: string, attempt: number): string {
  return `${client} ${target} ${kind} ${protocol} ${family} ${attempt}`;
}

function* pairsOf({ pairs }: ProbeRequest): Generator<readonly [client: number, server: number]> {
  if (pairs.kind === 'list') yield* pairs.pairs;
  else for (const client of pairs.clients) for (const server of pairs.servers) if (client !== server || pairs.self) yield [client, server];
}

/** Name in Kubernetes: of a pod, or of a node by its namespace. */
function nameOf(endpoint: Endpoint): string {
  return endpoint.kind === 'pod' ? (endpoint.id.split('/').at(-1) ?? '') : endpoint.netns;
}

function kindOf(request: ProbeRequest, client: number, server: number): { readonly kind: Kind; readonly target: string } {
  const endpoint = request.endpoints[server];
  if (endpoint === undefined) return { kind: 'mesh', target: '' };
  if (isNobody(endpoint)) return { kind: 'nobody', target: endpoint.netns };
  const target = nameOf(endpoint);
  if (request.responders === 'none') return { kind: 'closed', target };
  if (request.streamBytes !== undefined) return { kind: 'stream', target };
  if (endpoint.kind === 'node') return { kind: 'node', target };
  return { kind: client === server ? 'self' : 'mesh', target };
}

/** An address of a node's share that nobody has, as the controls dial it. */
function isNobody(endpoint: Endpoint): boolean {
  return endpoint.id.startsWith('nobody');
}

/** Was that ever sent? Sizes and ICMP are not, and of the addresses that nobody has on a node there is one. */
function lineOf(request: ProbeRequest, client: number, server: number, attempt: number, lines: Lines): ProbeLine | null {
  const from = request.endpoints[client];
  if (from === undefined || request.protocol === 'icmp' || request.df === true || request.dial !== undefined) return null;
  const { kind, target } = kindOf(request, client, server);
  const line = lines.get(keyOf(nameOf(from), target, kind, request.protocol, request.family, attempt));
  return line === undefined || line.port !== request.port ? null : line;
}

function recordOf(
  request: ProbeRequest,
  [client, server]: readonly [client: number, server: number],
  attempt: number,
  lines: Lines,
  whoIs: (hostname: string) => number,
): ProbeRecord {
  const line = lineOf(request, client, server, attempt, lines);
  const dialledAddress = line?.address ?? request.endpoints[server]?.addresses.find((one) => one.family === request.family)?.address ?? '';
  const record = recordOfLine({ client, server, attempt, dialledAddress, dialledPort: line?.port ?? request.port }, line, whoIs);
  // Where the right one answered, the destination is what was dialled, as far as anybody can tell.
  const right = record.answeredBy === server && record.outcome !== 'not-run';
  return right ? { ...record, seenDestinationAddress: record.dialledAddress, seenDestinationPort: record.dialledPort } : record;
}

function conntrackOf({ conntrack }: Collected, request: ProbeRequest): ProbeSummary['conntrack'] {
  const asked = new Set(request.conntrack);
  return conntrack.filter((one) => one.protocol === request.protocol && asked.has(one.netns));
}

/** Responders that did not come up. One on the host network concerns only those who ask the node, not what the node asks. */
function unusableOf({ notRun, pods }: Collected, request: ProbeRequest, names: Names): Readonly<Record<string, string>> {
  const servers = new Set([...pairsOf(request)].map(([, server]) => request.endpoints[server]?.id));
  const unusable: Record<string, string> = {};
  for (const { node, requirement, reason } of notRun) {
    const pod = pods.find((one) => one.role === requirement && one.node === node);
    const id = requirement === 'host-responder' ? names.nodeIds.get(node) : requirement === 'responder' ? names.podIds.get(pod?.name ?? '') : undefined;
    if (id !== undefined && servers.has(id)) unusable[id] = reason;
  }
  return unusable;
}

function snapshotOf({ evidence }: Collected, names: Names, asked: ReadonlySet<string>): Snapshot['namespaces'] {
  const found: Record<string, NamespaceSnapshot> = {};
  for (const view of evidence.views) {
    const links = viewLinks(view);
    const netns = view.requirement === 'r2' ? view.node : (names.podIds.get(view.pod) ?? '');
    if (links === null || !asked.has(netns)) continue;
    found[netns] = { ...emptyNamespace(netns), links: links.map(linkSnapshot), addresses: links.flatMap(addressSnapshots) };
  }
  return found;
}
