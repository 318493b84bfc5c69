/** The fault library: every way in which this version can break a lab on purpose, and the name by which the verifier must find it. */
import type { EngineSession, Snapshot } from '../../engines/port.ts';
import { EngineError, LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { attachmentLost } from './attachment-lost.ts';
import { bgpDown } from './bgp-down.ts';
import { blackholeRoute } from './blackhole-route.ts';
import { bridgeMacChurn } from './bridge-mac-churn.ts';
import { conntrackFull } from './conntrack-full.ts';
import { duplicatePodCidr } from './duplicate-pod-cidr.ts';
import { nodeLacksServiceRoute } from './node-lacks-service-route.ts';
import { noSuchPod } from './no-such-pod.ts';
import { podCidrOverlapsNetwork } from './pod-cidr-overlaps-network.ts';
import { staleArp } from './stale-arp.ts';
import { wrongNodeAddress } from './wrong-node-address.ts';
import { dnsBroken } from './dns-broken.ts';
import { dnsBrokenServer } from './dns-broken-server.ts';
import { dnsForwardingLoop } from './dns-forwarding-loop.ts';
import { duplicatePodIp } from './duplicate-pod-ip.ts';
import type { Fault, FaultScript, FaultStep, UndoPlan } from './fault.ts';
import { forwardPolicyDrop } from './forward-policy-drop.ts';
import { forwardRouteMissing } from './forward-route-missing.ts';
import { ipForwardOff } from './ip-forward-off.ts';
import { l4ProxyRedirect } from './l4-proxy-redirect.ts';
import { masqueradePodToPod } from './masquerade-pod-to-pod.ts';
import { mtuBlackhole } from './mtu-blackhole.ts';
import { podAddressNotPlanned } from './pod-address-not-planned.ts';
import { policyDrop } from './policy-drop.ts';
import { policyNotEnforced } from './policy-not-enforced.ts';
import { policyReject } from './policy-reject.ts';
import { policyTooStrict } from './policy-too-strict.ts';
import { policyTooWide } from './policy-too-wide.ts';
import { randomLoss } from './random-loss.ts';
import { returnRouteMissing } from './return-route-missing.ts';
import { rpFilterStrictAsymmetric } from './rp-filter-strict-asymmetric.ts';
import { searchListWrong } from './search-list-wrong.ts';
import { snatNodeToPod } from './snat-node-to-pod.ts';
import { snatPortOnly } from './snat-port-only.ts';
import { snatUdpOnly } from './snat-udp-only.ts';
import { snatUndoneAtPeer } from './snat-undone-at-peer.ts';
import { staleFdb } from './stale-fdb.ts';
import { type FaultTarget, type TargetPick, targetsOf } from './target.ts';
import { vniMismatch } from './vni-mismatch.ts';
import { wrongVtepMac } from './wrong-vtep-mac.ts';
import { hairpinOff } from './hairpin-off.ts';
import { hairpinWithoutMasquerade } from './hairpin-without-masquerade.ts';
import { bridgeNfCallOff } from './bridge-nf-call-off.ts';
import { serviceRulesMissing } from './service-rules-missing.ts';
import { staleEndpoint } from './stale-endpoint.ts';
import { noReadyEndpoint } from './no-ready-endpoint.ts';
import { staleUdpConntrack } from './stale-udp-conntrack.ts';
import { targetPortWrong } from './target-port-wrong.ts';
import { nodePortBlocked } from './node-port-blocked.ts';
import { affinityLost } from './affinity-lost.ts';
import { cniBinaryMissing } from './cni-binary-missing.ts';
import { leftoverConflist } from './leftover-conflist.ts';
import { calicoOwnRpf } from './calico-own-rpf.ts';
import { closedPort } from './closed-port.ts';
import { encapsulationFilteredAcrossSubnets } from './encapsulation-filtered-across-subnets.ts';
import { iptablesBackendsMixed } from './iptables-backends-mixed.ts';
import { overlayMtuOverUnderlay } from './overlay-mtu-over-underlay.ts';
import { pathMtuSmaller } from './path-mtu-smaller.ts';
import { vxlanChecksumOffload } from './vxlan-checksum-offload.ts';
import { vxlanPortBlocked } from './vxlan-port-blocked.ts';

export type { Fault, UndoPlan } from './fault.ts';
export type { TargetPick } from './target.ts';

/** A new fault is a file and a line here. */
export const faults: readonly Fault[] = [
  masqueradePodToPod,
  snatUndoneAtPeer,
  snatPortOnly,
  snatUdpOnly,
  snatNodeToPod,
  l4ProxyRedirect,
  ipForwardOff,
  forwardPolicyDrop,
  forwardRouteMissing,
  returnRouteMissing,
  blackholeRoute,
  rpFilterStrictAsymmetric,
  calicoOwnRpf,
  bgpDown,
  pathMtuSmaller,
  mtuBlackhole,
  overlayMtuOverUnderlay,
  duplicatePodIp,
  duplicatePodCidr,
  podCidrOverlapsNetwork,
  wrongNodeAddress,
  podAddressNotPlanned,
  noSuchPod,
  staleArp,
  bridgeMacChurn,
  attachmentLost,
  staleFdb,
  wrongVtepMac,
  vniMismatch,
  vxlanPortBlocked,
  encapsulationFilteredAcrossSubnets,
  vxlanChecksumOffload,
  iptablesBackendsMixed,
  randomLoss,
  conntrackFull,
  hairpinOff,
  hairpinWithoutMasquerade,
  bridgeNfCallOff,
  serviceRulesMissing,
  staleEndpoint,
  noReadyEndpoint,
  staleUdpConntrack,
  targetPortWrong,
  nodePortBlocked,
  affinityLost,
  nodeLacksServiceRoute,
  policyNotEnforced,
  policyTooStrict,
  policyTooWide,
  policyDrop,
  policyReject,
  closedPort,
  dnsBroken,
  dnsBrokenServer,
  dnsForwardingLoop,
  searchListWrong,
  leftoverConflist,
  cniBinaryMissing,
];

/**
 * @throws LabError FAULT_UNKNOWN, with the known ids
 */
export function faultById(id: string): Fault {
  const found = faults.find((fault) => fault.id === id);
  if (found !== undefined) return found;
  throw new LabError({ code: 'FAULT_UNKNOWN', message: `there is no fault "${id}"`, hint: `the faults are ${faults.map((fault) => fault.id).join(', ')}` });
}

/** true when some node of the plan (or the one picked) can show the fault, else the reason why none can. */
export function faultApplies(fault: Fault, plan: LabPlan, pick: TargetPick = {}): true | string {
  const chosen = chooseTarget(fault, plan, pick);
  return typeof chosen === 'string' ? chosen : true;
}

/**
 * Breaks a running lab. What was begun is undone when a command fails.
 * @param beforehand is told how the lab is brought back before anything is broken
 * @param undone is told when a command failed and every step back was taken; not when one could not even be tried, as over a session that is gone
 * @returns what {@link undoFault} needs; keep it with the lab
 * @throws LabError FAULT_UNKNOWN, FAULT_NOT_APPLICABLE; EngineError with the command that failed
 */
export async function injectFault(
  session: EngineSession,
  plan: LabPlan,
  id: string,
  pick: TargetPick = {},
  beforehand: (undo: UndoPlan) => Promise<void> = async () => {},
  undone: () => Promise<void> = async () => {},
): Promise<UndoPlan> {
  const fault = faultById(id);
  const target = chooseTarget(fault, plan, pick);
  if (typeof target === 'string') {
    throw new LabError({
      code: 'FAULT_NOT_APPLICABLE',
      message: `${id} cannot be shown in ${plan.name}: ${target}`,
      hint: '`cnilab fault list LAB` shows which faults apply',
    });
  }
  const script = withoutAgents(session, plan, fault.script(target, await readTarget(session, fault, target)));
  const undo: UndoPlan = { fault: id, where: target.node.id, steps: script.undo };
  await beforehand(undo);
  let step: FaultStep | undefined;
  try {
    for (step of script.inject) await runStep(session, step);
  } catch (error) {
    const back = { ...undo, steps: undo.steps.map((one) => ({ ...one, tolerant: true })) };
    await undoFault(session, back)
      .then(undone)
      .catch(() => {});
    if (step?.lack === undefined) throw error;
    throw new LabError({
      code: 'FAULT_NOT_APPLICABLE',
      message: `${id} cannot be shown on this machine: ${step.lack}`,
      hint: '`cnilab fault list LAB` shows the other faults',
      cause: error,
    });
  }
  return undo;
}

/** What programs say of something that is gone already, or is there again: it was mended by hand, as a diagnosis says how. */
const MENDED =
  /No such (file or directory|process|device)|Cannot find device|does a matching rule exist|[Aa]ddress not found|Cannot assign requested address|File exists|Address already assigned/;

/**
 * Mends what {@link injectFault} broke. Every step is tried, so that one that fails keeps nothing else broken; one that finds nothing left to do does not fail.
 * @throws EngineError with the first command that failed
 */
export async function undoFault(session: EngineSession, undo: UndoPlan): Promise<void> {
  const failed: unknown[] = [];
  for (const step of undo.steps) {
    try {
      await runStep(session, step, MENDED);
    } catch (error) {
      failed.push(error);
    }
  }
  if (failed.length > 0) throw failed[0];
}

/** Who would mend what is broken is kept from it on the nodes that are touched, until it is undone. */
function withoutAgents({ agents }: EngineSession, plan: LabPlan, script: FaultScript): FaultScript {
  if (agents === undefined) return script;
  const touched = new Set([...script.inject, ...script.undo].map((step) => step.netns));
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes).filter((node) => touched.has(node.netns));
  // Where none runs, nothing is found to stop.
  const each = (argv: readonly string[]): readonly FaultStep[] => nodes.map(({ netns }) => ({ netns, argv, tolerant: true }));
  return { inject: [...each(agents.stop), ...script.inject], undo: [...script.undo, ...each(agents.resume)] };
}

function chooseTarget(fault: Fault, plan: LabPlan, pick: TargetPick): FaultTarget | string {
  const { targets, reason } = targetsOf(plan, pick);
  const fitting = targets.find((target) => fault.fits(target) === true);
  if (fitting !== undefined) return fitting;
  const why = targets[0] === undefined ? reason : fault.fits(targets[0]);
  return why === true ? reason : why;
}

async function readTarget(session: EngineSession, fault: Fault, { plan, cluster, node, peer, pod, neighbour, peerPod }: FaultTarget): Promise<Snapshot> {
  const routers = plan.machines.filter((machine) => machine.kind === 'router');
  const namespaces = [
    node,
    peer,
    pod,
    peerPod,
    ...(neighbour === null ? [] : [neighbour]),
    ...routers,
    ...(fault.layer === 'service' || fault.layer === 'mtu' ? cluster.nodes : []),
  ].map((one) => one.netns);
  return await session.snapshot([...new Set(namespaces)], { rules: true });
}

/** `fine`: what it may say when it fails. */
async function runStep(session: EngineSession, step: FaultStep, fine?: RegExp): Promise<void> {
  const result = await session.run(step.netns, step.argv, step.input === undefined ? {} : { input: step.input });
  if (result.exitCode === 0 || step.tolerant === true || fine?.test(result.stderr) === true) return;
  throw new EngineError({
    code: 'COMMAND_FAILED',
    message: `${step.argv.join(' ')} failed in ${step.netns}: ${result.stderr.trim()}`,
    hint: 'look at the namespace with `cnilab exec`; `cnilab down LAB` and `cnilab up FILE` build anew what cannot be mended',
    details: { netns: step.netns, argv: step.argv, exitCode: result.exitCode },
  });
}
