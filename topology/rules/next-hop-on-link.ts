import { cidrContains, cidrOf, formatCidr, tryParseAddress, tryParseCidr, type Address } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec, RouteSpec } from '../spec.ts';
import { problem, type Path } from './findings.ts';
import { attachmentsOf, routersOf, segmentsOf, type AttachmentView, type SegmentView } from './lab-view.ts';

interface Machine {
  readonly what: string;
  readonly segments: readonly SegmentView[];
  readonly plugs: readonly AttachmentView[];
}

/** What would make the next hop reachable: the interface that is missing. */
function interfaceNeeded(hop: Address, text: string, all: readonly SegmentView[]): string {
  const home = all.find((s) => s.cidrs.some((c) => cidrContains(c.cidr, hop)));
  if (home !== undefined) return `it would need an interface on segment ${home.name} (${home.cidrs.map((c) => formatCidr(c.cidr)).join(', ')})`;
  return `it would need an interface in a network that holds ${text}, like ${formatCidr(cidrOf(hop, hop.family === 'ipv4' ? 24 : 64))}, and no segment of the lab does`;
}

function nextHop(machine: Machine, via: string, path: Path, all: readonly SegmentView[]): readonly Diagnostic[] {
  const parsed = tryParseAddress(via);
  if (!parsed.ok || machine.segments.length === 0 || machine.segments.some((s) => s.cidrs.length === 0)) return [];
  const hop = parsed.address;
  if (machine.plugs.some((p) => p.addresses.some((a) => a.address.family === hop.family && a.address.value === hop.value))) {
    return [problem('NEXT_HOP_IS_SELF', path, `${via} is ${machine.what}'s own address, not a next hop`, "write the neighbour's address")];
  }
  if (machine.segments.some((s) => s.cidrs.some((c) => cidrContains(c.cidr, hop)))) return [];
  const where = machine.segments.map((s) => `${s.name} ${s.cidrs.map((c) => formatCidr(c.cidr)).join(', ')}`).join('; ');
  return [
    problem(
      'NEXT_HOP_NOT_ON_LINK',
      path,
      `next hop ${via} is not on-link for ${machine.what} (${where}); ${interfaceNeeded(hop, via, all)}`,
      `use a next hop inside ${where.replace(/^\S+ /, '')}, or move the machine`,
    ),
  ];
}

function route(machine: Machine, { to, via }: RouteSpec, path: Path, all: readonly SegmentView[]): readonly Diagnostic[] {
  const target = tryParseCidr(to);
  const hop = tryParseAddress(via);
  const mixed =
    target.ok && hop.ok && target.cidr.family !== hop.address.family
      ? [
          problem(
            'ROUTE_FAMILY_MISMATCH',
            path,
            `the route to ${to} has the next hop ${via}, which is of the other address family`,
            'use a destination and a next hop of one family',
          ),
        ]
      : [];
  return [...mixed, ...nextHop(machine, via, [...path, 'via'], all)];
}

/** A next hop must be a neighbour: inside a network that the machine has an interface in (RFC 1812 5.2.1). */
export function nextHopOnLink(spec: LabSpec): readonly Diagnostic[] {
  const all = segmentsOf(spec);
  const plugs = attachmentsOf(spec);
  const machine = (what: string, own: readonly AttachmentView[], names: readonly string[]): Machine => ({
    what,
    plugs: own,
    segments: all.filter((s) => names.includes(s.name)),
  });
  return [
    ...(spec.hosts ?? []).flatMap((host, i) => {
      const own = plugs.filter((p) => p.kind === 'host' && p.path[1] === i);
      const self = machine(
        `host ${host.name}`,
        own,
        own.map((p) => p.segment),
      );
      return [
        ...(host.gateway === undefined || host.gateway === 'none' ? [] : nextHop(self, host.gateway, ['hosts', i, 'gateway'], all)),
        ...(host.routes ?? []).flatMap((r, j) => route(self, r, ['hosts', i, 'routes', j], all)),
      ];
    }),
    ...(spec.routers ?? []).flatMap((router, i) => {
      const view = routersOf(spec)[i];
      const self = machine(
        `router ${router.name}`,
        plugs.filter((p) => p.kind === 'router' && p.machine === router.name),
        view?.segments ?? [],
      );
      return (router.routes ?? []).flatMap((r, j) => route(self, r, ['routers', i, 'routes', j], all));
    }),
  ];
}
