/** What breaks Services although the rules of the proxy are right: the bridge between pods and proxy, and filters before a node port. */
import { listed } from '../../topology/listed.ts';
import type { NodePlan } from '../../topology/plan.ts';
import type { DiagnosisName } from '../diagnosis/catalogue.ts';
import type { Finding } from './finding.ts';
import { type Flow, isLost } from './flow.ts';
import { addressOf, execCommand, familiesOf, type LabView, namespaceOf, targetName } from './lab-view.ts';
import { ruleSets } from './rule-sets.ts';
import { removeRule, ruleEvidence } from './rule-text.ts';
import { isAt, type ServicePlace } from './service-place.ts';
import { type Hit, walkHook } from './walk-rules.ts';

/** Bridges that do not send a frame back, or hide replies from the packet filter. */
export function inventoryServicePaths(view: LabView, places: readonly ServicePlace[], flows: readonly Flow[]): readonly Finding[] {
  const nodes = [...new Set(flows.map((flow) => flow.client.node))];
  const findings = nodes.flatMap((node) => [...silentPorts(view, node, places), ...bypasses(view, node, places)]);
  // A bridge without hairpin is no deviation by itself: some networks do without.
  return findings.filter((finding) => flows.some((flow) => finding.explains(flow)));
}

/** A frame that must leave by the port it came in by is dropped unless the port is a hairpin (bridge(8), `hairpin`). */
function silentPorts(view: LabView, node: NodePlan, places: readonly ServicePlace[]): readonly Finding[] {
  const { bridge } = node;
  const off = (namespaceOf(view, node.netns)?.links ?? []).filter(
    (link) => bridge !== null && link.master === bridge.name && link.kind === 'veth' && link.hairpin === false,
  );
  if (off.length === 0) return [];
  const names = off.map((link) => link.name);
  const commands = names.map((name) => execCommand(view, node, ['bridge', 'link', 'set', 'dev', name, 'hairpin', 'on']));
  return [
    {
      name: 'hairpin-disabled',
      where: [node.id],
      certainty: 'certain',
      evidence: [`hairpin is off on ${listed(names, SHOWN)}, ports of ${bridge?.name} on ${node.name}`],
      mend: commands.slice(0, SHOWN).join('; '),
      explains: (flow) =>
        isSilent(flow.failure.class) &&
        flow.client.node.id === node.id &&
        places.some((place) => isAt(flow, place) && place.port.usable.some((one) => one.address === addressOf(flow.client, flow.family))),
    },
  ];
}

const SHOWN = 5;
const isSilent = (what: string): boolean => what === 'silent' || what === 'no-host' || what === 'stalled';

/** Without br_netfilter a reply between two ports of a bridge is not translated back: it comes from the pod, and the client asked a Service. */
function bypasses(view: LabView, node: NodePlan, places: readonly ServicePlace[]): readonly Finding[] {
  const namespace = namespaceOf(view, node.netns);
  return familiesOf(view, node).flatMap((family): readonly Finding[] => {
    const key = `net/bridge/bridge-nf-call-${family === 'ipv4' ? 'iptables' : 'ip6tables'}`;
    if (node.bridge === null || namespace?.sysctls[key] !== '0') return [];
    const name = key.replaceAll('/', '.');
    return [
      {
        name: 'bridged-replies-bypass-nat',
        where: [node.id],
        certainty: 'certain',
        evidence: [`${name} is 0 on ${node.name}: replies between its pods are switched by ${node.bridge.name} and never translated back`],
        mend: execCommand(view, node, ['sysctl', '-w', `${name}=1`]),
        explains: (flow) =>
          isLost(flow) &&
          flow.client.kind === 'pod' &&
          flow.client.node.id === node.id &&
          flow.failure.check !== 'service-hairpin' &&
          places.some((place) => isAt(flow, place) && place.port.usable.some((one) => one.local && one.address !== addressOf(flow.client, flow.family))),
      },
    ];
  });
}

/** Rules that take packets to a node port before the proxy translates them. */
export function inventoryNodePorts(view: LabView, places: readonly ServicePlace[], flows: readonly Flow[]): readonly Finding[] {
  const rulesOf = ruleSets(view);
  const found = new Map<string, { readonly node: NodePlan; readonly hit: Hit; readonly flows: Set<Flow> }>();
  for (const flow of flows) {
    const place = places.find((one) => flow.failure.door?.via === 'node-port' && isAt(flow, one));
    const packet = place === undefined ? null : packetTo(view, flow, place);
    if (place === undefined || packet === null) continue;
    for (const hit of walkHook(rulesOf(place.node.netns), 'prerouting', false, packet)) {
      const kind = hit.rule?.action.kind;
      if (hit.rule !== null && kind !== 'drop' && kind !== 'reject') continue;
      if (!hit.certain && (hit.rule?.packets ?? 0) === 0) continue;
      const key = `${place.node.id} ${hit.chain.table} ${hit.rule?.text}`;
      const known = found.get(key) ?? { node: place.node, hit, flows: new Set() };
      found.set(key, known);
      known.flows.add(flow);
    }
  }
  return [...found.values()].map(
    ({ node, hit, flows: taken }): Finding => ({
      name: 'node-port-filtered' satisfies DiagnosisName,
      where: [node.id],
      certainty: hit.certain ? 'certain' : 'likely',
      evidence: [...ruleEvidence(node, hit), `the rule is met before the proxy of ${targetName(view, node)} translates the node port`],
      mend: execCommand(view, node, removeRule(hit)),
      explains: (flow) => taken.has(flow),
    }),
  );
}

/** The first packet to a node port, as the node sees it; null when it is the node's own, or an address is not known. */
function packetTo(view: LabView, flow: Flow, { node, port }: ServicePlace): Parameters<typeof walkHook>[3] | null {
  const { client, family } = flow;
  const { door } = flow.failure;
  if (door === undefined || (client.kind === 'node' && client.node.id === node.id)) return null;
  const machine = view.plan.machines.find((one) => one.id === client.id);
  const source =
    machine === undefined ? addressOf(client, family) : machine.interfaces.flatMap((one) => one.addresses).find((one) => one.family === family)?.address;
  if (source === undefined || source === null) return null;
  const here = client.kind === 'pod' && client.node.id === node.id;
  return {
    family,
    source,
    destination: door.address,
    sourceLocal: false,
    destinationLocal: true,
    protocol: port.protocol,
    destinationPort: door.port,
    in: here ? (node.bridge?.name ?? null) : (node.interfaces.find((one) => one.addresses.some((has) => has.address === door.address))?.name ?? null),
    out: null,
    state: 'new',
  };
}
