/** Files of /etc that machines have to themselves, in the lab's own folder, from which programs get theirs. */
import type { LabPlan } from '../../topology/plan.ts';
import { formatHosts } from '../../topology/services/hosts-file.ts';
import { formatResolvConf } from '../../topology/services/resolv-conf.ts';
import { RESOLV_FOLDER } from './dns/resolv-files.ts';
import type { Op } from './ops.ts';

/** Below it, by namespace: the files that are mounted over those of the same name in /etc. Who writes to them writes to the lab's. */
export const ETC_FOLDER = '/run/cnilab/etc';

/** What must be there for the C library to look at all sources in the order of the line `hosts`. */
const SOURCES = ['passwd: files', 'group: files', 'shadow: files'];

/** Resolver settings of hosts, the machine-ids of nodes, and the host aliases of pods; those in the network of their node have its files. */
export function ownEtcOps(plan: LabPlan): Op[] {
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  return [
    ...nodes.flatMap(({ netns, name, machineId }): Op[] =>
      machineId === undefined
        ? []
        : [
            { op: 'file', path: `${ETC_FOLDER}/${netns}/hostname`, text: `${name}\n` },
            { op: 'file', path: `${ETC_FOLDER}/${netns}/machine-id`, text: `${machineId}\n` },
          ],
    ),
    ...plan.clusters.flatMap((cluster) =>
      cluster.pods.flatMap((pod): Op[] =>
        pod.hostAliases === undefined || pod.hostNetwork ? [] : [{ op: 'file', path: `${ETC_FOLDER}/${pod.netns}/hosts`, text: formatHosts(pod, cluster) }],
      ),
    ),
    ...plan.machines.flatMap(({ netns, resolver }): Op[] => {
      if (resolver === undefined) return [];
      const { conf, hosts, order } = resolver;
      const text = formatResolvConf(conf);
      return [
        { op: 'file', path: `${RESOLV_FOLDER}/${netns}.conf`, text: text === '' ? '# Nobody is asked.\n' : text },
        { op: 'file', path: `${ETC_FOLDER}/${netns}/hosts`, text: hosts.map(({ address, name }) => `${address} ${name}\n`).join('') },
        { op: 'file', path: `${ETC_FOLDER}/${netns}/nsswitch.conf`, text: [...SOURCES, `hosts: ${order.join(' ')}`, ''].join('\n') },
      ];
    }),
  ];
}
