/** From what became of the connections to findings, each under the check that it belongs to. Pure. */
import type { Outcome } from '../../engines/port.ts';
import { listed } from '../../topology/listed.ts';
import type { FailureClass } from '../oracle.ts';
import { binomialTail, CHANCE } from './binomial.ts';
import type { FlowCandidate, ServiceFlow } from './flows.ts';
import { doorKey, type ObservedFlow, type ServiceSight } from './observe.ts';

export const SERVICE_CHECKS = [
  'service-cluster-ip',
  'service-from-node',
  'service-hairpin',
  'service-node-port',
  'service-load-balancer',
  'service-affinity',
  'service-traffic-policy',
  'service-no-endpoints',
  'service-source',
] as const;
export type ServiceCheckId = (typeof SERVICE_CHECKS)[number];

export interface ServiceFinding {
  readonly check: ServiceCheckId;
  readonly class: FailureClass;
  readonly saw: string;
  readonly expected: string;
}

export interface JudgedFlow {
  readonly observed: ObservedFlow;
  /** The check that counts its connections. */
  readonly primary: ServiceCheckId;
  /** Every check that it is a case of. */
  readonly checks: readonly ServiceCheckId[];
  readonly findings: readonly ServiceFinding[];
  /** Why nothing is known, or null. */
  readonly unknown: string | null;
  /** Why the whole flow, or that check of it, showed nothing that could be judged, though nothing is wrong. */
  readonly left: Readonly<Partial<Record<ServiceCheckId, string>>>;
}

const BECAUSE = {
  'no-endpoints': 'service-no-endpoints',
  'no-local-endpoints': 'service-traffic-policy',
  'source-ranges': 'service-load-balancer',
} as const satisfies Readonly<Record<string, ServiceCheckId>>;

const NEVER: ReadonlySet<Outcome> = new Set();
const EVERY_SILENCE = 'nothing answered, as endpoints may do that policies block or that nobody of the lab has';
/** What an endpoint that nobody of the lab has may do. */
const ABSENT: ReadonlySet<Outcome> = new Set<Outcome>(['silent', 'no-host', 'refused', 'unreachable', 'no-route']);
const BLOCKED: ReadonlySet<Outcome> = new Set<Outcome>(['silent']);
const PERHAPS_BLOCKED: ReadonlySet<Outcome> = new Set<Outcome>(['silent', 'refused']);

/** Judges every flow of a sight; a share that is wrong is a finding of the first client behind that proxy. Flows to programs of the lab are left out. */
export function judgeSight(sight: ServiceSight): readonly JudgedFlow[] {
  const shares = unfairShares(sight);
  return sight.observed
    .filter((observed) => !observed.occupied)
    .map((observed): JudgedFlow => {
      const { flow } = observed;
      const unknown = unknownOf(observed);
      const share = shares.get(observed);
      const findings = unknown !== null ? [] : [...findingsOf(sight, observed), ...(share === undefined ? [] : [share])];
      const checks = checksOf(flow);
      return { observed, primary: primaryOf(flow), checks, findings, unknown, left: unknown === null ? leftOf(observed, checks, findings) : {} };
    });
}

/** Silence that may be right proves nothing: only where policies block every endpoint it is what was expected. And a pod may have met others alone. */
function leftOf({ flow, answers }: ObservedFlow, checks: readonly ServiceCheckId[], findings: readonly ServiceFinding[]): JudgedFlow['left'] {
  if (findings.length > 0 || flow.expectation.fate !== 'served') return {};
  if (answers.size === 0) return flow.candidates.every(isShut) ? {} : Object.fromEntries(checks.map((check) => [check, EVERY_SILENCE]));
  return checks.includes('service-hairpin') && !metItself(flow, answers) ? { 'service-hairpin': 'the pod was given other endpoints alone' } : {};
}

/** Policies block it, and it would answer. */
const isShut = ({ listener, policy }: FlowCandidate): boolean => listener >= 0 && policy === 'blocked';
/** It has to answer. */
const isOpen = ({ listener, policy }: FlowCandidate): boolean => listener >= 0 && policy === 'open';

/** Did the pod answer itself? */
export function metItself(flow: ServiceFlow, answers: ObservedFlow['answers']): boolean {
  return flow.candidates.some((candidate) => isItself(flow, candidate) && answers.has(candidate.listener));
}

function unknownOf({ unusable, records, planned, outcomes }: ObservedFlow): string | null {
  if (unusable !== null) return unusable;
  if (records < planned) return 'answers are missing';
  return outcomes.has('not-run') ? 'a probe did not run' : null;
}

function primaryOf({ expectation, door, client }: ServiceFlow): ServiceCheckId {
  if (expectation.fate === 'refused' || expectation.fate === 'dropped') return BECAUSE[expectation.because];
  if (door.via === 'node-port') return 'service-node-port';
  if (door.via !== 'cluster-ip') return 'service-load-balancer';
  return client.caller.kind === 'node' ? 'service-from-node' : 'service-cluster-ip';
}

function checksOf(flow: ServiceFlow): readonly ServiceCheckId[] {
  const { expectation, candidates, service } = flow;
  const more: ServiceCheckId[] = [];
  if (expectation.fate === 'served' && !candidates.every(isShut)) {
    if (candidates.some((candidate) => isItself(flow, candidate) && candidate.policy === 'open')) more.push('service-hairpin');
    if (service.affinitySeconds !== null && candidates.length > 1) more.push('service-affinity');
    if (expectation.because === 'local-policy') more.push('service-traffic-policy');
    more.push('service-source');
  }
  return [primaryOf(flow), ...more];
}

const isItself = ({ client }: ServiceFlow, { endpoint }: FlowCandidate): boolean => client.caller.pod !== null && endpoint.pod === client.caller.pod;

function findingsOf(sight: ServiceSight, observed: ObservedFlow): readonly ServiceFinding[] {
  const { flow } = observed;
  return flow.expectation.fate === 'served' ? servedFindings(sight, observed) : unservedFindings(sight, observed);
}

/** Refused means that the client is told at once; dropped means silence. */
function unservedFindings(sight: ServiceSight, observed: ObservedFlow): readonly ServiceFinding[] {
  const { expectation } = observed.flow;
  if (expectation.fate !== 'refused' && expectation.fate !== 'dropped') return [];
  const right: Outcome = expectation.fate === 'refused' ? 'refused' : 'silent';
  const wrong = [...observed.outcomes].find(([outcome]) => outcome !== right);
  if (wrong === undefined) return [];
  const answered = wrong[0] === 'ok' || wrong[0] === 'stalled';
  return [
    {
      check: primaryOf(observed.flow),
      class: answered ? 'unexpected-answer' : wrong[0],
      saw: answered ? `answered by ${describeAnswers(sight, observed)}` : SEEN[wrong[0]],
      expected: `${right === 'refused' ? 'a refusal' : 'silence'}: ${REASONS[expectation.because]}`,
    },
  ];
}

const REASONS = {
  'no-endpoints': 'the Service has no ready endpoint',
  'no-local-endpoints': 'the Service has no ready endpoint on that node, and its policy is Local',
  'source-ranges': 'the client is not in loadBalancerSourceRanges',
} as const;

const SEEN: Readonly<Record<Outcome, string>> = {
  ok: 'answered',
  refused: 'connection refused',
  silent: 'no answer before the deadline',
  'no-route': 'network unreachable',
  unreachable: 'host unreachable, answered at once',
  'no-host': 'host unreachable: nobody answered for the address',
  'too-big': 'too big to be sent whole',
  stalled: 'connected, then no data before the deadline',
  error: 'failed',
  'not-run': 'did not run',
};

function servedFindings(sight: ServiceSight, observed: ObservedFlow): readonly ServiceFinding[] {
  return [...unanswered(sight, observed), ...wrongServers(sight, observed), ...garbled(observed), ...sources(sight, observed), ...affinity(sight, observed)];
}

/** Outcomes that a candidate may have without anything being wrong. */
function excused({ listener, policy }: FlowCandidate): ReadonlySet<Outcome> {
  if (listener < 0) return ABSENT;
  if (policy === 'unknown') return PERHAPS_BLOCKED;
  return policy === 'blocked' ? BLOCKED : NEVER;
}

/** Is an endpoint chosen anew for each connection, each as often as any other? Other schedulers choose by load or by hash, affinity keeps to the first. */
function isFair({ plan }: ServiceSight, { service, candidates }: ServiceFlow): boolean {
  const { mode, scheduler } = plan.cluster.plan.kubeProxy;
  return (service.affinitySeconds === null || candidates.length < 2) && (mode !== 'ipvs' || scheduler === 'rr' || scheduler === 'wrr');
}

/** Connections that failed though no endpoint, or not so many of them, may fail that way. */
function failed(sight: ServiceSight, { flow, outcomes, records }: ObservedFlow): readonly (readonly [Outcome, number])[] {
  const { candidates } = flow;
  const lost = [...outcomes].filter(([outcome]) => outcome !== 'ok');
  const tooMany = (times: number, excusing: (candidate: FlowCandidate) => boolean): boolean => {
    const share = candidates.filter(excusing).length / candidates.length;
    return share === 0 || (isFair(sight, flow) && isAbove(times, records, share));
  };
  const bad = lost.filter(([outcome, times]) => tooMany(times, (candidate) => excused(candidate).has(outcome)));
  const total = lost.reduce((sum, [, times]) => sum + times, 0);
  return bad.length === 0 && total > 0 && tooMany(total, (candidate) => !isOpen(candidate)) ? lost : bad;
}

/** More than chance gives. */
const isAbove = (count: number, trials: number, share: number): boolean => share < 1 && count > trials * share && binomialTail(count, trials, share) < CHANCE;

function unanswered(sight: ServiceSight, observed: ObservedFlow): readonly ServiceFinding[] {
  const { flow, answers, records } = observed;
  const bad = failed(sight, observed).toSorted((a, b) => b[1] - a[1]);
  const [worst] = bad;
  if (worst === undefined) return [];
  const count = bad.reduce((sum, [, times]) => sum + times, 0);
  const self = flow.candidates.find((candidate) => isItself(flow, candidate));
  const others = flow.candidates.filter((candidate) => candidate !== self && isOpen(candidate));
  // It never met itself, and every other endpoint that may answer did: what is missing is its own share. With affinity nobody knows whom it keeps.
  const hairpin =
    self?.policy === 'open' &&
    !answers.has(self.listener) &&
    (flow.service.affinitySeconds === null || flow.candidates.length < 2) &&
    others.every((candidate) => answers.has(candidate.listener));
  const answered = answers.size === 0 ? '' : `; ${describeAnswers(sight, observed)} answered`;
  return [
    {
      check: hairpin ? 'service-hairpin' : primaryOf(flow),
      class: worst[0],
      saw: `${SEEN[worst[0]]} (${count} of ${records} connections to ${flow.door.address}:${flow.door.port})${answered}`,
      expected: hairpin ? 'the pod gets itself as often as any other endpoint' : due(flow),
    },
  ];
}

/** What connections had to become. */
function due({ candidates }: ServiceFlow): string {
  const open = candidates.filter(isOpen);
  return open.length === 0 ? 'silence: policies block its endpoints' : `an answer from ${names(open)}`;
}

function wrongServers(sight: ServiceSight, observed: ObservedFlow): readonly ServiceFinding[] {
  const { flow, answers } = observed;
  const allowed = new Set(flow.candidates.filter((candidate) => candidate.policy !== 'blocked').map((candidate) => candidate.listener));
  const wrong = [...answers.keys()].filter((listener) => !allowed.has(listener));
  return wrong.map((listener): ServiceFinding => {
    const blocked = flow.candidates.some((candidate) => candidate.listener === listener);
    const because = flow.expectation.fate === 'served' ? flow.expectation.because : null;
    const endpoint = flow.service.endpoints.some((one) => one.address === sight.plan.listeners[listener]?.endpoint.addresses[0]?.address);
    return {
      check: because === 'local-policy' && endpoint && !blocked ? 'service-traffic-policy' : primaryOf(flow),
      class: blocked ? 'unexpected-answer' : 'wrong-server',
      saw: `${listener < 0 ? 'something that is no endpoint of a Service' : nameAt(sight, listener)} answered ${answers.get(listener) ?? 0} of ${observed.records} connections`,
      expected: blocked
        ? 'silence: policies block that endpoint'
        : `answers from ${names(flow.candidates)} alone${because === 'hints' ? ', hinted for that node or its zone' : ''}`,
    };
  });
}

function garbled({ flow, garbled: count, records }: ObservedFlow): readonly ServiceFinding[] {
  if (count === 0) return [];
  return [
    {
      check: primaryOf(flow),
      class: 'foreign-nonce',
      saw: `${count} of ${records} answers were not to the probe that was sent`,
      expected: 'the nonce of each probe, both ways',
    },
  ];
}

function sources(sight: ServiceSight, { flow, foreignSources }: ObservedFlow): readonly ServiceFinding[] {
  return [...foreignSources].map(([key, times]): ServiceFinding => {
    const [listener = '', source = ''] = key.split(' ');
    const rule = flow.candidates.find((candidate) => candidate.listener === Number(listener))?.source;
    const masters = (rule?.nodes ?? []).map((name) => `an address of node ${name}`);
    return {
      check: 'service-source',
      class: 'rewritten',
      saw: `${nameAt(sight, Number(listener))} saw ${source} (${times} times)`,
      expected: [...(rule?.kept === true ? [`the client's own address ${flow.client.caller.address}`] : []), ...masters].join(' or '),
    };
  });
}

function affinity(sight: ServiceSight, observed: ObservedFlow): readonly ServiceFinding[] {
  const { flow, answers } = observed;
  const { affinitySeconds } = flow.service;
  const hashing = hashingScheduler(sight);
  if (answers.size < 2 || (affinitySeconds === null && hashing === null)) return [];
  return [
    {
      check: affinitySeconds === null ? primaryOf(flow) : 'service-affinity',
      class: 'finding',
      saw: `${describeAnswers(sight, observed)} answered one client in turn`,
      expected:
        affinitySeconds === null
          ? `the same endpoint for all connections of a client, by scheduler ${hashing ?? ''}`
          : `the same endpoint for ${affinitySeconds} s`,
    },
  ];
}

/** The scheduler, where it chooses by addresses alone: of the client (sh, mh), or of the Service (dh). */
function hashingScheduler({ plan }: ServiceSight): string | null {
  const { mode, scheduler } = plan.cluster.plan.kubeProxy;
  return mode === 'ipvs' && (scheduler === 'sh' || scheduler === 'mh' || scheduler === 'dh') ? scheduler : null;
}

/**
 * Endpoints that were chosen too seldom or too often by a proxy, over all its clients at that door: each is looked at by the clients to which it is open, and
 * all that may fail are looked at together.
 */
function unfairShares(sight: ServiceSight): ReadonlyMap<ObservedFlow, ServiceFinding> {
  const found = new Map<ObservedFlow, ServiceFinding>();
  const groups = new Map<string, ObservedFlow[]>();
  for (const one of sight.observed) {
    const { expectation, candidates } = one.flow;
    if (expectation.fate !== 'served' || candidates.length < 2 || !isFair(sight, one.flow) || one.occupied || unknownOf(one) !== null) continue;
    const key = `${expectation.proxy} ${doorKey(one.flow)} ${candidates.map((candidate) => candidate.listener).join()}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  for (const group of groups.values()) {
    const [first] = group;
    // Where connections fail, the share of who is dead is another finding.
    if (first === undefined || group.some((one) => failed(sight, one).length > 0)) continue;
    const { candidates, expectation } = first.flow;
    const shares = candidates.flatMap((candidate, at) => {
      const asked = group.filter(({ flow }) => flow.candidates.slice(at, at + 1).some(isOpen));
      if (asked.length === 0) return [];
      const count = asked.reduce((sum, one) => sum + (one.answers.get(candidate.listener) ?? 0), 0);
      return [{ name: nameOfCandidate(candidate), count, trials: connections(asked), share: 1 / candidates.length }];
    });
    const trials = connections(group);
    const lost = group.reduce((sum, one) => sum + one.records - (one.outcomes.get('ok') ?? 0), 0);
    // A sum over clients to which other numbers of endpoints are open spreads no wider than one of their mean (Hoeffding 1956).
    const mayFail = group.reduce((sum, { flow, records }) => sum + (records * flow.candidates.filter((one) => !isOpen(one)).length) / candidates.length, 0);
    const unfair = shares.some((one) => binomialTail(one.count, one.trials, one.share) < CHANCE);
    if (!unfair && !isAbove(lost, trials, mayFail / trials)) continue;
    found.set(first, {
      check: primaryOf(first.flow),
      class: 'finding',
      saw: `of ${trials} connections by ${expectation.fate === 'served' ? expectation.proxy : ''}, ${shares.map((one) => `${one.name} got ${one.count}${one.trials === trials ? '' : ` of ${one.trials}`}`).join(', ')}${lost === 0 ? '' : `, ${lost} were not answered`}`,
      expected: `about ${Math.round(trials / candidates.length)} each; a fair choice gives such a count less than once in ${1 / CHANCE} times`,
    });
  }
  return found;
}

const connections = (flows: readonly ObservedFlow[]): number => flows.reduce((sum, one) => sum + one.records, 0);

const nameOfCandidate = ({ endpoint, port }: FlowCandidate): string => endpoint.pod ?? `${endpoint.address}:${port}`;
const nameAt = ({ plan }: ServiceSight, listener: number): string => plan.listeners[listener]?.endpoint.id ?? 'an unknown server';
const names = (candidates: readonly FlowCandidate[]): string => listed(candidates.map(nameOfCandidate));

function describeAnswers(sight: ServiceSight, { answers }: ObservedFlow): string {
  return listed([...answers].sort((a, b) => b[1] - a[1]).map(([listener, times]) => `${nameAt(sight, listener)} (${times})`));
}
