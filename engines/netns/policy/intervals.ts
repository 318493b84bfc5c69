/** Sets of addresses of one family as sorted, disjoint intervals of numbers: what a set of nftables holds without overlaps. */
import { formatAddress, formatCidr, type Cidr } from '../../../topology/cidr.ts';
import type { Family } from '../../../topology/spec.ts';

/** Both ends inside. */
export type Interval = readonly [first: bigint, last: bigint];

const byFirst = (a: Interval, b: Interval): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);

/** The same numbers without overlaps; neighbours stay apart, so that pods are still to be seen one by one. */
export function union(intervals: readonly Interval[]): readonly Interval[] {
  const merged: Interval[] = [];
  for (const [first, last] of [...intervals].sort(byFirst)) {
    const open = merged.at(-1);
    if (open !== undefined && first <= open[1]) merged[merged.length - 1] = [open[0], open[1] > last ? open[1] : last];
    else merged.push([first, last]);
  }
  return merged;
}

/** What of `whole` is in none of `holes`. */
export function without(whole: Interval, holes: readonly Interval[]): readonly Interval[] {
  const left: Interval[] = [];
  let next = whole[0];
  for (const [first, last] of union(holes.filter((hole) => hole[0] <= whole[1] && hole[1] >= whole[0]))) {
    if (first > next) left.push([next, first - 1n]);
    if (last >= next) next = last + 1n;
  }
  return next > whole[1] ? left : [...left, [next, whole[1]]];
}

export function intervalOf(cidr: Cidr): Interval {
  return [cidr.base, cidr.base + (1n << BigInt(cidr.bits - cidr.prefixLength)) - 1n];
}

/** As an element of a set: an address, a CIDR where it is one, else a range. */
export function formatInterval(family: Family, [first, last]: Interval): string {
  const bits = family === 'ipv4' ? 32 : 128;
  if (first === last) return formatAddress(family, first);
  const size = last - first + 1n;
  const hostBits = size.toString(2).length - 1;
  return size === 1n << BigInt(hostBits) && first % size === 0n
    ? formatCidr({ family, base: first, prefixLength: bits - hostBits, bits })
    : `${formatAddress(family, first)}-${formatAddress(family, last)}`;
}
