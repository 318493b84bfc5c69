import type { TrafficDistribution } from '../topology/services/service-plan.ts';
import type { KubernetesObject } from '../topology/spec.ts';
import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload } from './workload.ts';

export interface ServicePortProps {
  /** Port of the Service, 1-65535. */
  readonly port: number;
  /**
   * Required where there are several ports: an RFC 1123 label.
   * @default none
   */
  readonly name?: string;
  /** @default TCP */
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  /**
   * Port of the pods: a number, or the name of a container port.
   * @default the same as port
   */
  readonly targetPort?: number | string;
}

export interface NodePortProps extends ServicePortProps {
  /**
   * 30000-32767.
   * @default a free one
   */
  readonly nodePort?: number;
}

interface AnyServiceProps {
  /** @default default */
  readonly namespace?: string;
  /** @default none */
  readonly labels?: Readonly<Record<string, string>>;
}

interface RoutedServiceProps extends AnyServiceProps {
  /**
   * Labels of the pods behind it, in its namespace.
   * @default none: its endpoints are those of EndpointSlices
   */
  readonly selector?: Readonly<Record<string, string>>;
  /** @default SingleStack */
  readonly ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  /** @default the families of the cluster, primary first */
  readonly ipFamilies?: readonly ('IPv4' | 'IPv6')[];
  /**
   * Pods that are not ready are endpoints, too.
   * @default false
   */
  readonly publishNotReadyAddresses?: boolean;
  readonly externalName?: never;
}

interface ProxiedServiceProps extends RoutedServiceProps {
  /**
   * A client keeps its endpoint. `timeoutSeconds`: for how long after its last connection, 10800 unless given.
   * @default none
   */
  readonly sessionAffinity?: { readonly type: 'ClientIP'; readonly timeoutSeconds?: number };
  /**
   * Local: pods get endpoints of their own node only.
   * @default Cluster
   */
  readonly internalTrafficPolicy?: 'Cluster' | 'Local';
  /**
   * Proxies prefer endpoints in their node's zone (its label `topology.kubernetes.io/zone`), or on their node, and take any where there is none. A traffic
   * policy Local goes before. PreferClose, from Kubernetes 1.31 on, is the old name of PreferSameZone, from 1.34 on.
   * @default all endpoints alike
   */
  readonly trafficDistribution?: TrafficDistribution;
  /**
   * Addresses of the service CIDR, one per family.
   * @default free ones
   */
  readonly clusterIPs?: readonly string[];
  /** @default none */
  readonly externalIPs?: readonly string[];
  readonly headless?: false;
}

/** Reached inside the cluster, at one address. */
export interface ClusterIPServiceProps extends ProxiedServiceProps {
  /** @default ClusterIP */
  readonly type?: 'ClusterIP';
  readonly ports: readonly ServicePortProps[];
}

/** Without an address of its own: its name stands for its endpoints. */
export interface HeadlessServiceProps extends RoutedServiceProps {
  readonly headless: true;
  /** @default ClusterIP */
  readonly type?: 'ClusterIP';
  /** @default none */
  readonly ports?: readonly ServicePortProps[];
  readonly clusterIPs?: never;
}

/** Reached at a port of every node as well. */
export interface NodePortServiceProps extends ProxiedServiceProps {
  readonly type: 'NodePort';
  readonly ports: readonly NodePortProps[];
  /**
   * Local: a node sends what comes from outside to its own endpoints only, and keeps the client's address.
   * @default Cluster
   */
  readonly externalTrafficPolicy?: 'Cluster' | 'Local';
}

/** Reached at an address of the lab's outside as well. */
export interface LoadBalancerServiceProps extends Omit<NodePortServiceProps, 'type'> {
  readonly type: 'LoadBalancer';
  /**
   * An address of the lab's outside.
   * @default a free one
   */
  readonly loadBalancerIP?: string;
  /**
   * Ranges whose clients are let in.
   * @default all
   */
  readonly loadBalancerSourceRanges?: readonly string[];
  /** @default true */
  readonly allocateLoadBalancerNodePorts?: boolean;
  /**
   * Port at which a node says whether it has endpoints; only with externalTrafficPolicy Local.
   * @default a free one
   */
  readonly healthCheckNodePort?: number;
}

/** A name in DNS for a name elsewhere. */
export interface ExternalNameServiceProps extends AnyServiceProps {
  readonly type: 'ExternalName';
  /** A DNS name, like db.example.com. */
  readonly externalName: string;
  readonly selector?: never;
  readonly ports?: never;
}

export type ServiceProps = ClusterIPServiceProps | HeadlessServiceProps | NodePortServiceProps | LoadBalancerServiceProps | ExternalNameServiceProps;

/**
 * One name and one address for pods that come and go.
 *
 * @example
 * ```ts
 * import { Cluster, Deployment, FlannelCni, Lab, Service } from 'cnilab';
 *
 * const lab = new Lab({ name: 'a-service', outside: { hosts: [{ name: 'client' }] } });
 * const cluster = new Cluster(lab, 'c1', { cni: new FlannelCni() });
 * new Deployment(cluster, 'web', { replicas: 3, ports: [{ containerPort: 8080, name: 'http' }] });
 * new Service(cluster, 'web', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] });
 * new Service(cluster, 'web-nodes', { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] });
 * new Service(cluster, 'web-public', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] });
 * new Service(cluster, 'web-pods', { headless: true, selector: { app: 'web' } });
 * new Service(cluster, 'elsewhere', { type: 'ExternalName', externalName: 'db.example.com' });
 * export default lab;
 * ```
 */
export class Service extends Workload {
  readonly props: ServiceProps;

  constructor(cluster: Cluster, name: string, props: ServiceProps) {
    // A Service often has the name of the workload behind it.
    super(cluster, name, `Service.${props.namespace ?? 'default'}.${name}`);
    this.props = props;
  }

  override lower(): LoweredWorkload {
    return { objects: [this.#object()] };
  }

  #object(): KubernetesObject {
    const { namespace = 'default', labels, ...spec } = this.props;
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: labels === undefined ? { name: this.name, namespace } : { name: this.name, namespace, labels },
      spec: specOf(spec),
    };
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function specOf(props: DistributiveOmit<ServiceProps, keyof AnyServiceProps>): Record<string, unknown> {
  if (props.type === 'ExternalName') return { ...props };
  if (props.headless === true) {
    const { headless: _, ...rest } = props;
    return { ...rest, clusterIP: 'None' };
  }
  const { sessionAffinity, clusterIPs, headless: _, ...rest } = props;
  return {
    ...rest,
    ...(clusterIPs === undefined ? {} : { clusterIP: clusterIPs[0], clusterIPs }),
    ...(sessionAffinity === undefined ? {} : { sessionAffinity: sessionAffinity.type }),
    ...(sessionAffinity?.timeoutSeconds === undefined ? {} : { sessionAffinityConfig: { clientIP: { timeoutSeconds: sessionAffinity.timeoutSeconds } } }),
  };
}
