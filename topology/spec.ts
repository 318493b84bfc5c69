/**
 * The lab as its author writes it: plain JSON, optional fields left out. `schema.ts` checks these shapes at the edge,
 * `planLab` turns them into a {@link LabPlan} in which every address is chosen.
 */

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
  /** @default the first segment */
  readonly segment?: string;
  /** Fixed address(es), without prefix length. @default allocated */
  readonly address?: string | readonly string[];
  /** Next hop of the default route; `none` leaves the host without one. @default the segment's router, if there is one */
  readonly gateway?: string;
  readonly routes?: readonly RouteSpec[];
  /** @default host */
  readonly role?: HostRole;
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
export type IpvsScheduler = 'rr' | 'wrr' | 'lc' | 'wlc' | 'dh' | 'sh' | 'sed' | 'nq';

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
  /** kind: image of the nodes, with tag or digest. @default the one that kind 0.33 lists for the Kubernetes version */
  readonly nodeImage?: string;
  /** kind: ports of this machine that lead to a node. */
  readonly portMappings?: readonly PortMappingSpec[];
  /** Short forms; they lower to Kubernetes objects. */
  readonly workloads?: readonly WorkloadSpec[];
  /** Kubernetes objects, as they are. */
  readonly objects?: readonly KubernetesObject[];
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
  readonly labels?: Readonly<Record<string, string>>;
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
  /** @default vxlan */
  readonly backend?: 'vxlan' | 'host-gw';
  /** @default 1 */
  readonly vni?: number;
  /** UDP port. @default 8472 */
  readonly port?: number;
  /** vxlan only: bare routes between nodes of one segment. @default false */
  readonly directRouting?: boolean;
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
