/** What NetworkPolicies say of a connection that a Service translates, as far as a client can tell. Pure. */
import type { ClusterPlan } from '../../topology/plan.ts';
import { evaluatePolicies, type FlowEnd } from '../../topology/policy/evaluate.ts';
import type { Family } from '../../topology/spec.ts';
import { enforcesPolicies } from '../policy/enforcement.ts';
import { worldOf } from '../policy/world.ts';
import type { Caller, Candidate, Door } from './expect.ts';

/** unknown: policies isolate an end of a connection whose source is translated on the way, or that a pod has with itself by way of another node. */
export type PolicyStand = 'open' | 'blocked' | 'unknown';

/** Asks the evaluator for one cluster; everything is open where there are no policies, or nothing enforces them. */
export function standOnPolicy(
  cluster: ClusterPlan,
  family: Family,
): (caller: Caller, door: Door, candidate: Candidate, protocol: 'TCP' | 'UDP' | 'SCTP') => PolicyStand {
  const world = worldOf(cluster);
  if (world.policies.length === 0 || enforcesPolicies(cluster) === false) return () => 'open';
  const unsure = enforcesPolicies(cluster) === null;
  return (caller, door, { endpoint, port, source }, protocol) => {
    const from = endOf(caller);
    const to: FlowEnd = endpoint.pod === null ? { kind: 'outside', address: endpoint.address } : { kind: 'pod', id: endpoint.pod, address: endpoint.address };
    const otherNode = door.via === 'node-port' && door.node !== caller.node;
    if (caller.pod !== null && caller.pod === endpoint.pod && (unsure || otherNode)) {
      // No policy parts a pod from itself, but it may look like somebody else: to another node, which hands its packets back, or to what enforces them.
      const other: FlowEnd = { kind: 'outside', address: family === 'ipv4' ? '192.0.2.1' : '2001:db8::1' };
      const leaving = evaluatePolicies(world, { from, to: other, protocol, port, family }).egress.isolated;
      return leaving || evaluatePolicies(world, { from: other, to, protocol, port, family }).ingress.isolated ? 'unknown' : 'open';
    }
    const verdict = evaluatePolicies(world, { from, to, protocol, port, family });
    if (!verdict.egress.isolated && !verdict.ingress.isolated) return 'open';
    if (unsure || !source.kept || otherNode) return 'unknown';
    return verdict.allowed ? 'open' : 'blocked';
  };
}

function endOf(caller: Caller): FlowEnd {
  if (caller.pod !== null) return { kind: 'pod', id: caller.pod, address: caller.address };
  return caller.node === null ? { kind: 'outside', address: caller.address } : { kind: 'node', name: caller.node, address: caller.address };
}
