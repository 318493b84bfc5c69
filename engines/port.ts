/** What every engine offers. Verification sees an engine only through these types. */
import type { Family } from '../topology/spec.ts';
import type { ArtifactSet } from '../topology/artifacts.ts';
import type { Diagnostic } from '../topology/diagnostic.ts';
import type { Outcome } from '../topology/outcome.ts';
import type { LabPlan } from '../topology/plan.ts';

export type { Outcome } from '../topology/outcome.ts';

/** Progress of an engine, rendered by the CLI. */
export interface EngineEvent {
  readonly step: string;
  readonly phase: 'start' | 'progress' | 'end' | 'failed';
  readonly detail?: string;
  readonly ms?: number;
}
export type OnEvent = (event: EngineEvent) => void;

/** Something this machine has or lacks, found by trying it. */
export interface Capability {
  readonly id: string;
  readonly title: string;
  readonly ok: boolean;
  /** What was tried and what came back. */
  readonly detail: string;
  /** A command or instruction that mends the lack; empty when ok. */
  readonly remedy: string;
  /** Without it: nothing works, or only what is named in `neededBy` fails. */
  readonly required: boolean;
  readonly neededBy: string;
}

/** What was found of one capability. */
export type Finding = Pick<Capability, 'ok' | 'detail' | 'remedy'>;

/** What an engine does not do for real. */
export interface FidelityStatement {
  readonly engine: string;
  readonly real: readonly string[];
  readonly sameMechanism: readonly string[];
  readonly absent: readonly string[];
}

/** How to find a running lab again. JSON, kept in the lab's state. */
export interface EngineHandle {
  readonly engine: string;
  readonly [key: string]: string | number | boolean;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One end of a probe. */
export interface Endpoint {
  /** `cluster/namespace/pod` or `cluster/node` or a host's name. */
  readonly id: string;
  readonly kind: 'pod' | 'node' | 'host';
  readonly netns: string;
  /** Namespace of the machine it is on (its own for a node or host): where conntrack is asked about its flows. */
  readonly node?: string;
  /** One address per family that is dialled when this endpoint is the server. */
  readonly addresses: readonly { readonly family: Family; readonly address: string }[];
  /** TCP and UDP: dialled there, and listened on, in place of the request's `port`. */
  readonly port?: number;
  /** UDP: the port that it asks from, in place of a fresh one. */
  readonly sourcePort?: number;
}

export type ProbeProtocol = 'tcp' | 'udp' | 'icmp';

/**
 * A set of probes of one protocol and family. Every probe is a fresh socket with a fresh source port; nothing is retried.
 * The engine opens one responder per server endpoint (TCP and UDP on `port`; ICMP is observed by a raw socket), probes, and closes them.
 */
export interface ProbeRequest {
  readonly protocol: ProbeProtocol;
  readonly family: Family;
  /** Port of the responders, 1-65535; ignored for icmp. */
  readonly port: number;
  readonly endpoints: readonly Endpoint[];
  /** Indexes into `endpoints`; `matrix` is every client × every server (self included when an index is in both). */
  readonly pairs:
    | { readonly kind: 'matrix'; readonly clients: readonly number[]; readonly servers: readonly number[]; readonly self: boolean }
    | { readonly kind: 'list'; readonly pairs: readonly (readonly [client: number, server: number])[] };
  /** Fresh probes per pair. */
  readonly attempts: number;
  /** One common deadline for all unanswered probes, counted from the last one sent. */
  readonly deadlineMs: number;
  /** Payload bytes there (UDP and ICMP: both ways), at least 16. With `df` the datagram must not be fragmented. @default 16 */
  readonly payloadBytes?: number;
  readonly df?: boolean;
  /** TCP only: after the exchange, stream that many bytes both ways. */
  readonly streamBytes?: number;
  /**
   * listen: responders are opened at the servers (normal). none: no responder is opened: a control that must be refused or stay silent. A list of indexes:
   * responders are opened at these endpoints, and the servers are addresses that lead to them (a Service's); `answeredBy` says to which.
   */
  readonly responders: 'listen' | 'none' | readonly number[];
  /** Dial this address instead of the server endpoint's (control: an address that nobody has). */
  readonly dial?: string;
  /**
   * Ask conntrack about every flow as it is probed, on those of these namespaces that it crosses: the client's node, the server's node, and
   * every one that is no endpoint's node (a router) when the two differ. What is not symmetric is returned.
   */
  readonly conntrack: readonly string[];
}

/** One probe, both ends. Fields that do not exist for an outcome are '' or 0. */
export interface ProbeRecord {
  readonly client: number;
  readonly server: number;
  readonly attempt: number;
  readonly outcome: Outcome;
  /** errno of the client (Linux numbers), or 0. */
  readonly errno: number;
  readonly rttUs: number;
  /** Client socket's own view: getsockname() after connect. For icmp the port is the echo id. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly dialledAddress: string;
  readonly dialledPort: number;
  /** What the server's socket saw. '' when the server saw nothing of this probe (matched by nonce). */
  readonly seenSourceAddress: string;
  readonly seenSourcePort: number;
  readonly seenDestinationAddress: string;
  readonly seenDestinationPort: number;
  /** TTL or hop limit at the server; 0 where it was not read (tcp). */
  readonly seenTtl: number;
  /** Index of the endpoint that says it answered; -1 when nobody did. */
  readonly answeredBy: number;
  /** Where the reply came from, as the client's socket saw it ('' for tcp, whose socket accepts no other). */
  readonly replyFromAddress: string;
  /** The server got the client's nonce; the client got the server's echo of it. */
  readonly nonceThere: boolean;
  readonly nonceBack: boolean;
}

/**
 * Records in columns: 999 000 probes must not be 999 000 objects. `at(i)` makes one object on demand; hot loops read the columns.
 * Addresses are indexes into `addresses` (0 = '').
 */
export interface ProbeBatch {
  readonly length: number;
  readonly addresses: readonly string[];
  readonly client: Uint32Array;
  readonly server: Uint32Array;
  readonly attempt: Uint8Array;
  /** Index into OUTCOMES. */
  readonly outcome: Uint8Array;
  readonly errno: Int16Array;
  readonly rttUs: Uint32Array;
  readonly localAddress: Uint32Array;
  readonly localPort: Uint16Array;
  readonly dialledAddress: Uint32Array;
  readonly dialledPort: Uint16Array;
  readonly seenSourceAddress: Uint32Array;
  readonly seenSourcePort: Uint16Array;
  readonly seenDestinationAddress: Uint32Array;
  readonly seenDestinationPort: Uint16Array;
  readonly seenTtl: Uint8Array;
  readonly answeredBy: Int32Array;
  readonly replyFromAddress: Uint32Array;
  /** Bit 0: nonceThere, bit 1: nonceBack. */
  readonly nonce: Uint8Array;
  at(index: number): ProbeRecord;
}

export interface ConntrackTuple {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A conntrack entry whose reply tuple is not the exact reverse of the original. */
export interface ConntrackEntry {
  readonly netns: string;
  readonly protocol: ProbeProtocol;
  readonly original: ConntrackTuple;
  readonly reply: ConntrackTuple;
  readonly replied: boolean;
}

export interface ConntrackReading {
  readonly netns: string;
  /** Entries found for the probed flows; 0 where conntrack is not active (no nat or ct rule). */
  readonly entries: number;
  readonly asymmetric: readonly ConntrackEntry[];
  /** Set when the table could not be read. */
  readonly error: string | null;
}

export interface ProbeSummary {
  readonly probes: number;
  readonly elapsedMs: number;
  readonly conntrack: readonly ConntrackReading[];
  /** Endpoints whose responder or self test on the own address failed: id → reason. Their pairs are inconclusive. */
  readonly unusable: Readonly<Record<string, string>>;
}

export interface LinkSnapshot {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly master: string | null;
  readonly kind: string;
  /** Of a veth: `index` of its other end, in whichever namespace that is; absent where it was not told. */
  readonly peer?: number;
  readonly vxlan: { readonly vni: number; readonly port: number; readonly local: string; readonly learning: boolean } | null;
  readonly hairpin: boolean | null;
  readonly statistics: { readonly rxPackets: number; readonly txPackets: number; readonly rxDropped: number; readonly txDropped: number };
}
export interface AddressSnapshot {
  readonly dev: string;
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
}
export interface RouteSnapshot {
  readonly family: Family;
  readonly to: string;
  readonly via: string | null;
  readonly dev: string | null;
  readonly type: string;
  readonly proto: number;
  readonly metric: number;
  readonly table: number;
  readonly onlink: boolean;
}
export interface NeighbourSnapshot {
  readonly dev: string;
  readonly family: Family;
  readonly address: string;
  readonly mac: string;
  readonly state: string;
}
export interface FdbSnapshot {
  readonly dev: string;
  readonly mac: string;
  readonly dst: string | null;
  readonly permanent: boolean;
}

/** What the container runtime of a node has to attach a new pod with. */
export interface CniSetupSnapshot {
  readonly configFolder: string;
  /** Files that a runtime takes for configurations (.conf, .conflist, .json), by name: the first one counts. */
  readonly configs: readonly { readonly file: string; readonly text: string }[];
  readonly pluginFolder: string;
  /** Names of the programs in it. */
  readonly plugins: readonly string[];
}

/** Kernel state of one namespace, read at once. */
export interface NamespaceSnapshot {
  readonly netns: string;
  readonly links: readonly LinkSnapshot[];
  readonly addresses: readonly AddressSnapshot[];
  readonly routes: readonly RouteSnapshot[];
  readonly neighbours: readonly NeighbourSnapshot[];
  readonly fdb: readonly FdbSnapshot[];
  /** net/ipv4/ip_forward → '1'. Keys as in the sysctl op. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** `iptables-save -c`, `ip6tables-save -c`, `nft list ruleset`; '' where not asked for or not there. */
  readonly rules: {
    readonly iptables: string;
    readonly ip6tables: string;
    readonly nft: string;
    /** What the legacy backend holds besides, in the same form; absent where it has no tables, or the two above are its own. */
    readonly legacy?: { readonly iptables: string; readonly ip6tables: string };
  };
  /** /proc/net/snmp and /proc/net/netstat: IpExtInNoRoutes → n. And of connection tracking: ConntrackEntries, ConntrackMax, ConntrackDrops. */
  readonly counters: Readonly<Record<string, number>>;
  /** Listening TCP sockets, `address:port`. */
  readonly listening: readonly string[];
  /** UDP flows that connection tracking translates; absent where not asked for. */
  readonly flows?: readonly ConntrackEntry[];
  /** Of a node that attaches pods by plugins. */
  readonly cni?: CniSetupSnapshot;
  /** What it calls itself, of a machine that has such files to itself: /etc/hostname and /etc/machine-id. */
  readonly identity?: { readonly hostName: string; readonly machineId: string };
  /** The last line that its DNS server wrote, where one was started and has ended. */
  readonly dnsServerEnded?: string;
}
export interface Snapshot {
  readonly takenAt: string;
  readonly namespaces: Readonly<Record<string, NamespaceSnapshot>>;
}

/** What to capture, while something goes on. */
export interface CaptureRequest {
  readonly namespaces: readonly string[];
  /** At most that many packets of each namespace, each cut to `bytes`. */
  readonly packets: number;
  readonly bytes: number;
}

export interface CapturedPacket {
  readonly netns: string;
  readonly dev: string;
  /** As the link sees it: out is what its namespace sends. */
  readonly direction: 'in' | 'out';
  /** What it begins with: an Ethernet frame, or an IP header. */
  readonly link: 'ethernet' | 'ip';
  /** Microseconds since 1970. */
  readonly atUs: number;
  /** Of the whole packet, in bytes. */
  readonly length: number;
  /** Its first bytes, base64. */
  readonly data: string;
}

export interface Capture {
  /** In the order of time. */
  readonly packets: readonly CapturedPacket[];
  /** Packets that the kernel had no room for. */
  readonly dropped: number;
}

/** What to follow as it passes. */
export interface FollowRequest {
  readonly netns: string;
  /** One device of it; null: all. */
  readonly dev: string | null;
  /** Each packet is cut to so many. */
  readonly bytes: number;
}

export interface FollowContext {
  /** From now on nothing is missed. */
  readonly onStart: () => void;
  /** In the order of time, some ten milliseconds after they passed. */
  readonly onPackets: (packets: readonly CapturedPacket[]) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** One attachment by CNI, made by hand. */
export interface CniRequest {
  readonly command: 'ADD' | 'CHECK' | 'DEL';
  /** Namespace of the machine in which the plugins run. */
  readonly node: string;
  /** Namespace to attach. */
  readonly netns: string;
  /** The namespace is there for this alone: ADD makes it when it is missing, DEL removes it when nothing is attached any more. */
  readonly owned: boolean;
  readonly containerId: string;
  readonly ifname: string;
  /** Network configuration list (CNI specification, section 1). */
  readonly list: Readonly<Record<string, unknown>>;
  readonly pod: { readonly namespace: string; readonly name: string };
}

/** One call of a plugin: all that it was given, and all that it said. */
export interface CniCall {
  readonly command: CniRequest['command'];
  /** Its type in the list. */
  readonly plugin: string;
  readonly program: string;
  /** The CNI_* variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Readonly<Record<string, unknown>>;
  readonly exitCode: number;
  /** The JSON that it printed, a result or an error; null: none. */
  readonly answer: Readonly<Record<string, unknown>> | null;
  readonly stderr: string;
  readonly ms: number;
}

export interface CniRun {
  /** In the order of the list, of DEL in reverse; up to the first that failed. */
  readonly calls: readonly CniCall[];
  /** After an ADD that failed: the DEL that takes it back. */
  readonly undone: readonly CniCall[];
  readonly ok: boolean;
  /** Of an ADD: what the last plugin answered. */
  readonly result: Readonly<Record<string, unknown>> | null;
  /** The namespace was made, or removed, by this. */
  readonly made: boolean;
  readonly removed: boolean;
}

/** What a session can look at; what it cannot is said in the report and not judged. */
export interface SessionSight {
  /** false: probes are sent by others, from inside of the cluster. @default true */
  readonly probes?: boolean;
  /** A few probes can be sent where `probes` is false, of every protocol, each by programs that start for it. @default false */
  readonly single?: boolean;
  /** ICMP can be sent and seen. */
  readonly icmp: boolean;
  /** Datagrams of a chosen size with DF: what decides an MTU. */
  readonly df: boolean;
  /** The kernel of nodes and pods can be read (`snapshot` of everything, with rules): what a diagnosis needs. */
  readonly kernel: boolean;
  /** Times are the network's; else they are those of programs that had to start first. */
  readonly clock: boolean;
  /** The server's own socket tells to which address it was sent. */
  readonly destination: boolean;
}

/** Of an engine whose namespaces are entered. */
export const FULL_SIGHT: SessionSight = { icmp: true, df: true, kernel: true, clock: true, destination: true };
/** Of programs in pods that report: no ICMP and no chosen sizes without raw sockets, no kernel of a node, and netexec does not tell to which address it was sent. */
export const REPORTED_SIGHT: SessionSight = { icmp: false, df: false, kernel: false, clock: false, destination: false };

/** A DNS message that goes out, base64, and how. */
export interface NameMessage {
  readonly protocol: 'udp' | 'tcp';
  readonly data: string;
}

/** A DNS message that came back, base64, or what happened in its place: `silent`, or the name of the errno. */
export type NameReply = { readonly data: string } | { readonly failed: string };

/** Asks for names from a place of the lab, where no program of this package can run. */
export interface NameSource {
  /** To a server's port 53, each by a socket of its own; replies in the order of the messages. */
  exchange(netns: string, server: string, messages: readonly NameMessage[], deadlineMs: number): Promise<readonly NameReply[]>;
  /** By the resolver of the system, with the place's own resolv.conf; in the order of the names. */
  resolve(
    netns: string,
    names: readonly { readonly name: string; readonly family: 4 | 6 }[],
    deadlineMs: number,
  ): Promise<readonly (readonly string[] | { readonly failed: string })[]>;
}

/** One HTTP/1.1 GET, by a connection of its own. */
export interface HttpAsk {
  readonly address: string;
  readonly port: number;
  /** The Host header. */
  readonly host: string;
  readonly path: string;
}

/** What the server that answered says of itself and of what it got. */
export interface HttpWitness {
  /** Where it took the connection. */
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly path: string;
}

/** The status, and who answered (null: none of the request's servers); or what happened in its place: `silent`, or the name of the errno. */
export type HttpReply = { readonly status: number; readonly by: HttpWitness | null } | { readonly failed: string };

/** HTTP through the lab: small servers that say who they are are opened, then the clients ask, then the servers are closed. */
export interface HttpRequest {
  readonly servers: readonly { readonly netns: string; readonly port: number }[];
  readonly clients: readonly { readonly netns: string; readonly asks: readonly HttpAsk[] }[];
  readonly deadlineMs: number;
}

export interface HttpSummary {
  /** By client, in the order of its asks. */
  readonly replies: readonly (readonly HttpReply[])[];
  /** Servers that could not be opened, in the order of the request: the reason, or null. */
  readonly unusable: readonly (string | null)[];
}

/** One way through a lab, measured by one TCP connection of its own: small messages there and back, one after the other, then a stream. */
export interface MeasureRequest {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly family: Family;
  readonly roundTrips: number;
  readonly streamMs: number;
  /** How long the connection, and each message, is waited for. */
  readonly deadlineMs: number;
}

export interface Measurement {
  /** Both ends in one thread, or a program at either. */
  readonly by: 'thread' | 'programs';
  readonly roundTripsUs: readonly number[];
  /** What arrived of the stream, and in which time. */
  readonly streamedBytes: number;
  readonly streamedMs: number;
  /** What ended it before its time: `silent`, `stalled`, or the error in words; ''. */
  readonly failed: string;
}

/** A running lab, opened. Close it; the lab stays up. */
export interface EngineSession {
  readonly sight: SessionSight;
  /**
   * argv that stops the programs of a node that put right what is changed there, such as the agent of its CNI, and argv that lets them go on. Absent: nobody puts
   * anything right.
   */
  readonly agents?: { readonly stop: readonly string[]; readonly resume: readonly string[] };
  /** Absent: programs of this package run there, and `run` starts them. */
  readonly names?: NameSource;
  /** {@link NameSource.exchange} by the engine itself, where programs of this package run. */
  exchangeNames?(netns: string, server: string, messages: readonly NameMessage[], deadlineMs: number): Promise<readonly NameReply[]>;
  /** Absent: no HTTP servers can be opened there. */
  http?(request: HttpRequest): Promise<HttpSummary>;
  /** Absent: nothing is timed there. */
  measure?(request: MeasureRequest): Promise<Measurement>;
  /** Records arrive in batches, in no particular order. */
  probe(request: ProbeRequest, onBatch: (batch: ProbeBatch) => void): Promise<ProbeSummary>;
  /** `rules: true` also lists the packet filters (a process per namespace); `flows: true` dumps the connection tracking (10 to 40 ms per namespace). */
  snapshot(namespaces: readonly string[], options: { readonly rules: boolean; readonly flows?: boolean }): Promise<Snapshot>;
  /** Captures what passes in namespaces while `during` goes on. Absent: packets cannot be captured there. */
  capture?(request: CaptureRequest, during: () => Promise<void>): Promise<Capture>;
  /** Tells of packets as they pass in a namespace, until the signal. Resolves to how many the kernel had no room for. Absent as `capture` is. */
  follow?(request: FollowRequest, context: FollowContext): Promise<number>;
  /**
   * Runs a program in a namespace of the lab, output captured; it sees the resolv.conf of whose namespace that is. `id`: identity of the pod that is meant,
   * where several share the namespace (pods in the network of their node); the program then has the environment of its containers.
   */
  run(netns: string, argv: readonly string[], options?: { readonly input?: string; readonly timeoutMs?: number; readonly id?: string }): Promise<CommandResult>;
  /**
   * Asks the CNI plugins whether the pods are still attached as they left them (CNI specification, CHECK). Counts the pods that were asked about;
   * 0 where the CNI attaches pods without plugins.
   * @throws EngineError that names the pod and the plugin
   */
  checkAttachments(): Promise<number>;
  /**
   * Calls the plugins of a list by hand. What a plugin refuses is an answer. Absent: a container runtime calls them there.
   * @throws EnvironmentError for a plugin that is not there; LabError USAGE for ADD of what is attached, and CHECK of what is not
   */
  callCni?(request: CniRequest): Promise<CniRun>;
  close(): Promise<void>;
}

/** A Kubernetes API, as kubectl reaches it, and what is known besides of the cluster behind it. */
export interface KubernetesAccess {
  /** Name of the cluster in the plan; the context's name for a cluster that was found. */
  readonly cluster: string;
  /** Path of a kubeconfig file; null: what kubectl finds by itself. */
  readonly kubeconfig: string | null;
  readonly context: string | null;
  /** Runs a program on a node (as root, in its network namespace); null where nodes cannot be entered. */
  readonly onNode:
    | ((node: string, argv: readonly string[], options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }) => Promise<CommandResult>)
    | null;
  /** By how much everything there takes longer than on machines that the usual time limits are made for. @default 1 */
  readonly slowness?: number;
}

/** What an engine is given besides the plan. */
export interface Materials {
  /** The files of the lab; null for an engine that works from the plan alone. */
  readonly artifacts: ArtifactSet | null;
  /** Images of this machine to load into the nodes besides what the lab needs. */
  readonly load: readonly string[];
  /** Nothing may be fetched; what is missing is an error that names it. */
  readonly offline: boolean;
  /** Fetches the disk of the lab's machines; absent where the lab names none by its URL. */
  readonly fetchDisk?: (progress: (detail: string) => void) => Promise<FetchedDisk>;
}

/** A disk image in the cache, checked against its digest. */
export interface FetchedDisk {
  /** Absolute. */
  readonly path: string;
  /** Of the disk that a machine sees, not of the file. */
  readonly sizeBytes: number;
}

/** For engines that work from the plan alone. */
export const NO_MATERIALS: Materials = { artifacts: null, load: [], offline: false };

export interface UpContext {
  /** Private directory of this incarnation of the lab, existing, 0700. The engine may put files there. */
  readonly directory: string;
  /** Folder of the lab file, for relative plugin folders. */
  readonly sourceDirectory: string;
  readonly materials: Materials;
  readonly onEvent: OnEvent;
  /** Called as soon as there is something to clean up, before it is used; the state is on disk when it resolves. */
  readonly onHandle: (handle: EngineHandle) => Promise<void>;
  readonly signal: AbortSignal;
}

/** What can be done to a node that is a machine of its own. `cut` pulls the cable of the lab's network, `mend` puts it in again. */
export type NodeAction = 'stop' | 'start' | 'reboot' | 'cut' | 'mend';

export interface NodeControlContext {
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
}

export interface Engine {
  readonly name: string;
  readonly title: string;
  /** What it is given besides the plan. */
  readonly artifacts: ArtifactSet['engine'] | null;
  /** Why a plan cannot run here (errors), and what of it will be otherwise (warnings), each with its path in the lab. Pure. */
  refusals(plan: LabPlan): readonly Diagnostic[];
  /** Why a running lab cannot become another in place, besides what the plans alone say. Pure. */
  replaceReasons(from: LabPlan, to: LabPlan): readonly string[];
  /** The clusters of a running lab, where they have an API: a verification then runs inside of them. Null: `open` probes. */
  kubernetes(handle: EngineHandle, plan: LabPlan): readonly KubernetesAccess[] | null;
  /** The running lab as it is, where the plan does not decide it: names and addresses of nodes and pods. Null: as planned. */
  observe(handle: EngineHandle, plan: LabPlan): Promise<LabPlan | null>;
  /** What the machine can do, found by trying; with a plan only what that plan needs. */
  capabilities(plan: LabPlan | null): Promise<readonly Capability[]>;
  /** What a plan needs of a machine beyond what every lab does, in words; nothing is tried. Absent: all labs need the same. */
  needs?(plan: LabPlan): Promise<readonly string[]>;
  fidelity(plan: LabPlan): FidelityStatement;
  /** Creates the lab. Throws EngineError; what was created stays reachable through the handle, for `destroy`. */
  create(plan: LabPlan, context: UpContext): Promise<EngineHandle>;
  /** Throws what stands in the way of a change to `to`, and touches nothing: the running lab stays what it is. Absent: `change` says all there is to say. */
  mayChange?(handle: EngineHandle, to: LabPlan, context: UpContext): Promise<void>;
  /** Turns the running lab of `from` into `to`. */
  change(handle: EngineHandle, from: LabPlan, to: LabPlan, context: UpContext): Promise<void>;
  status(handle: EngineHandle): Promise<'up' | 'lost'>;
  open(handle: EngineHandle, plan: LabPlan): Promise<EngineSession>;
  /**
   * argv that enters a namespace of the lab, to be run with inherited stdio (exec, shell). `id`: identity of the pod or machine that is meant; `environment`: the
   * variables that its containers are started with, which a kubelet, where there is one, has set already.
   */
  enter(handle: EngineHandle, netns: string, argv: readonly string[], id?: string, environment?: Readonly<Record<string, string>>): Promise<readonly string[]>;
  /** Does something to the node `cluster/node`; resolves to what became of it, in words. Absent where nodes are no machines. */
  controlNode?(handle: EngineHandle, plan: LabPlan, id: string, action: NodeAction, context: NodeControlContext): Promise<string>;
  /** Removes everything; fine when it is already gone. `handle` null: only the directory of the incarnation is known. Proves absence, else throws. */
  destroy(handle: EngineHandle | null, directory: string): Promise<void>;
}
