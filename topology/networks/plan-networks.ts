/** Second networks: their bridges and ranges on the nodes, and the interfaces of the pods that ask for them. */
import { formatCidr, parseCidr } from '../cidr.ts';
import { cidrsOf, DEFAULTS } from '../draft.ts';
import { interfaceName, macFor } from '../names.ts';
import type { AttachmentPlan, ClusterPlan, NetworkPlan, NodeNetworkPlan } from '../plan.ts';
import { podAddresses, shareRange } from '../pod-ranges.ts';
import type { ClusterSpec, NetworkSpec } from '../spec.ts';
import { networkBridge } from './definition.ts';

export interface NetworksPlanning {
  readonly networks: readonly NetworkPlan[];
  /** By name of the node, in the order of the networks. */
  readonly nodes: ReadonlyMap<string, readonly NodeNetworkPlan[]>;
  /** By identity of the pod, in the order in which it asks. */
  readonly attachments: ReadonlyMap<string, readonly AttachmentPlan[]>;
}

/** A pod that has a node. */
export interface NetworkedDraft {
  readonly id: string;
  readonly node: string;
  readonly networks: readonly string[];
}

/** host-local leaves the first address of a range to a gateway, though nothing has it here. */
const USE = { ranges: 'node-mask', firstPodIndex: 2n } as const;
const NONE_FIXED: ReadonlyMap<string, readonly string[]> = new Map();

/**
 * Plans the second networks of a cluster, whose spec is valid. What the running lab has given away is kept.
 *
 * @param underlayMtu of networks that say none, in bytes
 * @throws SpecError POD_CIDR_EXHAUSTED, NODE_RANGE_FULL: ranges that run full
 */
export function planNetworks(
  source: ClusterSpec,
  index: number,
  underlayMtu: number,
  nodes: readonly string[],
  pods: readonly NetworkedDraft[],
  previous: ClusterPlan | null,
): NetworksPlanning {
  const networks = (source.networks ?? []).map((network) => planNetwork(network, underlayMtu));
  const onNodes = new Map(nodes.map((node): [string, NodeNetworkPlan[]] => [node, []]));
  const faces = new Map<string, Omit<AttachmentPlan, 'name'>[]>();
  networks.forEach((network, n) => {
    const shares = sharesOf(network, nodes, ['clusters', index, 'networks', n, 'cidr'], previous);
    const before = new Map((previous?.pods ?? []).map((pod) => [pod.id, addressesIn(network, pod.attachments ?? [])]));
    for (const node of nodes) {
      const ranges = shares.get(node) ?? [];
      const mine = pods.filter((pod) => pod.node === node && pod.networks.includes(network.name)).map(({ id }) => id);
      const families = ranges.map(({ family }) => family);
      for (const [id, addresses] of podAddresses(USE, ranges, families, mine, NONE_FIXED, before)) {
        faces.set(id, [
          ...(faces.get(id) ?? []),
          {
            network: network.name,
            mac: macFor(`${id}#${network.name}`),
            mtuBytes: network.mtuBytes,
            addresses: ranges.map(({ family, prefixLength }, at) => ({ family, prefixLength, address: addresses[at] ?? '' })),
            gateways: [],
            hostName: interfaceName('veth', `${id}#${network.name}`),
            hostMac: macFor(`${id}#${network.name}#host`),
          },
        ]);
      }
      const mac = macFor(`${source.name}/${node}#${network.bridge}`);
      const bridge = { name: network.bridge, mac, mtuBytes: network.mtuBytes, addresses: [] };
      onNodes.get(node)?.push({ network: network.name, cidrs: ranges.map(formatCidr), bridge });
    }
  });
  const attachments = pods.map(({ id, networks: asked }): readonly [string, readonly AttachmentPlan[]] => [
    id,
    asked.flatMap((name) => faces.get(id)?.find(({ network }) => network === name) ?? []).map((face, at) => ({ name: `net${at + 1}`, ...face })),
  ]);
  return { networks, nodes: onNodes, attachments: new Map(attachments) };
}

function planNetwork(network: NetworkSpec, underlayMtu: number): NetworkPlan {
  const cidrs = cidrsOf(network.cidr);
  return {
    name: network.name,
    cidrs: cidrs.map(formatCidr),
    nodeMasks: cidrs.map(({ family }) => network.nodeMask?.[family] ?? DEFAULTS.nodeMask[family]),
    bridge: networkBridge(network),
    mtuBytes: network.mtu ?? underlayMtu,
  };
}

type Shares = ReturnType<typeof shareRange>;

/** A node's shares of a network, one per CIDR. */
function sharesOf(network: NetworkPlan, nodes: readonly string[], path: readonly (string | number)[], previous: ClusterPlan | null): Shares {
  const running = previous?.networks?.find(({ name }) => name === network.name);
  const shares = network.cidrs.map((text, at) => {
    const kept = running?.cidrs[at] === text && running.nodeMasks[at] === network.nodeMasks[at];
    const had = (name: string): readonly string[] => {
      const own = previous?.nodes.find((node) => node.name === name)?.networks?.find((one) => one.network === network.name)?.cidrs[at];
      return kept && own !== undefined ? [own] : [];
    };
    const wishes = nodes.map((name) => ({ name, has: had(name).map(parseCidr), wanted: 1 }));
    return shareRange(parseCidr(text), network.nodeMasks[at] ?? 0, wishes, path, 'network');
  });
  return new Map(nodes.map((name) => [name, shares.flatMap((one) => one.get(name) ?? [])]));
}

function addressesIn({ name }: NetworkPlan, attachments: readonly AttachmentPlan[]): readonly string[] {
  return attachments.filter(({ network }) => network === name).flatMap(({ addresses }) => addresses.map(({ address }) => address));
}
