/** Sharing ranges out: among the nodes of a cluster, and a node's share among its pods. What somebody has already stays theirs. */
import { AddressPool, gatewayOf } from './allocate.ts';
import { formatCidr, subnetAt, subnetCount, tryParseAddress, type Cidr } from './cidr.ts';
import { SpecError } from './errors.ts';
import type { Family } from './spec.ts';
import { ADDRESS_ANNOTATION } from './workloads.ts';

/** What a node has of a range, and how many parts it needs. */
export interface RangeWish {
  readonly name: string;
  /** Written by the author, or kept from the running lab. */
  readonly has: readonly Cidr[];
  readonly wanted: number;
}

/**
 * Shares a range out in subnets of one length, the lowest free ones in the order of the nodes.
 *
 * @param path of the range in the lab
 * @param noun what it is: `pod CIDR`
 * @throws SpecError POD_CIDR_EXHAUSTED
 */
export function shareRange(
  range: Cidr,
  length: number,
  wishes: readonly RangeWish[],
  path: readonly (string | number)[],
  noun: string,
): ReadonlyMap<string, readonly Cidr[]> {
  // Explicit and kept ranges first: a node that joins must not be given one of them.
  const taken = new Set(wishes.flatMap(({ has }) => has.map(({ base }) => base)));
  const count = subnetCount(range, length);
  let index = 0n;
  return new Map(
    wishes.map(({ name, has, wanted }) => {
      const shares = [...has];
      while (shares.length < wanted) {
        while (index < count && taken.has(subnetAt(range, length, index).base)) index += 1n;
        if (index >= count) {
          throw new SpecError(
            [
              {
                severity: 'error',
                code: 'POD_CIDR_EXHAUSTED',
                path,
                message: `${formatCidr(range)} holds ${count} ranges of /${length}, fewer than the nodes need`,
                hint: `use a larger ${noun} or ranges smaller than /${length}`,
              },
            ],
            'lab',
          );
        }
        const share = subnetAt(range, length, index);
        taken.add(share.base);
        shares.push(share);
      }
      return [name, shares];
    }),
  );
}

/** How a node's ranges are given away. */
export interface RangeUse {
  /** blocks: without a gateway of their own, and only the first leaves out what comes before `firstPodIndex`. */
  readonly ranges: 'node-mask' | 'blocks' | 'ring';
  /** Index of the first pod address in a node's (first) range. */
  readonly firstPodIndex: bigint;
}

/** Gives every pod of a node an address per family: the one that its author chose, or the one that it has; what is then free is given away. */
export function podAddresses(
  use: RangeUse,
  ranges: readonly Cidr[],
  families: readonly Family[],
  pods: readonly string[],
  fixed: ReadonlyMap<string, readonly string[]>,
  before: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, string[]>(pods.map((p) => [p, []]));
  for (const family of families) {
    const pools = ranges
      .filter((r) => r.family === family)
      .map((range, nth) => {
        const blocks = use.ranges === 'blocks';
        // Of a node's blocks only the first gives an address away, to the tunnel.
        const pool = new AddressPool(range, blocks && nth > 0 ? 0n : use.firstPodIndex, family === 'ipv4' && !blocks ? -2n : -1n);
        if (!blocks) pool.take(gatewayOf(range));
        return pool;
      });
    const open = new Set(pods);
    for (const pod of pods) {
      for (const address of fixed.get(pod)?.filter((a) => familyOf(a) === family) ?? []) {
        if (!open.has(pod) || !pools.some((pool) => pool.take(address))) throw addressUnavailable(pod, address, ranges);
        result.get(pod)?.push(address);
        open.delete(pod);
      }
    }
    for (const pod of open) {
      const address = before.get(pod)?.find((a) => (family === 'ipv6') === a.includes(':'));
      if (address !== undefined && pools.some((pool) => pool.take(address))) {
        result.get(pod)?.push(address);
        open.delete(pod);
      }
    }
    for (const pod of open) {
      let address: string | null = null;
      for (const pool of pools) address ??= pool.next();
      if (address === null) {
        throw new SpecError(
          [
            {
              severity: 'error',
              code: 'NODE_RANGE_FULL',
              path: ['clusters'],
              message: `${ranges.map(formatCidr).join(', ')} has no address left for pod ${pod}`,
              hint: 'use a smaller nodeMask (a larger range per node), more nodes, or fewer pods',
            },
          ],
          'lab',
        );
      }
      result.get(pod)?.push(address);
    }
  }
  return result;
}

/** null: not an address. */
export function familyOf(address: string): Family | null {
  const parsed = tryParseAddress(address);
  return parsed.ok ? parsed.address.family : null;
}

/** @returns an error POD_ADDRESS_UNAVAILABLE */
export function addressUnavailable(pod: string, address: string, ranges: readonly Cidr[]): SpecError {
  return new SpecError(
    [
      {
        severity: 'error',
        code: 'POD_ADDRESS_UNAVAILABLE',
        path: ['clusters'],
        message: `pod ${pod} cannot have ${address}: its node gives ${ranges.map(formatCidr).join(', ')} away, and no address twice`,
        hint: `choose a free address of that range, the pod's node (spec.nodeName) for the range, or leave the annotation ${ADDRESS_ANNOTATION} out`,
      },
    ],
    'lab',
  );
}
