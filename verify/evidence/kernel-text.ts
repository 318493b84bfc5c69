/** The state of one namespace as files, in words of the programs that people know; sorted, so that two of them can be compared line by line. Pure. */
import type { NamespaceSnapshot } from '../../engines/port.ts';

/** A file of the evidence. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** The files of a namespace below `folder`; what is empty has none. */
export function kernelFiles(folder: string, one: NamespaceSnapshot): readonly TextFile[] {
  const files: Readonly<Record<string, readonly string[]>> = {
    links: one.links.map(linkLine),
    addresses: one.addresses.map(({ dev, address, prefixLength }) => `${dev} ${address}/${prefixLength}`).toSorted(),
    routes: one.routes.map(routeLine).toSorted(),
    neighbours: one.neighbours.map(({ dev, address, mac, state }) => `${address} dev ${dev} lladdr ${mac || '-'} ${state}`).toSorted(),
    fdb: one.fdb.map(({ dev, mac, dst, permanent }) => `${mac} dev ${dev}${dst === null ? '' : ` dst ${dst}`}${permanent ? ' permanent' : ''}`).toSorted(),
    sysctls: Object.entries(one.sysctls)
      .map(([key, value]) => `${key.replaceAll('/', '.')} = ${value}`)
      .toSorted(),
    counters: Object.entries(one.counters)
      .filter(([, value]) => value !== 0)
      .map(([name, value]) => `${name} ${value}`)
      .toSorted(),
    listening: one.listening.toSorted(),
    iptables: [one.rules.iptables],
    ip6tables: [one.rules.ip6tables],
    nft: [one.rules.nft],
    'iptables-legacy': [one.rules.legacy?.iptables ?? ''],
    'ip6tables-legacy': [one.rules.legacy?.ip6tables ?? ''],
    cni:
      one.cni === undefined
        ? []
        : [`# ${one.cni.pluginFolder}`, ...one.cni.plugins, ...one.cni.configs.flatMap(({ file, text }) => [`# ${one.cni?.configFolder}/${file}`, text])],
  };
  return Object.entries(files).flatMap(([name, lines]): readonly TextFile[] => {
    const text = lines.join('\n').trimEnd();
    return text === '' ? [] : [{ path: `${folder}/${name}.txt`, text: `${text}\n` }];
  });
}

function linkLine(link: NamespaceSnapshot['links'][number]): string {
  const { vxlan, statistics: moved } = link;
  return [
    `${link.index}: ${link.name} ${link.kind || 'link'} mtu ${link.mtu} ${link.up ? 'up' : 'DOWN'}${link.carrier ? '' : ' no-carrier'} mac ${link.mac || '-'}`,
    ...(link.master === null ? [] : [`master ${link.master}`]),
    ...(link.hairpin === null ? [] : [`hairpin ${link.hairpin ? 'on' : 'off'}`]),
    ...(vxlan === null ? [] : [`vxlan id ${vxlan.vni} dstport ${vxlan.port} local ${vxlan.local || '-'}${vxlan.learning ? '' : ' nolearning'}`]),
    `rx ${moved.rxPackets} dropped ${moved.rxDropped} tx ${moved.txPackets} dropped ${moved.txDropped}`,
  ].join(' ');
}

function routeLine(route: NamespaceSnapshot['routes'][number]): string {
  return [
    `table ${route.table}`,
    route.family,
    route.type,
    route.to,
    ...(route.via === null ? [] : [`via ${route.via}`]),
    ...(route.dev === null ? [] : [`dev ${route.dev}`]),
    `proto ${route.proto} metric ${route.metric}`,
    ...(route.onlink ? ['onlink'] : []),
  ].join(' ');
}
