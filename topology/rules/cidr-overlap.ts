import { cidrSize, cidrsOverlap, formatCidr, parseCidr, subnetAt, subnetCount, type Cidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { pairs, problem } from './findings.ts';
import { rangesOf, type RangeView } from './lab-view.ts';

/** Where a free range is looked for, in order; each is tried from its start. */
const CANDIDATES = {
  ipv4: ['10.244.0.0/14', '10.248.0.0/13', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  ipv6: ['fd00:10:244::/48', 'fd00:10:245::/48', 'fd00:20::/32', 'fd00::/8'],
} as const;

/** A range of the same size that meets none of those in use, or null when none is found among the private ranges. */
export function freeRange(wanted: Cidr, used: readonly Cidr[]): Cidr | null {
  for (const text of CANDIDATES[wanted.family]) {
    const pool = parseCidr(text);
    const count = subnetCount(pool, wanted.prefixLength);
    let index = 0n;
    while (index < count) {
      const candidate = subnetAt(pool, wanted.prefixLength, index);
      const inTheWay = used.find((other) => cidrsOverlap(candidate, other));
      if (inTheWay === undefined) return candidate;
      // On behind the end of what is in the way; there are as many steps as ranges, at most.
      const end = inTheWay.base + cidrSize(inTheWay) - pool.base;
      const next = end >> BigInt(wanted.bits - wanted.prefixLength);
      index = next > index ? next : index + 1n;
    }
  }
  return null;
}

/** The one of two ranges to blame: what the author wrote, and of two of those the later. */
function blamed(a: RangeView, b: RangeView): RangeView {
  return b.isDefault && !a.isDefault ? a : b;
}

/** Pods, services, segments and the outside are pairwise apart, across clusters as well. */
export function cidrOverlap(spec: LabSpec): readonly Diagnostic[] {
  const ranges = rangesOf(spec);
  return pairs(ranges)
    .filter(([a, b]) => cidrsOverlap(a.cidr, b.cidr))
    .map(([a, b]) => {
      const change = blamed(a, b);
      const free = freeRange(
        change.cidr,
        ranges.filter((r) => r !== change).map((r) => r.cidr),
      );
      return problem(
        'CIDR_OVERLAP',
        change.path,
        `${formatCidr(b.cidr)} (${b.what}) overlaps ${formatCidr(a.cidr)} (${a.what})`,
        free === null ? `choose a smaller range for the ${change.what}` : `use ${formatCidr(free)} for the ${change.what.replace(/^the /, '')}: it is free`,
      );
    });
}
