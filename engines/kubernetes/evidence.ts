/** The lines that the Jobs of a verification print (constructs/synth/verification/probe-script.ts): read strictly, judged by nobody here. Pure. */
import type { Family } from '../../topology/spec.ts';
import type { Outcome } from '../port.ts';

/** own: a pod of the lab itself, entered. */
export type EvidenceRequirement = 'r1' | 'r2' | 'r3' | 'own';

/**
 * mesh: a responder; self: the own pod; node: a node, from a pod; closed: a port on which nothing listens; nobody: an address that no pod has;
 * stream: 64 KiB both ways; call: an address of a Service, or of a pod of the lab.
 */
export type ProbeKind = 'mesh' | 'self' | 'node' | 'closed' | 'nobody' | 'stream' | 'call';

/** The interfaces that a pod, a responder or a node has. */
export interface ViewLine {
  readonly type: 'view';
  readonly requirement: EvidenceRequirement;
  readonly node: string;
  /** Whose view it is: the pod of the Job, or (r3 alone) the responder. For r2 it is the view of the node. */
  readonly pod: string;
  /** By the downward API, or by the API for a responder. */
  readonly podIPs: readonly string[];
  /** `ip -j -d addr`, one entry for each name; null when another program was asked. */
  readonly interfaces: unknown;
  /** What netexec's `/shell` answered: `{ output, error }`; null for the view of the pod itself. */
  readonly shell: unknown;
  /** Why there is nothing to see; '' when there is. */
  readonly error: string;
}

/** One exchange as its client saw it, with what the server said that it saw. */
export interface ProbeLine {
  readonly type: 'probe';
  readonly kind: ProbeKind;
  readonly requirement: EvidenceRequirement;
  readonly node: string;
  readonly pod: string;
  /** Name of the responder's pod, of the node or of the own pod; '' for nobody. */
  readonly target: string;
  readonly targetNode: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly family: Family;
  readonly attempt: number;
  /** curl's exit code; for udp 0 answered, 28 not answered in time, 7 an ICMP error or no route. -1: the probe could not run. */
  readonly exit: number;
  readonly error: string;
  /** TCP handshake, in milliseconds; 0 when there was none. */
  readonly connectMs: number;
  /** Until the first answer or the failure, in milliseconds; for udp in steps of ten, with the start of a process in it. */
  readonly ms: number;
  /** TCP connections that the exchange took: one, or its ports cannot be compared. */
  readonly connects: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** `address:port` or `[address]:port` of the peer as the server saw it; '' when it did not say. */
  readonly seen: string;
  /** Host name of the server. */
  readonly hostname: string;
  readonly nonce: string;
  readonly echo: string;
  /** Bytes of a stream that came back. */
  readonly bytes: number;
}

/** What came back to a question that is no probe (engines/kubernetes/calls.ts). */
export interface ReplyLine {
  readonly type: 'reply';
  readonly requirement: EvidenceRequirement;
  readonly node: string;
  readonly pod: string;
  readonly kind: 'ask' | 'resolve' | 'conf';
  /** A family for `resolve`; "-" for `conf`. */
  readonly protocol: string;
  readonly address: string;
  /** The message, as it went out, or the name. */
  readonly text: string;
  /** For `ask` 0 answered, 28 not answered in time, 7 refused; else of the program. -1: it could not run. */
  readonly exit: number;
  readonly error: string;
  /** Base64. */
  readonly data: string;
}

/** The last line of a Job. */
export interface DoneLine {
  readonly type: 'done';
  readonly requirement: EvidenceRequirement;
  readonly node: string;
  readonly pod: string;
  readonly probes: number;
  /** False when something ended it before all was probed. */
  readonly complete: boolean;
  readonly error: string;
}

export interface ParsedEvidence {
  readonly views: readonly ViewLine[];
  readonly probes: readonly ProbeLine[];
  readonly replies: readonly ReplyLine[];
  readonly done: readonly DoneLine[];
  /** Lines that are no evidence, at most {@link PROBLEM_LIMIT} of them, each with its reason. */
  readonly problems: readonly string[];
}

/** Further problems are counted, not kept. */
export const PROBLEM_LIMIT = 50;
const EXCERPT = 120;

type Check = (value: unknown) => boolean;
const text: Check = (value) => typeof value === 'string';
const finite: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const count: Check = (value) => Number.isInteger(value) && finite(value);
const port: Check = (value) => typeof value === 'number' && count(value) && value <= 65_535;
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && values.includes(value);
const requirement = oneOf('r1', 'r2', 'r3', 'own');

const PROBE: Readonly<Record<Exclude<keyof ProbeLine, 'type'>, Check>> = {
  kind: oneOf('mesh', 'self', 'node', 'closed', 'nobody', 'stream', 'call'),
  requirement,
  node: text,
  pod: text,
  target: text,
  targetNode: text,
  address: text,
  port,
  protocol: oneOf('tcp', 'udp'),
  family: oneOf('ipv4', 'ipv6'),
  attempt: count,
  exit: (value) => value === -1 || count(value),
  error: text,
  connectMs: finite,
  ms: finite,
  connects: count,
  localAddress: text,
  localPort: port,
  seen: text,
  hostname: text,
  nonce: text,
  echo: text,
  bytes: count,
};
const REPLY: Readonly<Record<Exclude<keyof ReplyLine, 'type'>, Check>> = {
  kind: oneOf('ask', 'resolve', 'conf'),
  requirement,
  node: text,
  pod: text,
  protocol: text,
  address: text,
  text,
  exit: (value) => value === -1 || count(value),
  error: text,
  data: text,
};
const VIEW: Readonly<Record<string, Check>> = { requirement, node: text, pod: text, podIPs: text };
const DONE: Readonly<Record<Exclude<keyof DoneLine, 'type'>, Check>> = {
  requirement,
  node: text,
  pod: text,
  probes: count,
  complete: (value) => typeof value === 'boolean',
  error: text,
};

type Fields = Readonly<Record<string, unknown>>;

/** Why a line cannot be taken, or null. */
function fault(line: Fields, checks: Readonly<Record<string, Check>>): string | null {
  const wrong = Object.entries(checks).find(([name, check]) => !check(line[name]));
  return wrong === undefined ? null : `its ${wrong[0]} is ${JSON.stringify(line[wrong[0]]) ?? 'missing'}`;
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

function fieldsOf(line: string): Fields | null {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * Reads the logs of any number of Jobs, joined in any order. Never throws: what is no evidence is in `problems`.
 */
export function parseEvidence(log: string): ParsedEvidence {
  const views: ViewLine[] = [];
  const probes: ProbeLine[] = [];
  const replies: ReplyLine[] = [];
  const done: DoneLine[] = [];
  const problems: string[] = [];
  let further = 0;
  const refuse = (line: string, why: string): void => {
    if (problems.length === PROBLEM_LIMIT) further += 1;
    else problems.push(`${why}: ${line.length > EXCERPT ? `${line.slice(0, EXCERPT)}…` : line}`);
  };
  for (const line of log.split('\n')) {
    if (line.trim() === '') continue;
    const fields = fieldsOf(line);
    if (fields === null) {
      refuse(line, 'not a line of JSON');
      continue;
    }
    const checks = { view: VIEW, probe: PROBE, reply: REPLY, done: DONE }[String(fields['type'])];
    const why = fields['v'] !== 1 ? `version ${String(fields['v'])} is not known` : checks === undefined ? 'its type is not known' : fault(fields, checks);
    if (why !== null) refuse(line, why);
    else if (fields['type'] === 'view') views.push(viewOf(fields));
    else if (fields['type'] === 'probe') probes.push(fields as unknown as ProbeLine);
    else if (fields['type'] === 'reply') replies.push(fields as unknown as ReplyLine);
    else done.push(fields as unknown as DoneLine);
  }
  return { views, probes, replies, done, problems: further === 0 ? problems : [...problems, `and ${further} more`] };
}

function viewOf(fields: Fields): ViewLine {
  const { requirement: by, node, pod } = fields as unknown as ViewLine;
  return {
    type: 'view',
    requirement: by,
    node,
    pod,
    podIPs: String(fields['podIPs'])
      .split(',')
      .filter((address) => address !== '' && address !== '-'),
    interfaces: mergedInterfaces(fields['interfaces']),
    shell: fields['shell'] ?? null,
    error: typeof fields['error'] === 'string' ? fields['error'] : '',
  };
}

/** A node is dumped once for each family: one entry for each interface, with all its addresses. iproute2 leaves `{}` for what a filter drops. */
function mergedInterfaces(dump: unknown): unknown {
  if (!Array.isArray(dump)) return null;
  const byName = new Map<string, Fields>();
  for (const entry of dump as readonly unknown[]) {
    if (!isObject(entry) || typeof entry['ifname'] !== 'string') continue;
    const known = byName.get(entry['ifname']);
    byName.set(entry['ifname'], known === undefined ? entry : { ...known, addr_info: [...listOf(known['addr_info']), ...listOf(entry['addr_info'])] });
  }
  return [...byName.values()];
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : []);

/** Linux' errors as glibc and musl word them (strerror). */
const ERRORS: readonly (readonly [wording: RegExp, errno: number])[] = [
  [/operation not permitted/i, 1],
  [/permission denied/i, 13],
  [/invalid argument/i, 22],
  [/message too (long|large)/i, 90],
  [/cannot assign requested address|address not available/i, 99],
  [/network (is )?unreachable/i, 101],
  [/connection reset/i, 104],
  [/no buffer space/i, 105],
  [/connection refused/i, 111],
  [/no route to host|host is unreachable/i, 113],
];
/** curl: no answer in time. Also what the script says of UDP. */
const TIMED_OUT = 28;
/** curl: the connection ended before the answer did (18 partial, 52 empty, 55 and 56 send and receive). */
const CUT_OFF: readonly number[] = [18, 52, 55, 56];
const ECONNRESET = 104;
/** The stream came back, but not as it was sent. */
const EBADMSG = 74;
/**
 * A router says "unreachable" at once, or when the SYN is sent again after a second: the kernel drops an error that comes while connect() still runs.
 * Neighbour discovery that finds nobody takes three.
 */
const AT_ONCE_MS = 1500;

const BY_ERRNO: Readonly<Record<number, Outcome>> = { 90: 'too-big', 101: 'no-route', 111: 'refused' };

/**
 * What became of a probe, and the errno behind it (Linux numbers; 0 where there is none). "ok" says that there was an answer, not that it is right.
 * curl names no errno: its and the kernel's wording in `error` is what there is.
 */
export function outcomeOf(line: ProbeLine): { readonly outcome: Outcome; readonly errno: number } {
  if (line.exit === -1) return { outcome: 'not-run', errno: 0 };
  if (line.exit === 0) return { outcome: 'ok', errno: 0 };
  const errno = ERRORS.find(([wording]) => wording.test(line.error))?.[1] ?? 0;
  if (errno === 113) return { outcome: line.ms < AT_ONCE_MS ? 'unreachable' : 'no-host', errno };
  const outcome = BY_ERRNO[errno];
  if (outcome !== undefined) return { outcome, errno };
  if (line.exit === TIMED_OUT) return { outcome: line.protocol === 'tcp' && line.connectMs > 0 ? 'stalled' : 'silent', errno: 0 };
  if (errno === 0 && CUT_OFF.includes(line.exit)) return { outcome: 'error', errno: line.error.includes('not as they were sent') ? EBADMSG : ECONNRESET };
  return { outcome: 'error', errno };
}
