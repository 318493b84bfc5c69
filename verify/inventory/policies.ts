/** What the nodes do with connections that policies block and that came through all the same. */
import { listed } from '../../topology/listed.ts';
import { evaluatePolicies, type FlowEnd, type PolicyVerdict } from '../../topology/policy/evaluate.ts';
import type { PolicyDirection } from '../../topology/policy/model.ts';
import { worldOf } from '../policy/world.ts';
import type { Finding } from './finding.ts';
import { type Flow, isPair, type PairFlow } from './flow.ts';
import { addressOf, type EndpointView, execCommand, type LabView, rebuildLab } from './lab-view.ts';
import type { FilterRule } from './packet-filter.ts';
import { packetAt, ruleSets } from './rule-sets.ts';
import { removeRule, ruleEvidence } from './rule-text.ts';
import { type Hit, walkHook } from './walk-rules.ts';

/**
 * For each answer that was not to be: the node of the pod that policies isolate either has nothing that drops for this pod, or a rule for it that lets the
 * connection in. What drops for a pod hangs on a rule that names its address, or its interface, alone.
 */
export function inventoryPolicies(view: LabView, flows: readonly Flow[]): readonly Finding[] {
  const rulesOf = ruleSets(view);
  const found = flows
    .filter(isPair)
    .filter((flow) => flow.failure.check === 'policy-matrix' && flow.failure.class === 'unexpected-answer')
    .flatMap((flow) => blockedSides(view, flow).map((side) => lookAt(view, flow, side, rulesOf)));
  const groups = new Map<string, Seen[]>();
  for (const one of found) {
    const key = one.rule === null ? `none ${one.pod.node.id} ${one.certain}` : `${one.pod.node.id} ${one.rule.chain.name} ${one.rule.rule?.text ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((all) => toFinding(view, all));
}

interface Seen {
  readonly flow: PairFlow;
  readonly side: PolicyDirection;
  /** The isolated pod. */
  readonly pod: EndpointView;
  /** The rule that lets it in; null: nothing stands in the way. */
  readonly rule: Hit | null;
  /** false: something does stand in the way, by what was read. */
  readonly certain: boolean;
}

function blockedSides(view: LabView, flow: PairFlow): readonly PolicyDirection[] {
  const cluster = view.clusters.get(flow.client.node.cluster);
  if (cluster === undefined || flow.failure.port === undefined || flow.protocol === 'icmp') return [];
  const verdict: PolicyVerdict = evaluatePolicies(worldOf(cluster), {
    from: endOf(flow.client, flow),
    to: endOf(flow.server, flow),
    family: flow.family,
    protocol: flow.protocol === 'udp' ? 'UDP' : 'TCP',
    port: flow.failure.port,
  });
  return (['egress', 'ingress'] as const).filter((side) => !verdict[side].allowed);
}

function endOf(end: EndpointView, { family }: PairFlow): FlowEnd {
  return end.pod === null ? { kind: 'node', name: end.node.name, address: addressOf(end, family) ?? '' } : { kind: 'pod', id: end.id };
}

function lookAt(view: LabView, flow: PairFlow, side: PolicyDirection, rulesOf: ReturnType<typeof ruleSets>): Seen {
  const pod = side === 'egress' ? flow.client : flow.server;
  const packet = packetAt(view, flow, pod, 'there');
  const hits = packet === null ? [] : walkHook(rulesOf(pod.node.netns), 'forward', false, packet, true);
  const own = hits.filter((hit) => [...hit.via, ...(hit.rule === null ? [] : [hit.rule])].some((rule) => namesAlone(rule, pod, side, flow)));
  const rule = own.find((hit) => hit.rule?.action.kind === 'accept' && hit.certain) ?? null;
  return { flow, side, pod, rule, certain: rule !== null || own.length === 0 };
}

/** Is the rule about this pod and no other? */
function namesAlone(rule: FilterRule, pod: EndpointView, side: PolicyDirection, { family }: PairFlow): boolean {
  const address = addressOf(pod, family) ?? '';
  const device = pod.pod?.interface?.hostName ?? '';
  return rule.matches.some((match) => {
    if (match.not) return false;
    if (match.kind === (side === 'egress' ? 'source' : 'destination'))
      return match.cidrs.length === 1 && match.cidrs[0]?.replace(/\/(32|128)$/, '') === address;
    return match.kind === (side === 'egress' ? 'in' : 'out') && device !== '' && match.names.length === 1 && match.names[0] === device;
  });
}

function toFinding(view: LabView, all: readonly Seen[]): Finding {
  const [first] = all;
  if (first === undefined) throw new RangeError('a group of nothing');
  const { pod, rule } = first;
  const failures = new Set(all.map(({ flow }) => flow.failure));
  const through = [
    ...new Set(all.map((one) => `${one.flow.client.id} reached ${one.flow.server.id} port ${one.flow.failure.port}, ${one.flow.failure.expected}`)),
  ];
  const base = { where: [pod.node.id], explains: (flow: Flow): boolean => failures.has(flow.failure) };
  if (rule !== null)
    return {
      ...base,
      name: 'policy-allows-more',
      certainty: 'certain',
      evidence: [...ruleEvidence(pod.node, rule), ...through.slice(0, 3)],
      mend: execCommand(view, pod.node, removeRule(rule)),
    };
  const pods = [...new Set(all.map((one) => one.pod.id))];
  return {
    ...base,
    name: 'policy-not-enforced',
    certainty: first.certain ? 'certain' : 'possible',
    evidence: [
      first.certain
        ? `no rule of ${pod.node.name} drops anything for ${listed(pods, 4)}, which policies isolate`
        : `rules of ${pod.node.name} drop it, and it came through beside them`,
      ...through.slice(0, 3),
    ],
    // The rules are the engine's (or the CNI's agent's) to write, out of all policies together.
    mend: rebuildLab(view),
  };
}
