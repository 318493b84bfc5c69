/** From what was judged to what a person reads: both ends by name, what was seen, what was expected, what to type next. */
import type { Outcome, ProbeProtocol } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { Family } from '../topology/spec.ts';
import { dialledAddress, type ClusterEnds, type End } from './endpoints.ts';
import type { FailureClass } from './oracle.ts';
import type { Deviation } from './pair-table.ts';
import type { Failure } from './report.ts';
import type { Run } from './run.ts';
import { ipArgv } from './ip-argv.ts';

/** How to send a failing probe once more, so that counters move. */
export interface Again {
  readonly cluster: ClusterEnds;
  readonly client: number;
  readonly server: number;
  readonly protocol: ProbeProtocol;
  readonly family: Family;
  readonly payloadBytes: number | null;
}

/** A failure, and how to see it again; null where no probe showed it. */
export interface ProbedFailure {
  readonly failure: Failure;
  readonly again: Again | null;
  /** What `again` cannot say: asks once more as it was asked. Nothing is judged. */
  readonly resend?: (run: Run) => Promise<void>;
}

/** What a failure of a pair is made of. */
export interface PairFinding {
  readonly check: string;
  readonly client: number;
  readonly server: number;
  readonly protocol: ProbeProtocol;
  readonly family: Family;
  readonly attempt: number;
  readonly class: FailureClass;
  readonly saw: string;
  readonly expected: string;
  readonly payloadBytes?: number;
  readonly conntrack?: Failure['conntrack'];
}

/** A failure between two ends of a cluster. */
export function pairFailure(plan: LabPlan, cluster: ClusterEnds, finding: PairFinding): ProbedFailure {
  const client = cluster.ends[finding.client];
  const server = cluster.ends[finding.server];
  const { check, attempt, family, protocol, saw, expected } = finding;
  const failure: Failure = {
    check,
    attempt,
    family,
    protocol,
    saw,
    expected,
    class: finding.class,
    diagnosis: '',
    conntrack: finding.conntrack ?? [],
    client: client?.id ?? '',
    clientNode: client?.nodeId ?? '',
    server: server?.id ?? '',
    serverNode: server?.nodeId ?? '',
    next: client === undefined || server === undefined ? '' : nextCommand(plan, cluster, client, server, finding),
  };
  const again = { cluster, client: finding.client, server: finding.server, protocol, family, payloadBytes: finding.payloadBytes ?? null };
  return { failure, again };
}

/** A failure of the mesh; how many attempts failed is part of what was seen. */
export function deviationFailure(plan: LabPlan, cluster: ClusterEnds, check: string, deviation: Deviation, attempts: number): ProbedFailure {
  const { client, server, protocol, family, attempt, conntrack, judgement } = deviation;
  const times = attempts > 1 ? ` (${Math.min(deviation.attempts, attempts)} of ${attempts} attempts)` : '';
  return pairFailure(plan, cluster, {
    check,
    client,
    server,
    protocol,
    family,
    attempt,
    conntrack,
    class: judgement.class,
    saw: `${judgement.saw}${times}`,
    expected: judgement.expected,
  });
}

/** A failure about one pod and no probe. */
export function endFailure(
  plan: LabPlan,
  end: End,
  finding: { readonly check: string; readonly family: Family | null; readonly class: FailureClass; readonly saw: string; readonly expected: string },
): ProbedFailure {
  return {
    again: null,
    failure: {
      ...finding,
      client: end.id,
      server: '',
      clientNode: end.nodeId,
      serverNode: end.nodeId,
      protocol: null,
      attempt: 0,
      diagnosis: '',
      conntrack: [],
      next: execLine(plan, end.id, ['ip', 'addr']),
    },
  };
}

/** `cnilab exec LAB TARGET -- argv…`; every word here is plain, none needs quoting. */
export function execLine(plan: LabPlan, target: string, argv: readonly string[]): string {
  return ['cnilab', 'exec', plan.name, target, '--', ...argv].join(' ');
}

type Next = 'route' | 'nat' | 'neighbour' | 'mtu' | 'filter' | 'address';

/** The command that shows most about a class of failure. */
const NEXT: Readonly<Record<FailureClass, Next>> = {
  silent: 'route',
  stalled: 'mtu',
  'no-route': 'route',
  unreachable: 'route',
  'no-host': 'neighbour',
  refused: 'filter',
  'too-big': 'mtu',
  error: 'route',
  ok: 'route',
  'not-run': 'route',
  rewritten: 'nat',
  'wrong-server': 'neighbour',
  'hidden-nat': 'nat',
  'foreign-nonce': 'neighbour',
  'address-differs': 'address',
  'unexpected-answer': 'neighbour',
  finding: 'route',
} satisfies Record<Outcome | FailureClass, Next>;

function nextCommand(plan: LabPlan, cluster: ClusterEnds, client: End, server: End, finding: PairFinding): string {
  const address = dialledAddress(server, finding.family);
  const save = finding.family === 'ipv6' ? 'ip6tables-save' : 'iptables-save';
  switch (NEXT[finding.class]) {
    case 'route':
      return execLine(plan, client.nodeId, ipArgv(finding.family, 'route', 'show', 'match', address));
    case 'nat':
      return execLine(plan, natNode(cluster, finding) ?? client.nodeId, [save, '-c', '-t', 'nat']);
    case 'filter':
      return execLine(plan, server.nodeId, [save, '-c', '-t', 'filter']);
    case 'neighbour':
      return execLine(plan, server.nodeId, ['ip', 'neigh', 'show', address]);
    case 'mtu':
      return execLine(plan, client.nodeId, ['ip', '-s', 'link']);
    case 'address':
      return execLine(plan, client.id, ['ip', 'addr']);
  }
}

/** The node whose connection tracking shows the translation. */
function natNode(cluster: ClusterEnds, finding: PairFinding): string | undefined {
  const netns = finding.conntrack?.[0]?.netns;
  return cluster.plan.nodes.find((node) => node.netns === netns)?.id;
}
