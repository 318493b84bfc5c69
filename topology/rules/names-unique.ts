import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { caution, problem, type Path } from './findings.ts';
import { routersOf } from './lab-view.ts';

interface Named {
  readonly name: string;
  readonly what: string;
  readonly path: Path;
}

/** Every second and later use of a name. */
function repeated(items: readonly Named[], scope: string): readonly Diagnostic[] {
  const seen = new Map<string, Named>();
  return items.flatMap((item) => {
    const first = seen.get(item.name);
    if (first === undefined) {
      seen.set(item.name, item);
      return [];
    }
    const a = (what: string): string => `${what.startsWith('outside') ? 'an' : 'a'} ${what}`;
    const both = first.what === item.what ? `two ${item.what}s` : `${a(first.what)} and ${a(item.what)}`;
    return [problem('NAME_DUPLICATE', item.path, `${both} ${scope} are named ${item.name}`, `rename this ${item.what}`)];
  });
}

/**
 * Nodes that were told the machine-id of another: what a cloned disk has, and what a kubelet reports as the identity of the machine.
 * https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/#verify-mac-address
 */
function sharedMachineIds(spec: LabSpec): readonly Diagnostic[] {
  const owners = new Map<string, string>();
  return (spec.clusters ?? []).flatMap((cluster, c) =>
    (cluster.nodes ?? []).flatMap(({ name, machineId }, i) => {
      if (machineId === undefined) return [];
      const node = `${cluster.name}/${name}`;
      const first = owners.get(machineId);
      owners.set(machineId, first ?? node);
      if (first === undefined) return [];
      const message = `nodes ${first} and ${node} have one machine-id, as if one were a copy of the other`;
      return [caution('MACHINE_ID_DUPLICATE', ['clusters', c, 'nodes', i, 'machineId'], message, 'give this node 32 other hex digits')];
    }),
  );
}

/** A name means one thing: clusters and segments in the lab, nodes and networks in their cluster, hosts and routers together. */
export function namesUnique(spec: LabSpec): readonly Diagnostic[] {
  const machines: readonly Named[] = [
    ...routersOf(spec).map((r) => ({ name: r.name, what: r.implied ? 'router (added by planning)' : 'router', path: [...r.path, 'name'] })),
    ...(spec.hosts ?? []).map((h, i) => ({ name: h.name, what: 'host', path: ['hosts', i, 'name'] })),
    ...(spec.outside?.hosts ?? []).map((h, i) => ({ name: h.name, what: 'outside host', path: ['outside', 'hosts', i, 'name'] })),
  ];
  return [
    ...repeated(
      (spec.clusters ?? []).map((c, i) => ({ name: c.name, what: 'cluster', path: ['clusters', i, 'name'] })),
      'of the lab',
    ),
    ...repeated(
      (spec.underlay?.segments ?? []).map((s, i) => ({ name: s.name, what: 'segment', path: ['underlay', 'segments', i, 'name'] })),
      'of the lab',
    ),
    ...repeated(machines, 'of the lab'),
    ...sharedMachineIds(spec),
    ...(spec.clusters ?? []).flatMap((cluster, c) => [
      ...repeated(
        (cluster.nodes ?? []).map((n, i) => ({ name: n.name, what: 'node', path: ['clusters', c, 'nodes', i, 'name'] })),
        `of cluster ${cluster.name}`,
      ),
      ...repeated(
        (cluster.networks ?? []).map((n, i) => ({ name: n.name, what: 'network', path: ['clusters', c, 'networks', i, 'name'] })),
        `of cluster ${cluster.name}`,
      ),
    ]),
  ];
}
