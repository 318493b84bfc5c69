/** Addresses that the plan gives to nobody. */
import { addressAt, cidrContains, cidrOf, cidrSize, formatCidr, parseAddress, parseCidr } from '../../topology/cidr.ts';
import { nodeAddresses } from '../inventory/lab-view.ts';
import type { FaultTarget } from './target.ts';
import { podAddress, rangesOf } from './target.ts';

/** A free address of the segment that the node's first interface stands on; in a cluster whose segments nobody planned, of the interface's own network. */
export function freeUnderlayAddress(target: FaultTarget): string {
  const [cable] = target.node.interfaces;
  const segment = target.plan.segments.find((one) => one.name === cable?.segment);
  const own = cable?.addresses.find((one) => one.family === target.family);
  const range =
    segment?.cidrs.find((cidr) => cidr.includes(':') === (target.family === 'ipv6')) ??
    (own === undefined ? undefined : formatCidr(cidrOf(parseAddress(own.address), own.prefixLength)));
  if (range === undefined) throw new RangeError(`${target.node.name} stands on no segment of ${target.family}`);
  return upperFree(target, range);
}

/** A free address of the range that the pod's own address is in. */
export function freePodAddress(target: FaultTarget): string {
  const ranges = rangesOf(target, target.node);
  const range = ranges.find((one) => cidrContains(parseCidr(one), podAddress(target, target.pod))) ?? ranges[0];
  if (range === undefined) throw new RangeError(`${target.node.name} has no pod range of ${target.family}`);
  return upperFree(target, range);
}

function upperFree(target: FaultTarget, range: string): string {
  const { plan } = target;
  const taken = new Set([
    ...plan.machines.flatMap((machine) => machine.interfaces.flatMap((one) => one.addresses.map((has) => has.address))),
    ...plan.clusters.flatMap((cluster) => [
      ...cluster.nodes.flatMap((node) => [...nodeAddresses(node).map((has) => has.address), ...node.gateways]),
      ...cluster.pods.flatMap((pod) => (pod.interface?.addresses ?? []).map((has) => has.address)),
    ]),
  ]);
  // Not from the end: the last address of an IPv4 range is its broadcast address (RFC 919), and the one before is what controls dial.
  const cidr = parseCidr(range);
  const size = cidrSize(cidr);
  for (let at = size - size / 4n; at > 0n; at -= 1n) {
    const address = addressAt(cidr, at);
    if (!taken.has(address)) return address;
  }
  throw new RangeError(`${range} has no free address`);
}
