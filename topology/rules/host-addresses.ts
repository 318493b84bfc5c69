import { cidrContains, cidrSize, firstUsable, formatAddress, formatCidr, type Cidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { counted, problem } from './findings.ts';
import { unusableAddress } from './gateway-is-network-address.ts';
import { attachmentsOf, segmentsOf, type AttachmentView, type SegmentView } from './lab-view.ts';

function inSegment(plug: AttachmentView, segment: SegmentView): readonly Diagnostic[] {
  const ranges = segment.cidrs.map((c) => formatCidr(c.cidr)).join(', ');
  return plug.addresses.flatMap(({ text, path, address }, i): readonly Diagnostic[] => {
    if (plug.addresses.findIndex((a) => a.address.family === address.family) !== i) {
      return [
        problem(
          'ADDRESS_FAMILY_TWICE',
          path,
          `${plug.what} has two addresses of one family on segment ${segment.name} (${plug.addresses.map((a) => a.text).join(', ')})`,
          'keep one address per family',
        ),
      ];
    }
    const home = segment.cidrs.find((c) => cidrContains(c.cidr, address));
    if (home === undefined) {
      return [
        problem(
          'ADDRESS_NOT_IN_SEGMENT',
          path,
          `${text} of ${plug.what} is not in segment ${segment.name} (${ranges})`,
          `use an address of ${ranges}, or name the segment that holds ${text}`,
        ),
      ];
    }
    const kind = unusableAddress(home.cidr, text);
    if (kind === null) return [];
    return [
      problem(
        kind === 'network' ? 'ADDRESS_IS_NETWORK' : 'ADDRESS_IS_BROADCAST',
        path,
        `${text} of ${plug.what} is the ${kind} address of ${formatCidr(home.cidr)}`,
        `use another address; the first usable one is ${firstUsable(home.cidr)}`,
      ),
    ];
  });
}

/** How many addresses of a segment planning may hand out: from the third on, without broadcast; tiny ranges as a whole. */
function pool(cidr: Cidr): { readonly from: bigint; readonly to: bigint } {
  const size = cidrSize(cidr);
  if (size <= 2n) return { from: cidr.base, to: cidr.base + size - 1n };
  return { from: cidr.base + 2n, to: cidr.base + size - (cidr.family === 'ipv4' ? 2n : 1n) };
}

/** Machines without a fixed address must find a free one; the first router takes the first usable address. */
function fits(segment: SegmentView, plugs: readonly AttachmentView[]): readonly Diagnostic[] {
  return segment.cidrs.flatMap(({ cidr }) => {
    const fixed = plugs
      .flatMap((p) => p.addresses)
      .filter((a) => cidrContains(cidr, a.address))
      .map((a) => a.address.value);
    const { from, to } = pool(cidr);
    const taken = BigInt(new Set(fixed.filter((value) => value >= from && value <= to)).size);
    const wanting = plugs.filter((p) => !p.addresses.some((a) => a.address.family === cidr.family));
    const gateway =
      from > cidr.base &&
      !fixed.includes(cidr.base + 1n) &&
      plugs.find((p) => p.kind === 'router') === wanting.find((p) => p.kind === 'router') &&
      wanting.some((p) => p.kind === 'router');
    const needed = BigInt(wanting.length) - (gateway ? 1n : 0n);
    const free = to < from ? 0n : to - from + 1n - taken;
    if (needed <= free) return [];
    return [
      problem(
        'SEGMENT_FULL',
        segment.path,
        `segment ${segment.name} (${formatCidr(cidr)}) has ${counted(free, 'free address')} for ${counted(needed, 'machine')} without a fixed one`,
        'use a larger range for the segment; its first usable address is kept for a router',
      ),
    ];
  });
}

/** Addresses of machines: in their segment, usable, unique; and the segment has enough of them. */
export function hostAddresses(spec: LabSpec): readonly Diagnostic[] {
  const segments = segmentsOf(spec);
  const plugs = attachmentsOf(spec);
  const seen = new Map<string, AttachmentView>();
  const twice = plugs.flatMap((plug) =>
    plug.addresses.flatMap(({ text, path, address }) => {
      const key = formatAddress(address.family, address.value);
      const first = seen.get(key);
      if (first === undefined) seen.set(key, plug);
      return first === undefined || first === plug
        ? []
        : [
            problem(
              'ADDRESS_DUPLICATE',
              path,
              `${text} is the address of ${first.what} and of ${plug.what}`,
              `give ${plug.what} an address of its own, or leave it out`,
            ),
          ];
    }),
  );
  return [
    ...segments.flatMap((segment) => plugs.filter((p) => p.segment === segment.name && segment.cidrs.length > 0).flatMap((plug) => inSegment(plug, segment))),
    ...twice,
    ...segments.flatMap((segment) =>
      fits(
        segment,
        plugs.filter((p) => p.segment === segment.name),
      ),
    ),
  ];
}
