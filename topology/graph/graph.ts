/** A lab as a picture has it: machines, their devices and pods, the segments they are plugged to, and what is laid over them. Plain JSON. */
import type { HostRole, NodeRole } from '../spec.ts';

export const GRAPH_SCHEMA = 'cnilab.graph/1';

export interface LabGraph {
  readonly schema: typeof GRAPH_SCHEMA;
  readonly lab: string;
  readonly description: string;
  /** running: compared with the state of the kernels; marks say where that differs. */
  readonly source: 'plan' | 'running';
  readonly segments: readonly GraphSegment[];
  /** Nodes cluster by cluster, then routers, hosts and the outside. */
  readonly machines: readonly GraphMachine[];
  readonly overlays: readonly GraphOverlay[];
  /** Veth pairs between machines that somebody laid by hand; none in a plan. */
  readonly pairs: readonly (readonly [GraphEnd, GraphEnd])[];
}

/** One end of a cable. */
export interface GraphEnd {
  /** Identity. */
  readonly machine: string;
  readonly device: string;
}

/** What the running lab has otherwise than planned. Sentences with the value found and the value planned. */
export interface GraphMark {
  readonly what: 'missing' | 'differs' | 'unplanned';
  readonly says: readonly string[];
}

export interface GraphSegment {
  readonly name: string;
  readonly cidrs: readonly string[];
  readonly mtuBytes: number;
  /** The bridge that plays the switch. */
  readonly bridge: string;
  /** Beyond the routers. */
  readonly outside: boolean;
  readonly mark: GraphMark | null;
}

export interface GraphMachine {
  /** Identity: `cluster/node`, or the name of a host or router. */
  readonly id: string;
  readonly kind: 'node' | 'router' | 'host';
  readonly role: HostRole | NodeRole | 'router';
  readonly netns: string;
  readonly devices: readonly GraphDevice[];
  /** Of a host with Docker: its containers. */
  readonly pods: readonly GraphPod[];
  /** Next hops of its pods where the machine routes between them itself, without a bridge; else empty. */
  readonly gateways: readonly string[];
  /** Autonomous system of its BGP speaker; null: it has none. */
  readonly asNumber: number | null;
  readonly mark: GraphMark | null;
}

export interface GraphDevice {
  readonly name: string;
  /** cable: a veth to the switch of a segment; network: the bridge of a second network; other: nothing that the plan knows. */
  readonly kind: 'cable' | 'bridge' | 'network' | 'vxlan' | 'ipip' | 'tun' | 'other';
  /** With prefix lengths. */
  readonly addresses: readonly string[];
  readonly mtuBytes: number;
  /** The bridge whose port it is. */
  readonly master: string | null;
  /** Of a cable: where it leads. */
  readonly segment: string | null;
  readonly mark: GraphMark | null;
}

export interface GraphPod {
  /** `cluster/namespace/pod`, `host/container`. */
  readonly id: string;
  readonly netns: string;
  /** Its interface; null where it has none of its own. */
  readonly device: { readonly name: string; readonly addresses: readonly string[]; readonly mtuBytes: number } | null;
  /** What it has in place of an interface, `host network`; '' with one. */
  readonly instead: string;
  /** The bridge that it is plugged to; null: none. */
  readonly bridge: string | null;
  /** Of a container: what its host leads to it, `8080 → 80/tcp`. */
  readonly published: readonly string[];
  /** The node's end of its veth; null where neither the plan nor the kernel names it. */
  readonly hostEnd: string | null;
  /** Its interfaces in second networks; absent: none. */
  readonly second?: readonly GraphAttachment[];
  readonly mark: GraphMark | null;
}

/** An interface of a pod in a second network. */
export interface GraphAttachment {
  readonly network: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly mtuBytes: number;
  /** The network's bridge, a device of the pod's node. */
  readonly bridge: string;
  readonly hostEnd: string;
}

/** What is laid over the segments: a VXLAN network, IPIP tunnels, flannel's tunnel of processes, or BGP sessions, among some machines of one cluster. */
export interface GraphOverlay {
  readonly kind: 'vxlan' | 'ipip' | 'udp' | 'bgp';
  readonly cluster: string;
  /** `VXLAN 1`, `BGP AS 64512`. */
  readonly title: string;
  /** Port and family; '' where there is nothing to say. */
  readonly detail: string;
  /** Identities of the members, and the device of each that carries it; null: a process does. */
  readonly members: readonly { readonly machine: string; readonly device: string | null }[];
  /** The member that all sessions lead to; null: each has one with each. */
  readonly hub: string | null;
  readonly mark: GraphMark | null;
}
