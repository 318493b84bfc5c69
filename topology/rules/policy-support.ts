import { tryParseCidr } from '../cidr.ts';
import { cniNames, traitsOf } from '../cni/index.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { KubernetesObject, LabSpec } from '../spec.ts';
import { caution, problem, type Path } from './findings.ts';

/** Every `ipBlock` of a NetworkPolicy with its place. */
function ipBlocks(value: unknown, path: Path): readonly { readonly block: Readonly<Record<string, unknown>>; readonly path: Path }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) => {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    const own = key === 'ipBlock' ? [{ block: typeof item === 'object' && item !== null ? (item as Readonly<Record<string, unknown>>) : {}, path: here }] : [];
    return [...own, ...ipBlocks(item, here)];
  });
}

function blockCidrs(policy: KubernetesObject, path: Path): readonly Diagnostic[] {
  return ipBlocks(policy['spec'], [...path, 'spec']).flatMap(({ block, path: at }) => {
    const cidr = block['cidr'];
    const parsed = typeof cidr === 'string' ? tryParseCidr(cidr) : null;
    if (parsed?.ok === true) return [];
    const reason = parsed === null ? 'it is missing or empty' : parsed.message;
    return [
      problem(
        'POLICY_IP_BLOCK',
        [...at, 'cidr'],
        `NetworkPolicy ${policy.metadata.name} has an ipBlock without a CIDR: ${reason}`,
        'write a range, like 192.168.5.10/32',
      ),
    ];
  });
}

/** NetworkPolicies are well-formed where they hold CIDRs, and stand on a CNI that enforces them. */
export function policySupport(spec: LabSpec): readonly Diagnostic[] {
  return (spec.clusters ?? []).flatMap((cluster, c) => {
    const policies = (cluster.objects ?? []).flatMap((object, i) => (object.kind === 'NetworkPolicy' ? [{ object, path: ['clusters', c, 'objects', i] }] : []));
    const first = policies[0];
    const blocks = policies.flatMap(({ object, path }) => blockCidrs(object, path));
    if (first === undefined || traitsOf(cluster.cni.type).enforcesNetworkPolicy) return blocks;
    const list = policies.map(({ object }) => `${object.metadata.namespace ?? 'default'}/${object.metadata.name}`).join(', ');
    const enforcing = cniNames.filter((name) => traitsOf(name).enforcesNetworkPolicy);
    return [
      ...blocks,
      caution(
        'POLICY_IGNORED',
        first.path,
        `${traitsOf(cluster.cni.type).title} does not enforce NetworkPolicies: ${list} ${policies.length === 1 ? 'has' : 'have'} no effect`,
        `use a CNI that enforces them: ${enforcing.join(', ')}`,
      ),
    ];
  });
}
