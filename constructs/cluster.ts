import { Construct } from 'constructs';
import type { CidrInput, ClusterSpec, IpvsScheduler, NetworkSpec, NodeSpec, PortMappingSpec } from '../topology/spec.ts';
import type { Cni } from './cni/cni.ts';
import type { Lab } from './lab.ts';
import { nextOrder } from './order.ts';
import { plainJson } from './plain-json.ts';
import { Workload } from './workload.ts';

/** Nodes by number: control-plane1, control-plane2, …, worker1, worker2, … */
export interface CountedNodesProps {
  /** @default 1 */
  readonly controlPlanes?: number;
  /** @default 2 */
  readonly workers?: number;
  readonly nodes?: never;
}

/** Nodes one by one, each with what it needs: segment, address, share of the pod CIDR, labels. */
export interface NamedNodesProps {
  readonly nodes: readonly NodeSpec[];
  readonly controlPlanes?: never;
  readonly workers?: never;
}

/** IPVS, and how it picks an endpoint. Deprecated in Kubernetes since 1.35. */
export interface IpvsProxyProps {
  readonly mode: 'ipvs';
  /** @default rr */
  readonly scheduler?: IpvsScheduler;
}

export interface RulesProxyProps {
  /**
   * `none`: the cluster has no kube-proxy. `userspace`: a process in the path of every connection, until Kubernetes 1.25 (engine netns).
   * @default iptables
   */
  readonly mode?: 'iptables' | 'nftables' | 'userspace' | 'none';
  readonly scheduler?: never;
}

interface ClusterNetworkProps {
  /** The pod network. */
  readonly cni: Cni;
  /**
   * `major.minor` or `major.minor.patch`.
   * @default 1.37
   */
  readonly kubernetesVersion?: string;
  /**
   * One CIDR, or one per family for dual stack; the first is the primary family.
   * @default 10.244.0.0/16 for the first cluster, 10.245.0.0/16 for the second, …
   */
  readonly podCIDR?: CidrInput;
  /**
   * Families as in `podCIDR`.
   * @default 10.96.0.0/16 for the first cluster, 10.97.0.0/16 for the second, …
   */
  readonly serviceCIDR?: CidrInput;
  /**
   * Prefix length of one node's share of the pod CIDR.
   * @default 24 (IPv4), 64 (IPv6)
   */
  readonly nodeMask?: { readonly ipv4?: number; readonly ipv6?: number };
  /** @default iptables */
  readonly kubeProxy?: IpvsProxyProps | RulesProxyProps;
  /** @default cluster.local */
  readonly dnsDomain?: string;
  /**
   * Has the cluster a DNS server behind its DNS Service, or that many, on as many nodes (engine netns; a real cluster decides that itself)?
   * @default true exactly when there are Services among its objects
   */
  readonly dns?: boolean | { readonly replicas: number };
  /**
   * kind: image of the nodes, with tag or digest. vm: folder of a prepared disk (absolute), or `URL@sha256:HEX`, `URL@sha512:HEX` of a cloud image.
   * @default the one that kind 0.33 lists for the Kubernetes version
   */
  readonly nodeImage?: string;
  /**
   * kind, vm: ports of this machine that lead to a node.
   * @default none
   */
  readonly portMappings?: readonly PortMappingSpec[];
  /**
   * Second networks, which pods may ask for beside the one of the CNI (engine netns). On every node a bridge of its own with a range of its own; no wire between the
   * nodes: pods of one node reach each other over it.
   * @default none
   */
  readonly networks?: readonly NetworkSpec[];
}

export type ClusterProps = ClusterNetworkProps & (CountedNodesProps | NamedNodesProps);

/**
 * A Kubernetes cluster of a lab. Workloads are constructs under it.
 *
 * @example
 * ```ts
 * import { Cluster, Deployment, FlannelCni, Lab } from 'cnilab';
 *
 * const lab = new Lab({ name: 'dual-stack' });
 * const cluster = new Cluster(lab, 'c1', {
 *   workers: 3,
 *   podCIDR: ['10.244.0.0/16', 'fd00:244::/56'],
 *   serviceCIDR: ['10.96.0.0/16', 'fd00:96::/112'],
 *   cni: new FlannelCni(),
 *   kubeProxy: { mode: 'nftables' },
 *   networks: [{ name: 'storage', cidr: '10.60.0.0/16' }],
 * });
 * new Deployment(cluster, 'api', { replicas: 4, ports: [{ containerPort: 8080 }], networks: ['storage'] });
 * export default lab;
 * ```
 */
export class Cluster extends Construct {
  readonly name: string;
  readonly props: ClusterProps;
  /** Place in the order of creation, among all constructs of this process. */
  readonly order: number = nextOrder();

  constructor(lab: Lab, name: string, props: ClusterProps) {
    super(lab, name);
    this.name = name;
    this.props = props;
  }

  /** The cluster as plain JSON. */
  toSpec(): ClusterSpec {
    const workloads = this.node.children.filter((child): child is Workload => child instanceof Workload).sort((a, b) => a.order - b.order);
    const parts = workloads.map((workload) => workload.lower());
    const short = parts.flatMap((part) => part.workloads ?? []);
    const objects = parts.flatMap((part) => part.objects ?? []);
    const { cni, ...rest } = this.props;
    const draft = {
      name: this.name,
      ...rest,
      cni: cni.toSpec(),
      workloads: short.length === 0 ? undefined : short,
      objects: objects.length === 0 ? undefined : objects,
    };
    return plainJson(draft, ['clusters', this.name]) as ClusterSpec;
  }
}
