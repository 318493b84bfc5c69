/** What is written in the boxes of a picture, the same in Mermaid and SVG. */
import type { GraphDevice, GraphMachine, GraphOverlay, GraphPod, GraphSegment } from '../../topology/graph/graph.ts';
import { counted } from '../layout.ts';

/** The lines of a box; the first is its name. */
export type Words = readonly [string, ...string[]];

/** `c1/default/web-1` → `default/web-1`: which cluster or host it is in says the machine around it. */
export function podWords({ id, device, instead, published, second = [] }: GraphPod): Words {
  const name = id.split('/').slice(1).join('/');
  const network = device === null ? [instead] : [`${device.name}  MTU ${String(device.mtuBytes)}`, ...device.addresses];
  const more = second.flatMap((one) => [`${one.name}  in ${one.network}`, ...one.addresses]);
  return [name, ...network, ...more, ...published.map((one) => `published ${one}`)];
}

/** The node's end of a pod's cable, as far as its name is known. */
export function endName({ hostEnd }: Pick<GraphPod, 'hostEnd'>): string {
  return hostEnd ?? 'veth';
}

const KINDS: Readonly<Record<GraphDevice['kind'], string>> = {
  cable: '',
  bridge: 'bridge',
  network: 'bridge of a second network',
  vxlan: 'VXLAN',
  ipip: 'IPIP',
  tun: 'TUN',
  other: 'not planned',
};

export function deviceWords({ name, kind, mtuBytes, addresses, master }: GraphDevice): Words {
  const port = kind === 'other' && master !== null ? [`port of ${master}`] : [];
  return [KINDS[kind] === '' ? name : `${name}  ${KINDS[kind]}`, `MTU ${String(mtuBytes)}`, ...port, ...addresses];
}

export function segmentWords({ name, cidrs, mtuBytes, bridge }: GraphSegment): Words {
  return [name, [...cidrs, `MTU ${String(mtuBytes)}`, `switch ${bridge}`].join('  ')];
}

export function machineWords({ id, role }: GraphMachine): Words {
  return [id, role];
}

export function overlayWords({ title, detail }: GraphOverlay): Words {
  return [title, detail];
}

/** What joins pods where no bridge does: the routes of their node. */
export function routingWords({ gateways }: GraphMachine): Words {
  return ['routes to its pods', ...gateways.map((gateway) => `next hop ${gateway}`)];
}

export function speakerWords(asNumber: number): Words {
  return ['BGP', `AS ${String(asNumber)}`];
}

export function morePods({ kind }: GraphMachine, count: number): string {
  return `and ${counted(count, kind === 'node' ? 'more pod' : 'more container')}`;
}

/** `and 12 more nodes`, `and 3 more hosts`; one line for each that there is. */
export function moreMachines(more: { readonly nodes: number; readonly hosts: number } | undefined): readonly string[] {
  const { nodes = 0, hosts = 0 } = more ?? {};
  return [...(nodes === 0 ? [] : [`and ${counted(nodes, 'more node')}`]), ...(hosts === 0 ? [] : [`and ${counted(hosts, 'more host')}`])];
}
