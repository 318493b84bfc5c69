/** What a CNI should have written on the nodes of a cluster, by what the API says of all of them: pure. */
import type { CniPlan, NodePlan, RoutePlan, VxlanPlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import type { NodeFacts, OverlayFacts } from './facts.ts';

/** Port of flannel unless its configuration says otherwise. */
const FLANNEL_PORT = 8472;
const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

/**
 * Nodes with the routes to each other's pods, and the overlay devices with their peers, as the CNI writes them where it is one whose data path follows from
 * the API: bridge and kindnet (routes between nodes), flannel (what it notes on the nodes). Of other CNIs nothing is expected, and so nothing of theirs is judged.
 *
 * @param nodes as observed
 * @param facts of the API, found by the name in Kubernetes
 * @param podMtu of the pods, in bytes
 */
export function withDataPath(cni: CniPlan, nodes: readonly NodePlan[], facts: readonly NodeFacts[], podMtu: number): readonly NodePlan[] {
  const type = cni.type === 'observed' ? cni.name : cni.type;
  if (type === 'bridge' || type === 'kindnet')
    return nodes.map((node) => ({ ...node, podRoutes: FAMILIES.flatMap((family) => underlayRoutes(nodes, node, family)) }));
  if (type !== 'flannel') return nodes;
  const port = cni.type === 'flannel' ? cni.port : FLANNEL_PORT;
  const bare = cni.type === 'flannel' && cni.directRouting;
  const noted = new Map(nodes.map((node) => [node.id, facts.find((one) => one.name === node.netns)?.overlays ?? []]));
  return nodes.map((node) => {
    const overlays = noted.get(node.id) ?? [];
    const devices = overlays.flatMap((own) => vxlan({ nodes, noted, node, own, port, podMtu }) ?? []);
    return {
      ...node,
      vxlans: [
        ...node.vxlans.filter((one) => !devices.some((device) => device.name === one.name)),
        ...devices.map((one) => (bare ? { ...one, peers: [] } : one)),
      ],
      podRoutes: FAMILIES.flatMap((family): readonly RoutePlan[] => {
        const device = devices.find((one) => one.family === family);
        return device === undefined || bare ? underlayRoutes(nodes, node, family) : overlayRoutes(nodes, node, device);
      }),
    };
  });
}

const rangeOf = (node: NodePlan, family: Family): string | undefined => node.podCIDRs.find((range) => range.includes(':') === (family === 'ipv6'));
const others = (nodes: readonly NodePlan[], node: NodePlan): readonly NodePlan[] => nodes.filter((one) => one.id !== node.id);

/** By the address that the API has of the peer. */
function underlayRoutes(nodes: readonly NodePlan[], node: NodePlan, family: Family): readonly RoutePlan[] {
  return others(nodes, node).flatMap((peer): readonly RoutePlan[] => {
    const to = rangeOf(peer, family);
    const via = peer.interfaces[0]?.addresses.find((one) => one.family === family)?.address;
    const dev = node.interfaces[0]?.name;
    return to === undefined || via === undefined || dev === undefined ? [] : [{ family, to, via, dev, onlink: false, type: 'unicast', origin: 'static' }];
  });
}

/** flannel's own rule: the device has the first address of its node's range. */
function vtepAddress(node: NodePlan, family: Family): string | null {
  const range = rangeOf(node, family);
  return range === undefined ? null : (range.split('/')[0] ?? null);
}

function overlayRoutes(nodes: readonly NodePlan[], node: NodePlan, device: VxlanPlan): readonly RoutePlan[] {
  const { family, name: dev } = device;
  return others(nodes, node).flatMap((peer): readonly RoutePlan[] => {
    const to = rangeOf(peer, family);
    const via = vtepAddress(peer, family);
    return to === undefined || via === null ? [] : [{ family, to, via, dev, onlink: true, type: 'unicast', origin: 'static' }];
  });
}

interface Noted {
  readonly nodes: readonly NodePlan[];
  readonly noted: ReadonlyMap<string, readonly OverlayFacts[]>;
  readonly node: NodePlan;
  readonly own: OverlayFacts;
  readonly port: number;
  readonly podMtu: number;
}

function vxlan({ nodes, noted, node, own, port, podMtu }: Noted): VxlanPlan | null {
  const { family, vni, mac, underlay } = own;
  const address = vtepAddress(node, family);
  if (address === null) return null;
  return {
    family,
    name: family === 'ipv4' ? `flannel.${vni}` : `flannel-v6.${vni}`,
    mac,
    mtuBytes: podMtu,
    vni,
    port,
    local: underlay,
    dev: node.interfaces[0]?.name ?? '',
    addresses: [{ family, address, prefixLength: family === 'ipv4' ? 32 : 128 }],
    master: null,
    learning: false,
    peers: others(nodes, node).flatMap((peer) => {
      const theirs = noted.get(peer.id)?.find((one) => one.family === family);
      return theirs === undefined ? [] : [{ node: peer.id, mac: theirs.mac, address: vtepAddress(peer, family), underlay: theirs.underlay }];
    }),
  };
}
