import type { Diagnostic } from '../diagnostic.ts';
import type { AddressPlan, BgpPlan, BridgePlan, CniPlan, InterfacePlan, IpipPlan, PodInterfacePlan, RoutePlan, TunPlan, VxlanPlan } from '../plan.ts';
import type { CniSpec, Family, NodeRole, ProxyMode } from '../spec.ts';
import type { Cidr } from '../cidr.ts';

/** What is known of a CNI before a lab is planned. Data: drives validation, doctor, MTU arithmetic, explanations and docs. */
export interface CniTraits {
  readonly title: string;
  /** containernetworking plugins that attach its pods. */
  readonly plugins: readonly string[];
  /** Kernel features its data path needs, as `cnilab doctor` names them. */
  readonly kernel: readonly string[];
  /** Programs besides the plugins. */
  readonly programs: readonly string[];
  /** Bytes that encapsulation adds, by the name of the mode; IPv4 outer header. */
  readonly overheadBytes: Readonly<Record<string, number>>;
  /** What must pass between nodes. */
  readonly ports: readonly string[];
  readonly enforcesNetworkPolicy: boolean;
  readonly proxyModes: readonly ProxyMode[];
  readonly families: readonly Family[];
  /** Newest version whose behaviour the data path follows. */
  readonly version: string;
  /** Why it is experimental; empty when it is not. */
  readonly experimental: string;
}

/** A node as the CNI sees it: underlay decided, pod range decided. */
export interface CniNode {
  readonly id: string;
  readonly name: string;
  readonly role: NodeRole;
  readonly segment: string;
  readonly interface: InterfacePlan;
  /** Its share of the pod range, one per family (calico: its blocks). */
  readonly ranges: readonly Cidr[];
}

export interface CniContext<P extends CniPlan> {
  readonly cluster: string;
  readonly cni: P;
  readonly podCIDRs: readonly Cidr[];
  readonly families: readonly Family[];
  readonly nodes: readonly CniNode[];
  /** Routers' addresses on a segment, first router first. */
  readonly routersOn: (segment: string) => readonly { readonly router: string; readonly dev: string; readonly addresses: readonly AddressPlan[] }[];
}

/** The CNI's part of a node. */
export interface NodeNetwork {
  readonly gateways: readonly string[];
  readonly bridge: BridgePlan | null;
  readonly vxlans: readonly VxlanPlan[];
  readonly ipip: IpipPlan | null;
  readonly tun?: TunPlan;
  readonly bgp: BgpPlan | null;
  readonly podRoutes: readonly RoutePlan[];
  readonly conflist: Readonly<Record<string, unknown>> | null;
}

/** Routes that the CNI needs on machines that are not nodes (routers). */
export type RouterRoutes = ReadonlyMap<string, readonly RoutePlan[]>;

/** A CNI's planner: the second of the three things that make a CNI (traits, authoring construct, data path). */
export interface CniPlanner<S extends CniSpec, P extends CniPlan> {
  readonly traits: CniTraits;
  /** Fills in the defaults. `underlayMtu`: the smallest of the segments the nodes stand on. */
  resolve(spec: S, context: { readonly underlayMtu: number; readonly podCIDRs: readonly Cidr[]; readonly families: readonly Family[] }): P;
  /** How the pod range is shared out: host-local subnets of the node mask, calico blocks on demand, or equal parts of weave's ring. */
  readonly ranges: 'node-mask' | 'blocks' | 'ring';
  node(context: CniContext<P>, node: CniNode): NodeNetwork;
  routers(context: CniContext<P>): RouterRoutes;
  podInterface(context: CniContext<P>, node: CniNode, network: NodeNetwork, podId: string, addresses: readonly string[]): PodInterfacePlan;
  /** Index of the first pod address in a node's (first) range. */
  readonly firstPodIndex: bigint;
  findings?(context: CniContext<P>): readonly Diagnostic[];
}
