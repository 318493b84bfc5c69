/** The lab as it will exist: every name, address, MAC, MTU and route chosen. Plain JSON, no `undefined`, frozen. */
import type { Family, HostRole, IpvsScheduler, KubernetesObject, NameSource, NodeRole, ProxyMode } from './spec.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { DockerPlan } from './docker/docker-plan.ts';
import type { DnsRecord } from './services/dns-records.ts';
import type { ResolvConf } from './services/resolv-conf.ts';
import type { ServicePlan } from './services/service-plan.ts';

export const PLAN_SCHEMA = 'cnilab.plan/1';

export interface LabPlan {
  readonly schema: typeof PLAN_SCHEMA;
  readonly name: string;
  readonly description: string;
  /** Families in use, primary first. */
  readonly families: readonly Family[];
  /**
   * learned: neighbours are resolved by ARP and ND, as in life. permanent: the estimate exceeds half of the kernel's one neighbour table
   * (gc_thresh3, 1024 by default, shared by all network namespaces), so every entry is written by hand.
   */
  readonly neighbours: { readonly mode: 'learned' | 'permanent'; readonly estimate: number; readonly budget: number };
  readonly segments: readonly SegmentPlan[];
  /** Hosts, routers and the outside; cluster nodes are in `clusters`. */
  readonly machines: readonly MachinePlan[];
  readonly clusters: readonly ClusterPlan[];
  /** Images to use instead of the default ones, by repository. */
  readonly images: Readonly<Record<string, string>>;
  /** Warnings and notes of planning; errors never reach a plan. */
  readonly findings: readonly Diagnostic[];
}

export interface AddressPlan {
  readonly family: Family;
  /** Canonical text, RFC 5952 for IPv6. */
  readonly address: string;
  readonly prefixLength: number;
}

export interface SegmentPlan {
  readonly name: string;
  readonly cidrs: readonly string[];
  readonly mtuBytes: number;
  /** The bridge that plays the switch, in the fabric namespace (≤ 15 bytes). */
  readonly bridge: string;
}

export interface InterfacePlan {
  readonly name: string;
  readonly segment: string;
  readonly mac: string;
  readonly mtuBytes: number;
  readonly addresses: readonly AddressPlan[];
  /** The switch's end of the cable, in the fabric namespace (≤ 15 bytes). */
  readonly switchPort: string;
}

export interface RoutePlan {
  readonly family: Family;
  /** Destination CIDR. */
  readonly to: string;
  /** Next hop, or null for on-link and blackhole routes. */
  readonly via: string | null;
  /** Device, or null for blackhole routes. */
  readonly dev: string | null;
  readonly onlink: boolean;
  readonly type: 'unicast' | 'blackhole';
  /** Who owns it: `static` (the plan), `bgp` (BIRD learns it; the plan only expects it), `kernel`-like protocols are not planned. */
  readonly origin: 'static' | 'bgp';
}

export interface MachinePlan {
  /** Identity: the name of a host or router, `cluster/node` for a node. */
  readonly id: string;
  readonly name: string;
  readonly kind: 'host' | 'router' | 'node';
  readonly role: HostRole | NodeRole | 'router';
  /** Name of its network namespace in the lab's private /run/netns (≤ 60 bytes, `[a-z0-9.-]`). */
  readonly netns: string;
  readonly interfaces: readonly InterfacePlan[];
  readonly routes: readonly RoutePlan[];
  readonly forwarding: boolean;
  /** Docker's networks and containers; only a host with Docker has it. */
  readonly docker?: DockerPlan;
  /** How its programs look names up, where the lab file says so; others have the lab's resolvers and the files of the machine that runs the lab. */
  readonly resolver?: MachineResolverPlan;
  /** What the DNS server on it answers. */
  readonly served?: MachineNamesPlan;
}

export interface MachineResolverPlan {
  readonly conf: ResolvConf;
  /** Lines of /etc/hosts. */
  readonly hosts: readonly { readonly address: string; readonly name: string }[];
  readonly order: readonly NameSource[];
}

export interface MachineNamesPlan {
  /** It answers for these itself, and for the addresses of their records. */
  readonly zones: readonly string[];
  readonly records: readonly DnsRecord[];
  readonly forwarders: readonly string[];
}

export interface BridgePlan {
  readonly name: string;
  readonly mac: string;
  readonly mtuBytes: number;
  readonly addresses: readonly AddressPlan[];
}

/** A VXLAN device of a node (RFC 7348), and the peers its tables must know. */
export interface VxlanPlan {
  /** Family of the outer packets. */
  readonly family: Family;
  readonly name: string;
  readonly mac: string;
  readonly mtuBytes: number;
  readonly vni: number;
  readonly port: number;
  /** Outer source address, an address of `dev`. */
  readonly local: string;
  readonly dev: string;
  readonly addresses: readonly AddressPlan[];
  /** Name of the bridge it is a port of (weave), else null. */
  readonly master: string | null;
  readonly learning: boolean;
  readonly peers: readonly VxlanPeerPlan[];
}

export interface VxlanPeerPlan {
  /** Identity of the peer node. */
  readonly node: string;
  /** Its VTEP MAC; null when every frame is flooded to it (weave's head-end replication uses 00:00:00:00:00:00). */
  readonly mac: string | null;
  /** Its VTEP address inside the overlay, the next hop of the routes; null when there is none. */
  readonly address: string | null;
  /** Outer destination: its underlay address. */
  readonly underlay: string;
}

/** flannel's backend udp: a TUN device, and the process behind it that carries its packets to the other nodes, one datagram each. */
export interface TunPlan {
  readonly name: string;
  readonly mtuBytes: number;
  /** UDP port of all nodes. */
  readonly port: number;
  /** Address on which the process listens and from which it sends: the node's. */
  readonly local: string;
  readonly addresses: readonly AddressPlan[];
  /** What is routed into the device: the pods of all nodes. */
  readonly network: string;
  /** Which range is at which node. */
  readonly peers: readonly { readonly node: string; readonly to: string; readonly underlay: string }[];
}

export interface IpipPlan {
  readonly name: string;
  readonly mtuBytes: number;
  readonly local: string;
  readonly dev: string;
}

export interface BgpPlan {
  readonly routerId: string;
  readonly asNumber: number;
  /** Is this node a route reflector? */
  readonly reflector: boolean;
  /** passive: this side waits, so that each pair opens one session only. */
  readonly peers: readonly { readonly node: string; readonly address: string; readonly passive: boolean; readonly reflectorClient: boolean }[];
  /** What this node announces: its blocks. */
  readonly announces: readonly string[];
}

/** A second network of a cluster: on every node a bridge of its own with a range of its own, and no wire between the nodes. */
export interface NetworkPlan {
  readonly name: string;
  readonly cidrs: readonly string[];
  /** Prefix lengths of one node's share, per CIDR. */
  readonly nodeMasks: readonly number[];
  readonly bridge: string;
  readonly mtuBytes: number;
}

/** A node's part of a second network. */
export interface NodeNetworkPlan {
  readonly network: string;
  /** The node's shares, in the order of the network's CIDRs. */
  readonly cidrs: readonly string[];
  /** Without an address: the node itself has no part in the network. */
  readonly bridge: BridgePlan;
}

export interface NodePlan extends MachinePlan {
  readonly kind: 'node';
  readonly role: NodeRole;
  readonly cluster: string;
  readonly labels: Readonly<Record<string, string>>;
  /** May pods without a toleration run on it, where the lab file says so; what else holds is told by `isSchedulable` (draft.ts). */
  readonly schedulable?: boolean;
  /** Its /etc/machine-id, where the lab file says one. */
  readonly machineId?: string;
  /** The node's share of the pod CIDR, per family in the order of the plan's families. */
  readonly podCIDRs: readonly string[];
  /** calico: the IPAM blocks the node owns; else empty. */
  readonly blocks: readonly string[];
  /** Next hops that its pods use, per family (bridge address; 169.254.1.1 for calico). */
  readonly gateways: readonly string[];
  readonly bridge: BridgePlan | null;
  readonly vxlans: readonly VxlanPlan[];
  readonly ipip: IpipPlan | null;
  /** flannel with backend udp alone. */
  readonly tun?: TunPlan;
  readonly bgp: BgpPlan | null;
  /** Routes to other nodes' pods (and blackholes of own blocks), in the order in which they are added. */
  readonly podRoutes: readonly RoutePlan[];
  /** CNI network configuration list handed to the real plugins; null when the CNI attaches pods without them. */
  readonly conflist: Readonly<Record<string, unknown>> | null;
  /** Its second networks, in the order of the cluster's; absent: none. */
  readonly networks?: readonly NodeNetworkPlan[];
}

export interface PodPlan {
  /** `cluster/namespace/pod`. */
  readonly id: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  /** What planning calls the pod of this DaemonSet on this node, where a cluster chose its name. */
  readonly plannedName?: string;
  /** Name of the node (not its identity). */
  readonly node: string;
  /** Its own network namespace; its node's when hostNetwork. */
  readonly netns: string;
  readonly hostNetwork: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly owner: string;
  readonly ports: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly protocol: 'TCP' | 'UDP' | 'SCTP';
    readonly hostPort: number | null;
  }[];
  /** CNI container id: 64 hex digits derived from the identity. */
  readonly containerId: string;
  /** null when hostNetwork. */
  readonly interface: PodInterfacePlan | null;
  /** Its interfaces in second networks, in the order asked for; absent: none. */
  readonly attachments?: readonly AttachmentPlan[];
  /** Its Services send it traffic; false where the annotation `cnilab.dev/ready` says "false". */
  readonly ready: boolean;
  /** A proxy in it is to take its TCP connections: the annotation `cnilab.dev/proxy` says "true". */
  readonly proxied?: true;
  /** spec.hostname, or the name of a StatefulSet's pod; '' where neither is. */
  readonly hostname: string;
  /** spec.subdomain, or the serviceName of its StatefulSet; ''. */
  readonly subdomain: string;
  /** As written; what it comes to is told by `resolvConf` (services/resolv-conf.ts). */
  readonly dnsPolicy: DnsPolicy;
  readonly dnsConfig: DnsConfigPlan;
  /** Lines of its /etc/hosts beside those that every pod has; absent: none. */
  readonly hostAliases?: readonly HostAliasPlan[];
  /** enableServiceLinks: false. What it comes to is told by `environmentOf` (services/environment.ts). */
  readonly serviceLinks?: false;
  /** Of a pod that runs while Services change: the variables of its environment that a pod would not have, or not so, that is started now; null: it lacks that one. */
  readonly startedWith?: Readonly<Record<string, string | null>>;
}

export interface HostAliasPlan {
  readonly ip: string;
  readonly hostnames: readonly string[];
}

export type DnsPolicy = 'ClusterFirst' | 'ClusterFirstWithHostNet' | 'Default' | 'None';

/** dnsConfig of a pod; empty lists where it says nothing. */
export interface DnsConfigPlan {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  /** value '': an option without one. */
  readonly options: readonly { readonly name: string; readonly value: string }[];
}

export interface PodInterfacePlan {
  readonly name: string;
  readonly mac: string;
  readonly mtuBytes: number;
  readonly addresses: readonly AddressPlan[];
  readonly gateways: readonly string[];
  /** Node's end of the veth pair where the plan names it (calico, weave); null where the CNI plugin does. */
  readonly hostName: string | null;
  readonly hostMac: string | null;
}

/** net1, net2, … of a pod. It leads to no gateway. */
export interface AttachmentPlan extends PodInterfacePlan {
  readonly network: string;
  readonly hostName: string;
}

export interface ClusterPlan {
  readonly name: string;
  readonly kubernetesVersion: string;
  readonly families: readonly Family[];
  readonly podCIDRs: readonly string[];
  readonly serviceCIDRs: readonly string[];
  readonly nodeMasks: readonly number[];
  /** First address of the service CIDR, per family. */
  readonly apiServiceIPs: readonly string[];
  /** Tenth address of the service CIDR, per family. */
  readonly dnsServiceIPs: readonly string[];
  readonly cni: CniPlan;
  readonly kubeProxy: { readonly mode: ProxyMode; readonly scheduler: IpvsScheduler | null };
  readonly dnsDomain: string;
  /** Image of the nodes as the author chose it, or on engine vm their disk; null: the engine's choice for the Kubernetes version. */
  readonly nodeImage: string | null;
  readonly portMappings: readonly PortMappingPlan[];
  /** Absent: none. */
  readonly networks?: readonly NetworkPlan[];
  readonly nodes: readonly NodePlan[];
  readonly pods: readonly PodPlan[];
  readonly objects: readonly KubernetesObject[];
  /** In the order of `objects`, the API's and the cluster's DNS first. */
  readonly services: readonly ServicePlan[];
}

/** A port of this machine that leads to a node. */
export interface PortMappingPlan {
  readonly node: string;
  readonly containerPort: number;
  readonly hostPort: number;
  readonly listenAddress: string;
  readonly protocol: 'TCP' | 'UDP';
}

/** The CNI with every option filled in. */
export type CniPlan = PlannedCni | ObservedCni;

/** The CNIs that labs may name. */
export type PlannedCni =
  | { readonly type: 'bridge'; readonly bridge: string; readonly routesOn: 'nodes' | 'router'; readonly mtuBytes: number; readonly masquerade: boolean }
  | {
      readonly type: 'flannel';
      readonly backend: 'vxlan' | 'host-gw' | 'udp';
      /** Feeds Docker: history. */
      readonly docker?: true;
      readonly vni: number;
      readonly port: number;
      readonly directRouting: boolean;
      readonly version: string;
      readonly mtuBytes: number;
    }
  | {
      readonly type: 'calico';
      readonly encapsulation: 'none' | 'vxlan' | 'crossSubnet' | 'ipip';
      readonly blockSize: number;
      readonly routeReflectors: readonly string[];
      readonly asNumber: number;
      readonly natOutgoing: boolean;
      readonly version: string;
      readonly vni: number;
      readonly port: number;
      readonly mtuBytes: number;
    }
  | {
      readonly type: 'weave';
      readonly range: string;
      /** Through its router in user space alone. */
      readonly sleeve?: true;
      readonly port: number;
      readonly vni: number;
      /** '': nothing is encrypted. */
      readonly password: string;
      readonly version: string;
      readonly mtuBytes: number;
    }
  | { readonly type: 'kindnet'; readonly mtuBytes: number }
  | {
      readonly type: 'raw';
      readonly pluginDirs: readonly string[];
      readonly routesOn: 'nodes' | 'none';
      readonly mtuBytes: number;
      /** The list as written, before it is filled in per node. */
      readonly conflist: Readonly<Record<string, unknown>>;
    };

/** The CNI of a cluster that was not planned here, as far as it could be recognised. No lab names it. */
export interface ObservedCni {
  readonly type: 'observed';
  /** `flannel`, `calico`, …, or `unknown`. */
  readonly name: string;
  /** Where pods have their addresses from: the node's share, ranges of the CNI's own inside the cluster's pod CIDRs, or not known. */
  readonly ranges: 'node' | 'cluster' | 'unknown';
  readonly mtuBytes: number;
}

export type CniName = PlannedCni['type'];

/** Name of the namespace in which the segments' bridges (the switches) live. */
export const FABRIC_NETNS = 'fabric';
