import { cidrsOverlap, formatCidr, parseCidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { problem } from './findings.ts';
import { rangesOf } from './lab-view.ts';

/** Ranges that the kernel treats apart (RFC 6890, RFC 4291): no machine or pod can be reached at an address in them. */
const RESERVED = [
  ['0.0.0.0/8', '"this network" (RFC 791)'],
  ['127.0.0.0/8', 'loopback (RFC 1122)'],
  ['169.254.0.0/16', 'link-local (RFC 3927), and the next hop of calico pods'],
  ['224.0.0.0/4', 'multicast (RFC 5771)'],
  ['240.0.0.0/4', 'reserved (RFC 1112)'],
  ['::/96', 'the unspecified and the loopback address (RFC 4291)'],
  ['::ffff:0:0/96', 'IPv4-mapped (RFC 4291)'],
  ['fe80::/10', 'link-local (RFC 4291)'],
  ['ff00::/8', 'multicast (RFC 4291)'],
] as const;

/** `::ffff:0:0/96` cannot be written as a Cidr text on purpose; its numbers are given here. */
const reserved = RESERVED.map(([text, why]) => ({
  text,
  why,
  cidr: text.startsWith('::ffff') ? { family: 'ipv6' as const, base: 0xffffn << 32n, prefixLength: 96, bits: 128 as const } : parseCidr(text),
}));

/** No range of the lab lies where the kernel would not route it. */
export function cidrReserved(spec: LabSpec): readonly Diagnostic[] {
  return rangesOf(spec).flatMap((range) =>
    reserved
      .filter((r) => cidrsOverlap(r.cidr, range.cidr))
      .slice(0, 1)
      .map((r) =>
        problem(
          'CIDR_RESERVED',
          range.path,
          `${formatCidr(range.cidr)} (${range.what}) holds addresses of ${r.text}, which is ${r.why}`,
          range.cidr.family === 'ipv4'
            ? 'use a private range: 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 (RFC 1918)'
            : 'use a unique local range, like fd00:10:244::/56 (RFC 4193)',
        ),
      ),
  );
}
