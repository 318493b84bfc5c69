/** Filters that take the outer packets of an overlay: UDP to the VXLAN port, between the underlay addresses of two nodes. */
import type { NodePlan, VxlanPlan } from '../../topology/plan.ts';
import { crossesNodes, type Flow, goes, isLost, isPair, joins } from './flow.ts';
import type { Finding } from './finding.ts';
import { execCommand, type LabView } from './lab-view.ts';
import { ruleEvidence, removeRule } from './rule-text.ts';
import type { FilterChain, Hook } from './packet-filter.ts';
import { type Hit, type Packet, walkHook } from './walk-rules.ts';

/** Drops and rejects on either node, or on a router between segments, for node pairs that failed. */
export function inventoryOverlayRules(view: LabView, flows: readonly Flow[], rulesOf: (netns: string) => readonly FilterChain[]): readonly Finding[] {
  const lost = flows.filter(isPair).filter(isLost).filter(crossesNodes);
  return view.nodes.flatMap((node) =>
    node.vxlans.flatMap((device) =>
      device.peers.flatMap((peerPlan) => {
        const peer = view.nodes.find((one) => one.id === peerPlan.node);
        if (peer === undefined || !lost.some((flow) => goes(flow, node.id, peer.id) || goes(flow, peer.id, node.id))) return [];
        const outer = packet(device, peerPlan.underlay);
        const routers = sameSegment(node, peer) ? [] : view.routers;
        return [
          ...blocked(view, node, 'output', rulesOf, { ...outer, sourceLocal: true }, node, peer),
          ...blocked(view, peer, 'input', rulesOf, { ...outer, destinationLocal: true }, node, peer),
          ...routers.flatMap((router) =>
            drops(rulesOf(router.netns), 'forward', outer).map(
              (hit): Finding => ({
                name: 'encapsulation-filtered',
                where: [router.id],
                certainty: 'certain',
                evidence: ruleEvidence({ ...node, name: router.name }, hit),
                mend: execCommand(view, router, removeRule(hit)),
                explains: (flow) => isLost(flow) && joins(flow, node.id, peer.id),
              }),
            ),
          ),
        ];
      }),
    ),
  );
}

function packet(device: VxlanPlan, to: string): Packet {
  return {
    family: device.family,
    source: device.local,
    destination: to,
    sourceLocal: false,
    destinationLocal: false,
    protocol: 'udp',
    destinationPort: device.port,
    in: null,
    out: null,
    state: 'new',
  };
}

function blocked(
  view: LabView,
  at: NodePlan,
  hook: Hook,
  rulesOf: (netns: string) => readonly FilterChain[],
  outer: Packet,
  one: NodePlan,
  other: NodePlan,
): readonly Finding[] {
  return drops(rulesOf(at.netns), hook, outer).map(
    (hit): Finding => ({
      name: 'overlay-port-blocked',
      where: [at.id],
      certainty: 'certain',
      evidence: ruleEvidence(at, hit),
      mend: execCommand(view, at, removeRule(hit)),
      explains: (flow) => isLost(flow) && joins(flow, one.id, other.id),
    }),
  );
}

function drops(chains: readonly FilterChain[], hook: Hook, outer: Packet): readonly Hit[] {
  return walkHook(chains, hook, false, outer).filter(
    (hit) => hit.certain && hit.probability === 1 && (hit.rule === null || hit.rule.action.kind === 'drop' || hit.rule.action.kind === 'reject'),
  );
}

function sameSegment(one: NodePlan, other: NodePlan): boolean {
  return one.interfaces.some((link) => other.interfaces.some((peer) => peer.segment === link.segment));
}
