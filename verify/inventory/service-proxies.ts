/** Services whose connections end at a process of the node, which opens its own ones: endpoints see the node. */
import type { Finding } from './finding.ts';
import { type Flow, isRewritten } from './flow.ts';
import { addressOf, execCommand, type LabView } from './lab-view.ts';
import { ruleSets } from './rule-sets.ts';
import { removeRule, ruleEvidence } from './rule-text.ts';
import { leadsToNode, listeningNote } from './rules.ts';
import { isAt, type ServicePlace } from './service-place.ts';
import { type Hit, walkHook } from './walk-rules.ts';

/** The rule that leads a pod's connections to a Service into its own node. */
export function inventoryServiceProxies(view: LabView, places: readonly ServicePlace[], flows: readonly Flow[]): readonly Finding[] {
  const rulesOf = ruleSets(view);
  return places.flatMap((place): readonly Finding[] => {
    const explains = (flow: Flow): boolean => isRewritten(flow) && flow.client.kind === 'pod' && isAt(flow, place);
    const hit = flows.filter(explains).reduce<Hit | null>((found, flow) => found ?? redirected(view, flow, place, rulesOf), null);
    if (hit === null) return [];
    const { node, cluster, port } = place;
    const note = listeningNote(view, node, hit);
    const byDesign = cluster.kubeProxy.mode === 'userspace';
    return [
      {
        explains,
        name: 'proxy-in-path',
        where: [node.id],
        certainty: hit.certain ? 'certain' : 'likely',
        evidence: [
          ...ruleEvidence(node, hit),
          ...(note === '' ? [] : [note]),
          ...(byDesign
            ? [`kube-proxy of ${cluster.name} is in mode userspace: a process stands between clients and ${port.name}; in mode iptables none does`]
            : []),
        ],
        // Where the lab asks for it there is nothing to mend.
        mend: byDesign ? '' : execCommand(view, node, removeRule(hit)),
      },
    ];
  });
}

function redirected(view: LabView, { client, family, failure }: Flow, { node, port }: ServicePlace, rulesOf: ReturnType<typeof ruleSets>): Hit | null {
  const { door } = failure;
  const source = addressOf(client, family);
  if (door === undefined || source === null) return null;
  const local = door.via === 'node-port';
  const hits = walkHook(rulesOf(node.netns), 'prerouting', true, {
    family,
    source,
    destination: door.address,
    sourceLocal: false,
    destinationLocal: local,
    protocol: port.protocol,
    destinationPort: door.port,
    in: node.bridge?.name ?? null,
    out: null,
    state: 'new',
  });
  return hits.find((hit) => hit.rule?.action.kind === 'redirect' || leadsToNode(hit, node)) ?? null;
}
