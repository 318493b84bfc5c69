/** Nodes of a running cluster as a plan has them: pure. */
import { cidrContains, tryParseCidr } from '../../topology/cidr.ts';
import type { BridgePlan, InterfacePlan, NodePlan, VxlanPlan } from '../../topology/plan.ts';
import type { NodeFacts } from './facts.ts';
import { globalAddresses, type IpLink } from './ip-json.ts';

export interface NodeNaming {
  readonly cluster: string;
  /** Name in the plan; the one in Kubernetes for a cluster that was found. */
  readonly name: string;
  /** Instead of the node's own share, where the CNI hands out addresses by ranges of its own. */
  readonly blocks: readonly string[];
}

/** Holds the address of every Service in ipvs mode; a node never speaks by it. */
const SERVICE_DUMMY = 'kube-ipvs0';

/**
 * A node as found. Without its interfaces (no Job ran there) only the addresses of the API are known.
 * The first interface is the one that has the node's address in the API.
 */
export function observedNode(facts: NodeFacts, links: readonly IpLink[] | null, { cluster, name, blocks }: NodeNaming): NodePlan {
  const own = (links ?? []).filter((link) => link.ifname !== 'lo' && link.ifname !== SERVICE_DUMMY && globalAddresses(link).length > 0);
  const shares = facts.podCIDRs.map(tryParseCidr).flatMap((one) => (one.ok ? [one.cidr] : []));
  const inShare = (link: IpLink): boolean => globalAddresses(link).some((one) => shares.some((share) => cidrContains(share, one.address)));
  const isUnderlay = (link: IpLink): boolean => globalAddresses(link).some((one) => facts.internalIPs.includes(one.address));
  const bridges = own.filter((link) => kindOf(link) === 'bridge' && !isUnderlay(link));
  const bridge = bridges.find(inShare) ?? bridges[0];
  const vxlans = own.filter((link) => kindOf(link) === 'vxlan');
  // A CNI without a bridge gives the gateway's address to its end of every pod's veth pair.
  const gateways = own.filter((link) => link !== bridge && kindOf(link) === 'veth' && !isUnderlay(link) && inShare(link));
  const others = own.filter((link) => link !== bridge && !vxlans.includes(link) && !gateways.includes(link));
  const interfaces = [...others.filter(isUnderlay), ...others.filter((link) => !isUnderlay(link))].map((link) => interfaceOf(link, facts));
  return {
    id: `${cluster}/${name}`,
    name,
    kind: 'node',
    role: facts.controlPlane ? 'control-plane' : 'worker',
    netns: facts.name,
    interfaces: interfaces.length > 0 ? interfaces : [apiInterface(facts)],
    routes: [],
    forwarding: true,
    cluster,
    labels: facts.labels,
    podCIDRs: facts.podCIDRs,
    blocks,
    gateways: [...new Set((bridge === undefined ? gateways : [bridge]).flatMap((link) => globalAddresses(link).map((one) => one.address)))],
    bridge: bridge === undefined ? null : bridgeOf(bridge),
    vxlans: vxlans.map(vxlanOf),
    ipip: null,
    bgp: null,
    podRoutes: [],
    conflist: null,
  };
}

function kindOf(link: IpLink): string {
  return link.linkinfo?.info_kind ?? '';
}

/** The address of the API first: it is the one that is dialled. */
function interfaceOf(link: IpLink, facts: NodeFacts): InterfacePlan {
  const rank = (address: string): number => (facts.internalIPs.includes(address) ? 0 : 1);
  return {
    name: link.ifname ?? '',
    segment: '',
    mac: link.address ?? '',
    mtuBytes: link.mtu ?? 0,
    addresses: globalAddresses(link).toSorted((a, b) => rank(a.address) - rank(b.address)),
    switchPort: '',
  };
}

function apiInterface(facts: NodeFacts): InterfacePlan {
  return {
    name: 'InternalIP',
    segment: '',
    mac: '',
    mtuBytes: 0,
    addresses: facts.internalIPs.map((address) => ({
      family: address.includes(':') ? 'ipv6' : 'ipv4',
      address,
      prefixLength: address.includes(':') ? 128 : 32,
    })),
    switchPort: '',
  };
}

function bridgeOf(link: IpLink): BridgePlan {
  return { name: link.ifname ?? '', mac: link.address ?? '', mtuBytes: link.mtu ?? 0, addresses: globalAddresses(link) };
}

function vxlanOf(link: IpLink): VxlanPlan {
  const data = link.linkinfo?.info_data ?? {};
  return {
    family: data.local === undefined && data.local6 !== undefined ? 'ipv6' : 'ipv4',
    name: link.ifname ?? '',
    mac: link.address ?? '',
    mtuBytes: link.mtu ?? 0,
    vni: data.id ?? 0,
    port: data.port ?? 0,
    local: data.local ?? data.local6 ?? '',
    dev: data.link ?? '',
    addresses: globalAddresses(link),
    master: link.master ?? null,
    learning: data.learning ?? false,
    peers: [],
  };
}
