/** A session that answers the suites beyond the network from what Jobs and entered pods reported: nothing is sent. */
import type { LabPlan } from '../../topology/plan.ts';
import { LabError } from '../../topology/errors.ts';
import { REPORTED_SIGHT, type Endpoint, type EngineSession, type NameReply, type ProbeRecord, type ProbeRequest } from '../port.ts';
import { createBatch, MAX_BATCH } from '../probe-batch.ts';
import { callLine, isCalled, offWire, type Call } from './calls.ts';
import type { ParsedEvidence, ProbeLine, ReplyLine } from './evidence.ts';
import { nodeHostnames } from './node-hostnames.ts';
import { recordOfLine } from './probe-record.ts';
import { READ_CONF } from './rehearsal.ts';

/**
 * A session over the calls of one cluster. What nobody reported is a record `not-run`.
 *
 * @param plan of the cluster, with the pods that asked and those that answered
 * @param places name of a pod in the evidence (`r1-0-x`, or `namespace/name` of an entered one) or of a node (R2) → its `netns`
 */
export function callingSession(evidence: Pick<ParsedEvidence, 'probes' | 'replies'>, plan: LabPlan, places: ReadonlyMap<string, string>): EngineSession {
  const probes = new Map<string, ProbeLine>();
  for (const line of evidence.probes) if (line.kind === 'call') probes.set(`${placeIn(places, line)} ${line.attempt} ${keyOf(line)}`, line);
  const replies = new Map<string, ReplyLine>();
  for (const line of evidence.replies) replies.set(`${placeIn(places, line)} ${line.kind} ${line.protocol} ${line.address} ${line.text}`, line);
  const replyTo = (place: string, call: Call): ReplyLine | undefined => {
    const [kind = '', protocol = '', address = '', , text = ''] = callLine(call).split('\t');
    return replies.get(`${place} ${kind} ${protocol} ${address} ${text}`);
  };
  const hosts = hostnames(plan);
  const doors = doorsOf(plan);
  return {
    sight: REPORTED_SIGHT,
    probe: (request, onBatch) => {
      const records: ProbeRecord[] = [];
      const answerer = answerersOf(request, hosts, doors);
      for (const [client, server] of request.pairs.kind === 'list' ? request.pairs.pairs : []) {
        const place = request.endpoints[client]?.netns ?? '';
        const dialled = dialledAt(request, server);
        for (let attempt = 0; attempt < request.attempts; attempt++) {
          const line = probes.get(`${place} ${attempt} ${request.protocol} ${dialled.address} ${dialled.port}`);
          records.push(
            recordOfLine({ client, server, attempt, dialledAddress: dialled.address, dialledPort: dialled.port }, line ?? null, (hostname) =>
              answerer(server, hostname),
            ),
          );
        }
      }
      for (let at = 0; at < records.length; at += MAX_BATCH) onBatch(createBatch(records.slice(at, at + MAX_BATCH)));
      return Promise.resolve({ probes: records.length, elapsedMs: 0, conntrack: [], unusable: {} });
    },
    names: {
      exchange: async (place, address, messages) => {
        const lines = reported(
          place,
          messages.map(({ protocol, data }) => replyTo(place, { kind: 'ask', protocol, address, data })),
        );
        return await Promise.resolve(
          lines.map((line): NameReply => (line.exit === 0 ? { data: offWire(line.protocol === 'tcp' ? 'tcp' : 'udp', line.data) } : { failed: whyNot(line) })),
        );
      },
      resolve: async (place, names) => {
        const lines = reported(
          place,
          names.map(({ name, family }) => replyTo(place, { kind: 'resolve', name, family })),
        );
        return await Promise.resolve(lines.map((line) => (line.exit === 0 ? addressesIn(line.data) : { failed: whyNot(line) })));
      },
    },
    run: (place, argv) => {
      const line = argv.join(' ') === READ_CONF ? replyTo(place, { kind: 'conf' }) : undefined;
      return line === undefined
        ? Promise.reject(notRun(`nobody reported ${argv.join(' ')} from ${place}`))
        : Promise.resolve({ exitCode: line.exit, stdout: Buffer.from(line.data, 'base64').toString(), stderr: line.error });
    },
    snapshot: () => Promise.resolve({ takenAt: '', namespaces: {} }),
    checkAttachments: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  };
}

const placeIn = (places: ReadonlyMap<string, string>, line: ProbeLine | ReplyLine): string =>
  places.get(line.requirement === 'r2' ? line.node : line.pod) ?? '';
const keyOf = ({ protocol, address, port }: Pick<ProbeLine, 'protocol' | 'address' | 'port'>): string => `${protocol} ${address} ${port}`;

function notRun(message: string): LabError {
  return new LabError({ code: 'ENGINE_UNSUPPORTED', message, hint: 'the verification is recorded: its Jobs have ended, and nothing can be run in them' });
}

/** What was not asked, or could not be for want of a tool, is no name that was not found. @throws {LabError} ENGINE_UNSUPPORTED */
function reported(place: string, lines: readonly (ReplyLine | undefined)[]): readonly ReplyLine[] {
  const asked = lines.flatMap((line) => line ?? []);
  const unable = asked.find((line) => line.exit === -1);
  if (unable !== undefined) throw notRun(unable.error);
  if (asked.length < lines.length) throw notRun(`${lines.length - asked.length} questions were not reported from ${place}`);
  return asked;
}

function whyNot(line: ReplyLine): string {
  if (line.kind === 'resolve') return line.exit === 2 ? 'ENOTFOUND' : 'silent';
  if (line.exit === 28) return 'silent';
  // A rule of the node itself: what rejects a datagram on its way out is told to who sends it.
  if (/not permitted/i.test(line.error)) return 'EPERM';
  // An ICMP error that ends nc says that the port is closed: of others the kernel tells a UDP socket nothing.
  return /refused|an ICMP error/i.test(line.error) ? 'ECONNREFUSED' : line.error || 'closed';
}

/** `10.96.0.1  STREAM web.default`, a line for each address and type of socket. A name without IPv6 is mapped into it. */
function addressesIn(data: string): readonly string[] {
  const lines = Buffer.from(data, 'base64').toString().split('\n');
  const found = lines.flatMap((line) => line.split(/\s+/)[0] || []).filter((address) => !address.startsWith('::ffff:'));
  return [...new Set(found)];
}

/** What a server says it is → the places that say so: several namespaces may have pods of one name. Key: identity without a port. */
function hostnames(plan: LabPlan): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const add = (name: string, id: string): void => void found.set(id, [...(found.get(id) ?? []), name]);
  for (const { nodes, pods } of plan.clusters) {
    for (const pod of pods) add(pod.hostname === '' ? pod.name : pod.hostname, pod.id);
    for (const node of nodes) for (const name of nodeHostnames(node)) add(name, node.id);
  }
  return found;
}

/** `tcp 10.96.1.2 80` → the addresses and ports behind it. */
function doorsOf(plan: LabPlan): ReadonlyMap<string, ReadonlySet<string>> {
  const doors = new Map<string, Set<string>>();
  for (const { services, nodes } of plan.clusters) {
    const nodeAddresses = nodes.flatMap((node) => node.interfaces.flatMap((face) => face.addresses.map((one) => one.address)));
    for (const service of services) {
      for (const port of service.ports) {
        const protocol = port.protocol.toLowerCase();
        const behind = service.endpoints.flatMap((endpoint) =>
          endpoint.ports.filter((has) => has.name === port.name && has.protocol === port.protocol).map((has) => `${endpoint.address} ${has.port}`),
        );
        const add = (address: string, number: number | null): void => {
          if (number !== null) doors.set(`${protocol} ${address} ${number}`, new Set(behind));
        };
        for (const address of [...service.clusterIPs, ...service.externalIPs, ...service.loadBalancerIPs]) add(address, port.port);
        for (const address of nodeAddresses) add(address, port.nodePort);
      }
    }
  }
  return doors;
}

function dialledAt(request: ProbeRequest, server: number): { readonly address: string; readonly port: number } {
  const to = request.endpoints[server];
  return { address: to?.addresses.find((one) => one.family === request.family)?.address ?? '', port: to?.port ?? request.port };
}

type Answerer = (server: number, hostname: string) => number;

/** Who it is that says a name: one of the responders that stand behind what was dialled, else any responder of that name, else nobody. */
function answerersOf(request: ProbeRequest, hosts: ReadonlyMap<string, readonly string[]>, doors: ReadonlyMap<string, ReadonlySet<string>>): Answerer {
  const listed = request.responders === 'listen' || request.responders === 'none' ? request.endpoints.map((_, index) => index) : request.responders;
  const named = (endpoint: Endpoint | undefined, hostname: string): boolean =>
    hosts.get(endpoint?.id.replace(/ port \d+$/, '') ?? '')?.includes(hostname) ?? false;
  return (server, hostname) => {
    if (hostname === '') return -1;
    if (named(request.endpoints[server], hostname)) return server;
    const same = listed.filter((index) => named(request.endpoints[index], hostname));
    const { address, port } = dialledAt(request, server);
    const behind = isCalled(request.protocol) ? doors.get(`${request.protocol} ${address} ${port}`) : undefined;
    return same.find((index) => behind?.has(`${dialledAt(request, index).address} ${dialledAt(request, index).port}`)) ?? same[0] ?? -1;
  };
}
