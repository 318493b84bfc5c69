import { tryParseAddress, tryParseCidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { defaultCidrs } from '../draft.ts';
import type { LabSpec } from '../spec.ts';
import { problem } from './findings.ts';
import { placed, type Placed } from './lab-view.ts';

/** Every text that must be a CIDR. */
function cidrTexts(spec: LabSpec): readonly Placed[] {
  return [
    ...placed(spec.underlay?.cidr, ['underlay', 'cidr']),
    ...(spec.underlay?.segments ?? []).flatMap((s, i) => placed(s.cidr, ['underlay', 'segments', i, 'cidr'])),
    ...placed(spec.outside?.cidr, ['outside', 'cidr']),
    ...(spec.hosts ?? []).flatMap((host, i) => (host.routes ?? []).flatMap((r, j) => placed(r.to, ['hosts', i, 'routes', j, 'to']))),
    ...(spec.routers ?? []).flatMap((router, i) => (router.routes ?? []).flatMap((r, j) => placed(r.to, ['routers', i, 'routes', j, 'to']))),
    ...(spec.clusters ?? []).flatMap((c, i) => [
      ...placed(c.podCIDR, ['clusters', i, 'podCIDR']),
      ...placed(c.serviceCIDR, ['clusters', i, 'serviceCIDR']),
      ...(c.nodes ?? []).flatMap((n, j) => placed(n.podCIDR, ['clusters', i, 'nodes', j, 'podCIDR'])),
      ...(c.networks ?? []).flatMap((n, j) => placed(n.cidr, ['clusters', i, 'networks', j, 'cidr'])),
      ...(c.cni.type === 'weave' ? placed(c.cni.range, ['clusters', i, 'cni', 'range']) : []),
    ]),
  ];
}

/** Every text that must be an address. */
function addressTexts(spec: LabSpec): readonly Placed[] {
  return [
    ...(spec.hosts ?? []).flatMap((host, i) => [
      ...placed(host.address, ['hosts', i, 'address']),
      ...(host.gateway === 'none' ? [] : placed(host.gateway, ['hosts', i, 'gateway'])),
      ...(host.routes ?? []).flatMap((r, j) => placed(r.via, ['hosts', i, 'routes', j, 'via'])),
    ]),
    ...(spec.routers ?? []).flatMap((router, i) => [
      ...router.interfaces.flatMap((face, j) => placed(face.address, ['routers', i, 'interfaces', j, 'address'])),
      ...(router.routes ?? []).flatMap((r, j) => placed(r.via, ['routers', i, 'routes', j, 'via'])),
    ]),
    ...(spec.outside?.hosts ?? []).flatMap((host, i) => placed(host.address, ['outside', 'hosts', i, 'address'])),
    ...(spec.clusters ?? []).flatMap((c, i) => (c.nodes ?? []).flatMap((n, j) => placed(n.address, ['clusters', i, 'nodes', j, 'address']))),
  ];
}

function ofCidr({ text, path }: Placed): readonly Diagnostic[] {
  const parsed = tryParseCidr(text);
  if (parsed.ok) return [];
  const meant = parsed.code === 'CIDR_HOST_BITS' ? /network is (\S+)$/.exec(parsed.message)?.[1] : undefined;
  return [
    problem(
      parsed.code,
      path,
      parsed.message,
      meant === undefined ? 'write the first address of the range, "/" and the prefix length, like 10.244.0.0/16' : `write ${meant}`,
    ),
  ];
}

function ofAddress({ text, path }: Placed): readonly Diagnostic[] {
  const parsed = tryParseAddress(text);
  if (parsed.ok) return [];
  const bare = text.split('/')[0] ?? '';
  const gateway = path.at(-1) === 'gateway' ? ', or none' : '';
  return [
    problem(
      parsed.code,
      path,
      parsed.message,
      text.includes('/') && tryParseAddress(bare).ok ? `write ${bare}: the segment knows the prefix length` : `write an address like 192.168.1.10${gateway}`,
    ),
  ];
}

/** Clusters beyond the numbered defaults (10.244, 10.245, …) have none. */
function ofDefaults(spec: LabSpec): readonly Diagnostic[] {
  return (spec.clusters ?? []).flatMap((cluster, i) => {
    const defaults = defaultCidrs(i, ['ipv4']);
    return (['podCIDR', 'serviceCIDR'] as const)
      .filter((key) => cluster[key] === undefined && !tryParseCidr((key === 'podCIDR' ? defaults.pod : defaults.service)[0] ?? '').ok)
      .map((key) =>
        problem(
          'CIDR_NO_DEFAULT',
          ['clusters', i],
          `there is no default ${key} left for cluster number ${i + 1}`,
          `write the ${key} of cluster ${cluster.name}`,
        ),
      );
  });
}

/** Every CIDR and address field is well-formed, with no host bits set. */
export function cidrSyntax(spec: LabSpec): readonly Diagnostic[] {
  return [...cidrTexts(spec).flatMap(ofCidr), ...addressTexts(spec).flatMap(ofAddress), ...ofDefaults(spec)];
}
