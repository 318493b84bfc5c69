import type { NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import type { NodePlan } from '../../topology/plan.ts';

/** The CNI folders of a node as its set-up leaves them; nothing of one that attaches pods without plugins. */
export function healthyCni({ netns, conflist }: NodePlan): Pick<NamespaceSnapshot, 'cni'> {
  if (conflist === null) return {};
  return {
    cni: {
      configFolder: `/run/cnilab/${netns}/net.d`,
      configs: [{ file: '10-cnilab.conflist', text: JSON.stringify(conflist, null, 2) }],
      pluginFolder: `/run/cnilab/${netns}/bin`,
      plugins: ['bridge', 'host-local', 'loopback', 'portmap', 'ptp'],
    },
  };
}

/** The snapshot with a node whose folders are gone, or were not read. */
export function withoutCni(snapshot: Snapshot, netns: string): Snapshot {
  const namespaces = Object.entries(snapshot.namespaces).map(([name, one]) => {
    const { cni: _cni, ...rest } = one;
    return [name, name === netns ? rest : one] as const;
  });
  return { ...snapshot, namespaces: Object.fromEntries(namespaces) };
}
