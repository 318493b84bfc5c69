/** The fault library: every way in which this version can break a lab on purpose, and the name by which the verifier must find it. */
import type { EngineSession, Snapshot } from '../../engines/port.ts';
import { EngineError, LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { bgpDown } from './bgp-down.ts';
import { dnsBroken } from './dns-broken.ts';
import { dnsBrokenServer } from './dns-broken-server.ts';
import { duplicatePodIp } from './duplicate-pod-ip.ts';
import type { Fault, FaultStep, UndoPlan } from './fault.ts';
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
  rpFilterStrictAsymmetric,
  bgpDown,
  mtuBlackhole,
  duplicatePodIp,
  podAddressNotPlanned,
  staleFdb,
  wrongVtepMac,
  vniMismatch,
  randomLoss,
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
  policyNotEnforced,
  policyTooStrict,
  policyTooWide,
  policyDrop,
  policyReject,
  dnsBroken,
  dnsBrokenServer,
  searchListWrong,
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
 * @returns what {@link undoFault} needs; keep it with the lab
 * @throws LabError FAULT_UNKNOWN, FAULT_NOT_APPLICABLE; EngineError with the command that failed
 */
export async function injectFault(session: EngineSession, plan: LabPlan, id: string, pick: TargetPick = {}): Promise<UndoPlan> {
  const fault = faultById(id);
  const target = chooseTarget(fault, plan, pick);
  if (typeof target === 'string') {
    throw new LabError({
      code: 'FAULT_NOT_APPLICABLE',
      message: `${id} cannot be shown in ${plan.name}: ${target}`,
      hint: '`cnilab fault list LAB` shows which faults apply',
    });
  }
  const script = fault.script(target, await readTarget(session, fault, target));
  const undo: UndoPlan = { fault: id, where: target.node.id, steps: script.undo };
  try {
    for (const step of script.inject) await runStep(session, step);
  } catch (error) {
    for (const step of script.undo) await runStep(session, { ...step, tolerant: true });
    throw error;
  }
  return undo;
}

/**
 * Mends what {@link injectFault} broke. Every step is tried, so that one that fails keeps nothing else broken.
 * @throws EngineError with the first command that failed
 */
export async function undoFault(session: EngineSession, undo: UndoPlan): Promise<void> {
  const failed: unknown[] = [];
  for (const step of undo.steps) {
    try {
      await runStep(session, step);
    } catch (error) {
      failed.push(error);
    }
  }
  if (failed.length > 0) throw failed[0];
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
    ...(fault.layer === 'service' ? cluster.nodes : []),
  ].map((one) => one.netns);
  return await session.snapshot([...new Set(namespaces)], { rules: true });
}

async function runStep(session: EngineSession, step: FaultStep): Promise<void> {
  const result = await session.run(step.netns, step.argv, step.input === undefined ? {} : { input: step.input });
  if (result.exitCode === 0 || step.tolerant === true) return;
  throw new EngineError({
    code: 'COMMAND_FAILED',
    message: `${step.argv.join(' ')} failed in ${step.netns}: ${result.stderr.trim()}`,
    hint: 'look at the namespace with `cnilab exec`, and run `cnilab up --replace` when it cannot be mended',
    details: { netns: step.netns, argv: step.argv, exitCode: result.exitCode },
  });
}
