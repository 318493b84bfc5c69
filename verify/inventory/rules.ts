/** What the packet filters on the path do to the probes that failed: NAT, proxies, drops, rejects and random loss. */
import type { NodePlan } from '../../topology/plan.ts';
import { asksForNames, crossesNodes, type Flow, isDead, isLost, isPair, isRewritten, type PairFlow } from './flow.ts';
import type { Finding } from './finding.ts';
import { type EndpointView, execCommand, type LabView, nodeAddresses } from './lab-view.ts';
import { packetAt, ruleSets } from './rule-sets.ts';
import { type Hit, type Packet, walkHook } from './walk-rules.ts';
import { inventoryOverlayRules } from './overlay-rules.ts';
import { ruleEvidence, removeRule } from './rule-text.ts';
import { backendsNote, inventoryBackends } from './iptables-backends.ts';
import type { DiagnosisName } from '../diagnosis/catalogue.ts';

interface Struck {
  readonly name: DiagnosisName;
  readonly node: NodePlan;
  readonly hit: Hit;
  readonly flow: PairFlow;
  readonly note: string;
}

/** Rules that decide about the failed probes, grouped by rule. */
export function inventoryRules(view: LabView, flows: readonly Flow[]): readonly Finding[] {
  const rulesOf = ruleSets(view);
  const struck = flows
    .filter(isPair)
    // What a pod asks itself leaves its namespace never.
    .filter((flow) => flow.client !== flow.server)
    .flatMap((flow) => [...translations(view, flow, rulesOf), ...(isDead(flow) ? filters(view, flow, rulesOf) : [])]);
  // A rule is no deviation by itself: it is named for the failures that it explains, or not at all.
  const deciding = [...group(view, struck), ...inventoryOverlayRules(view, flows, rulesOf)];
  return [...deciding.filter((finding) => flows.some((flow) => finding.explains(flow))), ...inventoryBackends(view, rulesOf)];
}

type RulesOf = ReturnType<typeof ruleSets>;

/** The nodes a flow passes, the client's first. */
function nodesOf(flow: PairFlow): readonly EndpointView[] {
  return crossesNodes(flow) ? [flow.client, flow.server] : [flow.client];
}

function translations(view: LabView, flow: PairFlow, rulesOf: RulesOf): readonly Struck[] {
  const struck: Struck[] = [];
  let translated: string | null = null;
  for (const at of nodesOf(flow)) {
    const original = packetAt(view, flow, at, 'there');
    if (original === null) continue;
    // What the first node made of the source is what the second one sees.
    const packet: Packet = translated === null ? original : { ...original, source: translated };
    const chains = rulesOf(at.node.netns);
    const before = walkHook(chains, packet.sourceLocal ? 'output' : 'prerouting', true, packet);
    const transparent = packet.sourceLocal ? [] : walkHook(chains, 'prerouting', false, packet).filter((hit) => hit.rule?.action.kind === 'tproxy');
    for (const hit of [...before, ...transparent]) {
      const kind = hit.rule?.action.kind;
      if (kind === 'redirect' || kind === 'tproxy' || (kind === 'dnat' && leadsToNode(hit, at.node))) {
        struck.push({ name: 'proxy-in-path', node: at.node, hit, flow, note: listeningNote(view, at.node, hit) });
      }
    }
    for (const hit of walkHook(chains, 'postrouting', true, packet)) {
      const action = hit.rule?.action;
      if (action === undefined || changesNothing(hit, packet)) continue;
      if (translated !== null && action.kind === 'snat' && action.to === original.source) {
        const back: Struck = { name: 'hidden-double-nat', node: at.node, hit, flow, note: `${at.node.name} turns ${translated} back into ${original.source}` };
        return [...struck.map((one): Struck => (one.name === 'proxy-in-path' ? one : { ...one, name: 'hidden-double-nat' })), back];
      }
      struck.push({ name: nameOfSourceNat(flow, packet, hit), node: at.node, hit, flow, note: '' });
      if (hit.certain && action.kind === 'snat' && action.to !== '') translated = action.to;
    }
  }
  return struck;
}

/** flannel maps a node's own address to itself on bare routes: no translation. Only a rule that may change the port would be one. */
function changesNothing(hit: Hit, packet: Packet): boolean {
  const action = hit.rule?.action;
  return action?.kind === 'masquerade' && packet.sourceLocal && !/fully|random/.test(hit.rule?.text ?? '');
}

function nameOfSourceNat(flow: PairFlow, packet: Packet, hit: Hit): DiagnosisName {
  const action = hit.rule?.action;
  if (flow.client.kind === 'node') return 'node-source-rewritten';
  if (action?.kind === 'snat' && (action.to === packet.source || action.to === '') && action.ports !== null) return 'source-port-rewritten';
  return hit.rule?.matches.some((match) => match.kind === 'protocol' && !match.not) ? 'source-rewritten-for-one-protocol' : 'pod-source-rewritten';
}

/** Does the rule turn the packet to the node itself? */
export function leadsToNode(hit: Hit, node: NodePlan): boolean {
  const action = hit.rule?.action;
  return action?.kind === 'dnat' && (action.to.startsWith('127.') || nodeAddresses(node).some((one) => one.address === action.to));
}

/** Who listens where the rule leads, in a sentence; '' where nobody does. */
export function listeningNote(view: LabView, node: NodePlan, hit: Hit): string {
  const action = hit.rule?.action;
  const port = action !== undefined && 'ports' in action ? action.ports?.first : undefined;
  const socket = (view.snapshot.namespaces[node.netns]?.listening ?? []).find((one) => port !== undefined && one.endsWith(`:${port}`));
  return socket === undefined ? '' : `a process on ${node.name} listens on ${socket}`;
}

function filters(view: LabView, flow: PairFlow, rulesOf: RulesOf): readonly Struck[] {
  const struck: Struck[] = [];
  for (const direction of ['there', 'back'] as const) {
    for (const at of nodesOf(flow)) {
      const packet = packetAt(view, flow, at, direction);
      if (packet === null) continue;
      const chains = rulesOf(at.node.netns);
      const hooks = packet.sourceLocal
        ? (['output', 'postrouting'] as const)
        : packet.destinationLocal
          ? (['prerouting', 'input'] as const)
          : (['prerouting', 'forward', 'postrouting'] as const);
      for (const hook of hooks) {
        for (const hit of walkHook(chains, hook, false, packet)) {
          const name = nameOfFilter(hit);
          if (name === null || !fits(flow, name)) continue;
          const note = name === 'mixed-iptables-backends' ? backendsNote(chains, at.node, flow.family) : '';
          struck.push({ name: name === 'policy-drops' && asksForNames(flow.failure) ? 'policy-blocks-dns' : name, node: at.node, hit, flow, note });
        }
      }
    }
  }
  return struck;
}

function nameOfFilter(hit: Hit): DiagnosisName | null {
  const taken = nameOfTaking(hit);
  return taken !== null && hit.chain.program === 'iptables-legacy' ? 'mixed-iptables-backends' : taken;
}

function nameOfTaking(hit: Hit): DiagnosisName | null {
  if (hit.rule === null) return hit.chain.hook === 'forward' ? 'forward-policy-drops' : 'policy-drops';
  const kind = hit.rule.action.kind;
  if (kind === 'reject') return 'filter-rejects';
  if (kind !== 'drop') return null;
  if (hit.probability < 1) return 'packet-loss';
  return hit.rule.matches.some((match) => match.kind === 'reverse-path-fails') ? 'cni-reverse-path-filter-drops' : 'policy-drops';
}

/** A drop is silent; a reject is not. */
function fits(flow: Flow, name: DiagnosisName): boolean {
  return name === 'filter-rejects' ? flow.failure.class !== 'silent' : isLost(flow);
}

function group(view: LabView, struck: readonly Struck[]): readonly Finding[] {
  const groups = new Map<string, Struck[]>();
  for (const one of struck) {
    // A rule that could not be evaluated wholly is only named when its counter says that it was met.
    if (!one.hit.certain && (one.hit.rule?.packets ?? 0) === 0) continue;
    const key = `${one.name === 'policy-blocks-dns' ? 'policy-drops' : one.name} ${one.node.id} ${one.hit.chain.table} ${one.hit.rule?.text ?? one.hit.chain.name}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap((all): readonly Finding[] => {
    const first = all[0];
    if (first === undefined) return [];
    const { node, hit } = first;
    // A rule that takes more than questions for names is no rule about names.
    const name = all.find((one) => one.name !== 'policy-blocks-dns')?.name ?? first.name;
    const failures = new Set(all.map((one) => one.flow.failure));
    const pods = new Set(all.filter((one) => isRewritten(one.flow)).map((one) => one.flow.client.id));
    const effect = effectOf(hit);
    return [
      {
        name,
        where: [node.id],
        certainty: hit.certain ? 'certain' : 'likely',
        evidence: [...ruleEvidence(node, hit), ...new Set(all.map((one) => one.note).filter((note) => note !== ''))],
        mend: execCommand(view, node, removeRule(hit)),
        // A new source shows in what came back, and in what a pod's peers saw of it; a new destination may also be a dead end.
        explains: (flow) => {
          if (effect !== 'filter' && flow.failure.class === 'address-differs') return pods.has(flow.client.id);
          return failures.has(flow.failure) && (effect !== 'new-source' || !isLost(flow));
        },
      },
    ];
  });
}

function effectOf(hit: Hit): 'filter' | 'new-source' | 'new-destination' {
  switch (hit.rule?.action.kind) {
    case 'snat':
    case 'masquerade':
      return 'new-source';
    case 'dnat':
    case 'redirect':
    case 'tproxy':
      return 'new-destination';
    default:
      return 'filter';
  }
}
