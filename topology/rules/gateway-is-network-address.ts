import { addressAt, cidrContains, firstUsable, formatAddress, formatCidr, tryParseAddress, type Cidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { problem, type Path } from './findings.ts';
import { segmentsOf } from './lab-view.ts';

/** The network or broadcast address of a range, when the address is one that no machine may have. */
export function unusableAddress(cidr: Cidr, text: string): 'network' | 'broadcast' | null {
  const parsed = tryParseAddress(text);
  if (!parsed.ok || !cidrContains(cidr, parsed.address) || cidr.bits - cidr.prefixLength < 2) return null;
  if (parsed.address.value === cidr.base) return 'network';
  return cidr.family === 'ipv4' && formatAddress('ipv4', parsed.address.value) === addressAt(cidr, -1) ? 'broadcast' : null;
}

/** What is wrong with a gateway of a range, or nothing. */
export function gatewayProblem(cidr: Cidr, text: string, path: Path): readonly Diagnostic[] {
  const kind = unusableAddress(cidr, text);
  if (kind === null) return [];
  return [
    problem(
      kind === 'network' ? 'GATEWAY_IS_NETWORK_ADDRESS' : 'GATEWAY_IS_BROADCAST_ADDRESS',
      path,
      `gateway ${text} is the ${kind} address of ${formatCidr(cidr)}; nothing can have it`,
      `use ${firstUsable(cidr)}, the first usable address`,
    ),
  ];
}

/** No gateway or next hop is the network or broadcast address of its own segment. */
export function gatewayIsNetworkAddress(spec: LabSpec): readonly Diagnostic[] {
  const cidrs = segmentsOf(spec).flatMap((s) => s.cidrs.map((c) => c.cidr));
  const check = (text: string | undefined, path: Path): readonly Diagnostic[] =>
    text === undefined ? [] : cidrs.flatMap((cidr) => gatewayProblem(cidr, text, path));
  return [
    ...(spec.hosts ?? []).flatMap((h, i) => [
      ...check(h.gateway, ['hosts', i, 'gateway']),
      ...(h.routes ?? []).flatMap((r, j) => check(r.via, ['hosts', i, 'routes', j, 'via'])),
    ]),
    ...(spec.routers ?? []).flatMap((r, i) => (r.routes ?? []).flatMap((route, j) => check(route.via, ['routers', i, 'routes', j, 'via']))),
  ];
}
