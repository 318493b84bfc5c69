/**
 * The lab as its author writes it: plain JSON, optional fields left out. `schema.ts` checks these shapes at the edge,
 * `planLab` turns them into a {@link LabPlan} in which every address is chosen.
 */

import type { DockerSpec } from './docker/docker-spec.ts';
import type { LessonSpec } from './lesson/lesson.ts';

/** An address family of the lab. */
export type Family = 'ipv4' | 'ipv6';

/** One CIDR, or one per family for dual stack (IPv4 first or IPv6 first; the first is the primary family). */
export type CidrInput = string | readonly string[];

/** A plain Kubernetes object, as `kubectl apply` would take it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

export interface LabSpec {
  /** RFC 1123 label; the name under which the lab is brought up, at most 40 characters. */
  readonly name: string;
  readonly description?: string;
  /** The network the nodes, hosts and routers stand on. @default one segment `lan`, 172.30.0.0/24 (fd00:30::/64), MTU 1500 */
  readonly underlay?: UnderlaySpec;
  readonly clusters?: readonly ClusterSpec[];
  /** Machines that belong to no cluster. */
  readonly hosts?: readonly HostSpec[];
  readonly routers?: readonly RouterSpec[];
  /** The world beyond the lab's routers: clients, a load balancer, a resolver. Never a real address of this machine's world. */
  readonly outside?: OutsideSpec;
  /**
   * Images to use instead of the default ones, by repository: `{'ghcr.io/flannel-io/flannel': 'registry.example/flannel:v0.28.4'}`.
   * Engines that pull no image ignore them.
   */
  readonly images?: Readonly<Record<string, string>>;
  /** What the lab teaches. Changes nothing of what exists. */
  readonly lesson?: LessonSpec;
}

export interface UnderlaySpec {
  /** Short form for one segment named `lan`. Refused together with `segments`. */
  readonly cidr?: CidrInput;
  /** Bytes. @default 1500 */
  readonly mtu?: number;
  /** Several L2 segments; more than one needs a router (one named `router` is planned when none is declared). */
  readonly segments?: readonly SegmentSpec[];
}

export interface SegmentSpec {
  readonly name: string;
  readonly cidr: CidrInput;
  /** Bytes. @default the underlay's MTU */
  readonly mtu?: number;
}

export type HostRole = 'host' | 'client' | 'load-balancer' | 'resolver';

export interface HostSpec {
  readonly name: string;
  /** `none`: it is plugged in nowhere, a network namespace of just that name with a loopback in it, to be wired by hand. @default the first segment */
  readonly segment?: string;
  /** Fixed address(es), without prefix length. @default allocated */
  readonly address?: string | readonly string[];
  /** Next hop of the default route; `none` leaves the host without one. @default the segment's router, if there is one */
  readonly gateway?: string;
  readonly routes?: readonly RouteSpec[];
  /** @default host */
  readonly role?: HostRole;
  /** Containers on it, attached as Docker does it (engine netns). @default none */
  readonly docker?: DockerSpec;
  /** How its programs look names up. @default the hosts with role resolver, asked as the machine does that runs the lab */
  readonly resolver?: ResolverSpec;
  /** Zones that a DNS server on it answers from. */
  readonly zones?: readonly ZoneSpec[];
  /** Addresses of the DNS servers that its own asks about all other names. @default none: they are refused */
  readonly forwarders?: readonly string[];
}

/** /etc/resolv.conf, /etc/hosts and the line `hosts` of /etc/nsswitch.conf. */
export interface ResolverSpec {
  /** Addresses; the C library asks three at most. @default the hosts with role resolver */
  readonly nameservers?: readonly string[];
  /** Domains that are appended one after the other. @default none */
  readonly search?: readonly string[];
  /** A name with fewer dots is tried with the search list first. @default 1, as the C library has it */
  readonly ndots?: number;
  /** Name → its address or addresses in /etc/hosts, beside localhost and its own. */
  readonly hosts?: Readonly<Record<string, string | readonly string[]>>;
  /** @default files, then dns */
  readonly order?: readonly NameSource[];
}

export type NameSource = 'files' | 'dns';

export interface ZoneSpec {
  /** `mycompany.com`, `1.168.192.in-addr.arpa`. */
  readonly name: string;
  readonly records: readonly ZoneRecordSpec[];
}

/** As in a master file (RFC 1035 5.1): a name without a dot at its end is below the zone, `@` is the zone itself. */
export interface ZoneRecordSpec {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'PTR' | 'TXT';
  /** An address, a name, or a text. */
  readonly data: string;
}

export interface RouteSpec {
  /** Destination CIDR. */
  readonly to: string;
  /** Next hop address; must be on-link. */
  readonly via: string;
}

export interface RouterSpec {
  readonly name: string;
  readonly interfaces: readonly { readonly segment: string; readonly address?: string | readonly string[] }[];
  readonly routes?: readonly RouteSpec[];
  /** @default true */
  readonly forwarding?: boolean;
}

export interface OutsideSpec {
  /** @default 203.0.113.0/24 (TEST-NET-3, RFC 5737) and 2001:db8:113::/64 (RFC 3849) */
  readonly cidr?: CidrInput;
  /** Router that leads to the outside. @default the only router; one named `router` is planned when there is none */
  readonly router?: string;
  readonly hosts: readonly { readonly name: string; readonly role?: HostRole; readonly address?: string | readonly string[] }[];
}

export type NodeRole = 'control-plane' | 'worker';
export type ProxyMode = 'iptables' | 'nftables' | 'ipvs' | 'userspace' | 'none';
export type IpvsScheduler = 'rr' | 'wrr' | 'lc' | 'wlc' | 'lblc' | 'lblcr' | 'dh' | 'sh' | 'sed' | 'nq' | 'mh';

export interface ClusterSpec {
  /** RFC 1123 label, at most 20 characters. */
  readonly name: string;
  /** `major.minor` or `major.minor.patch`. @default 1.37 */
  readonly kubernetesVersion?: string;
  /** Number of nodes named control-plane1, control-plane2, … @default 1 */
  readonly controlPlanes?: number;
  /** Number of nodes named worker1, worker2, … @default 2 */
  readonly workers?: number;
  /** The nodes one by one. Refused together with `controlPlanes` or `workers`. */
  readonly nodes?: readonly NodeSpec[];
  /** @default 10.244.0.0/16 for the first cluster, 10.245.0.0/16 for the second, … */
  readonly podCIDR?: CidrInput;
  /** @default 10.96.0.0/16 for the first cluster, 10.97.0.0/16 for the second, … */
  readonly serviceCIDR?: CidrInput;
  /** Prefix length of one node's share of the pod CIDR. @default 24 (IPv4), 64 (IPv6) */
  readonly nodeMask?: { readonly ipv4?: number; readonly ipv6?: number };
  readonly cni: CniSpec;
  readonly kubeProxy?: { readonly mode?: ProxyMode; readonly scheduler?: IpvsScheduler };
  /** @default cluster.local */
  readonly dnsDomain?: string;
  /** Has the cluster a DNS server behind its DNS Service, or that many? @default true exactly when there are Services among its objects */
  readonly dns?: boolean | { readonly replicas: number };
  /** kind: image of the nodes, with tag or digest. vm: folder of a prepared disk, or URL@sha256:HEX of a cloud image. @default the one that kind 0.33 lists for the Kubernetes version */
  readonly nodeImage?: string;
  /** kind, vm: ports of this machine that lead to a node. */
  readonly portMappings?: readonly PortMappingSpec[];
  /** Second networks, which pods may ask for beside the one that the CNI gives them (engine netns). @default none */
  readonly networks?: readonly NetworkSpec[];
  /** Short forms; they lower to Kubernetes objects. */
  readonly workloads?: readonly WorkloadSpec[];
  /** Kubernetes objects, as they are. */
  readonly objects?: readonly KubernetesObject[];
}

/**
 * A second network of pods, as a meta-plugin (Multus) and the plugins bridge and host-local make it: a Linux bridge of its own on every node, with a range of its
 * own. It is no wire between the nodes: pods of one node reach each other over it, pods of two do not. No route of a pod leads there but that to the node's range,
 * and Services, NetworkPolicies and names know nothing of it.
 */
export interface NetworkSpec {
  /** RFC 1123 label; what pods ask for it by. Its NetworkAttachmentDefinition stands in the namespace default. */
  readonly name: string;
  /** Apart from every other range of the lab; of families that the cluster has. */
  readonly cidr: CidrInput;
  /** Prefix length of one node's share. @default 24 (IPv4), 64 (IPv6) */
  readonly nodeMask?: { readonly ipv4?: number; readonly ipv6?: number };
  /** Name of the Linux bridge on every node, at most 15 characters. @default br-NAME, or br- and a hash where that is too long */
  readonly bridge?: string;
  /** Bytes. @default the underlay's */
  readonly mtu?: number;
}

export interface PortMappingSpec {
  /** Name of the node. @default the first control plane */
  readonly node?: string;
  readonly containerPort: number;
  /** 0: a free one is chosen. */
  readonly hostPort: number;
  /** @default 127.0.0.1 */
  readonly listenAddress?: string;
  /** @default TCP */
  readonly protocol?: 'TCP' | 'UDP';
}

export interface NodeSpec {
  readonly name: string;
  /** @default worker */
  readonly role?: NodeRole;
  /** @default the first segment */
  readonly segment?: string;
  readonly address?: string | readonly string[];
  /** The node's share of the pod CIDR. @default the next free one */
  readonly podCIDR?: CidrInput;
  /** `topology.kubernetes.io/zone` says its zone. */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * May pods without a toleration run on it? A control plane on which they may not has the taint `node-role.kubernetes.io/control-plane:NoSchedule`; workers are
   * never tainted. @default true for workers; for control planes exactly when the cluster has no worker
   */
  readonly schedulable?: boolean;
  /** What it shows as /etc/machine-id: 32 hex digits (engine netns). @default the machine's that runs the lab */
  readonly machineId?: string;
}

export interface WorkloadSpec {
  readonly name: string;
  /** @default default */
  readonly namespace?: string;
  /** That many pods on every (selected) node, control planes included: lowers to as many DaemonSets. */
  readonly perNode?: number;
  /** That many pods, spread over the (selected) worker nodes (all nodes when there is no worker): lowers to a Deployment. */
  readonly replicas?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly containerPort: number; readonly protocol?: 'TCP' | 'UDP'; readonly name?: string; readonly hostPort?: number }[];
  /** The pod lives in its node's network namespace. @default false */
  readonly hostNetwork?: boolean;
  /** Names of the cluster's second networks, for interfaces net1, net2, … in this order. @default none */
  readonly networks?: readonly string[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
}

export interface BridgeCniSpec {
  readonly type: 'bridge';
  /** Name of the Linux bridge on every node. @default cni0 */
  readonly bridge?: string;
  /** Where the routes to the other nodes' pods live. @default nodes */
  readonly routesOn?: 'nodes' | 'router';
  readonly mtu?: number;
  /** @default true */
  readonly masquerade?: boolean;
}

export interface FlannelCniSpec {
  readonly type: 'flannel';
  /** udp: packets pass through a process on every node. IPv4 alone. @default vxlan */
  readonly backend?: 'vxlan' | 'host-gw' | 'udp';
  /** @default 1 */
  readonly vni?: number;
  /** UDP port. @default 8472; backend udp: 8285 */
  readonly port?: number;
  /** vxlan only: bare routes between nodes of one segment. @default false */
  readonly directRouting?: boolean;
  /**
   * History, vxlan and IPv4 only: flannel as it fed Docker before there was CNI. The bridge is docker0 with the address that `--bip` gave it, and flannel.VNI has
   * the whole network on one wire. @default false
   */
  readonly docker?: boolean;
  /** Version of flannel on engines that run the real one. @default 0.28.9 */
  readonly version?: string;
  /** Outer MTU in bytes (the device gets it less the overhead), as flannel's Backend.MTU. @default the underlay's */
  readonly mtu?: number;
}

export interface CalicoCniSpec {
  readonly type: 'calico';
  /** none: BGP by BIRD; vxlan; crossSubnet: VXLAN between segments, bare routes within; ipip. @default vxlan */
  readonly encapsulation?: 'none' | 'vxlan' | 'crossSubnet' | 'ipip';
  /** Prefix length of an IPAM block. @default 26 */
  readonly blockSize?: number;
  /** encapsulation none: names of the nodes that reflect routes; without it a full mesh. */
  readonly routeReflectors?: readonly string[];
  /** @default 64512 */
  readonly asNumber?: number;
  /** @default true */
  readonly natOutgoing?: boolean;
  /** Version of Calico on engines that run the real one. @default 3.32.1 */
  readonly version?: string;
  readonly mtu?: number;
}

export interface WeaveCniSpec {
  readonly type: 'weave';
  /** IPALLOC_RANGE. @default the pod CIDR */
  readonly range?: string;
  /** How packets pass between nodes: by Open vSwitch in the kernel, or through its router in user space (engines that run the real Weave Net). @default fastdp */
  readonly mode?: 'fastdp' | 'sleeve';
  /** @default 1376 */
  readonly mtu?: number;
  /** Encrypts what passes between nodes, on engines that run the real Weave Net. @default no encryption */
  readonly password?: string;
  /** Version of Weave Net (the fork rajch/weave) on engines that run the real one. @default 2.9.0 */
  readonly version?: string;
}

/** kind's own default CNI: the ptp plugin with host-local, and routes between the nodes. */
export interface KindnetCniSpec {
  readonly type: 'kindnet';
  /** @default the underlay's */
  readonly mtu?: number;
}

export interface RawCniSpec {
  readonly type: 'raw';
  /**
   * A CNI network configuration list (CNI spec 1.0.0 or 1.1.0). Strings may hold `${podCIDR}`, `${podCIDR6}`, `${gateway}`, `${gateway6}`,
   * `${node}`, `${mtu}`, which are filled in per node.
   */
  readonly conflist: Readonly<Record<string, unknown>>;
  /** Folders searched for plugin executables before CNI_PATH, relative to the lab file. Refused in YAML labs, which are data. */
  readonly pluginDirs?: readonly string[];
  /** nodes: the engine adds the routes between nodes, as the bridge CNI does. @default nodes */
  readonly routesOn?: 'nodes' | 'none';
  readonly mtu?: number;
}

export type CniSpec = BridgeCniSpec | FlannelCniSpec | CalicoCniSpec | WeaveCniSpec | KindnetCniSpec | RawCniSpec;
