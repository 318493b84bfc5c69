/** Addresses for the rehearsal of pods that are not there yet. */
import { addressAt, addressesFromTheEnd, cidrSize, parseCidr, tryParseCidr } from '../topology/cidr.ts';
import type { ClusterPlan } from '../topology/plan.ts';
import type { PolicyRule } from '../topology/policy/model.ts';
import { policyWorld } from '../topology/policy/world.ts';

/** Where a node has no share of the pod network: of ranges that nobody uses (RFC 5737, RFC 3849). */
const NOWHERE = ['192.0.2.1', '2001:db8::1'] as const;
const MOST = 1023n;

/**
 * Addresses that a pod of a node may get, one for each family, in three ways: from the end of the node's shares, from their beginning, and from ranges that
 * nobody uses. None of the first two is taken. Where a family has no share, all are of the last kind.
 */
export function guestAddresses(podCIDRs: readonly string[], taken: ReadonlySet<string>): readonly (readonly string[])[] {
  const shares = podCIDRs.filter((text) => tryParseCidr(text).ok).map(parseCidr);
  const free = (addresses: Iterable<string>): readonly string[] => {
    for (const address of addresses) if (!taken.has(address)) return [address];
    return [];
  };
  const ways = [shares.flatMap((share) => free(addressesFromTheEnd(share))), shares.flatMap((share) => free(addressesFromTheStart(share)))];
  return [...ways.map((way) => [...way, ...NOWHERE.filter((other) => !way.some((address) => address.includes(':') === other.includes(':')))]), NOWHERE];
}

/** The first is the bridge's or nobody's. */
function* addressesFromTheStart(share: ReturnType<typeof parseCidr>): Generator<string> {
  for (let index = 2n; index < cidrSize(share) && index <= MOST; index++) yield addressAt(share, index);
}

/** Does a block of a policy, or a range of a load balancer, ask for the addresses of pods? What is to be expected of a pod then depends on the one it gets. */
export function rangesDecide(cluster: ClusterPlan): boolean {
  const hasBlock = ({ peers }: PolicyRule): boolean => peers?.some((peer) => peer.kind === 'block') ?? false;
  return (
    cluster.services.some((service) => service.loadBalancerSourceRanges.length > 0) ||
    policyWorld(cluster).policies.some(({ ingress, egress }) => [...(ingress ?? []), ...(egress ?? [])].some(hasBlock))
  );
}
