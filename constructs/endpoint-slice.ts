import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload } from './workload.ts';

export interface EndpointProps {
  /** An address, of the family of the other endpoints. */
  readonly address: string;
  /**
   * Name of the node it is on, for traffic policies.
   * @default none
   */
  readonly nodeName?: string;
  /**
   * Its name in DNS, under that of a headless Service.
   * @default its address with dashes
   */
  readonly hostname?: string;
  /** @default true */
  readonly ready?: boolean;
}

export interface EndpointSliceProps {
  /** Name of the Service in the same namespace; it has no selector. */
  readonly service: string;
  /** @default default */
  readonly namespace?: string;
  readonly endpoints: readonly EndpointProps[];
  /** Ports of the endpoints, by the names of the Service's ports. */
  readonly ports: readonly { readonly port: number; readonly name?: string; readonly protocol?: 'TCP' | 'UDP' | 'SCTP' }[];
}

/**
 * Endpoints of a Service without a selector: machines outside of the cluster, or pods one by one.
 *
 * @example
 * ```ts
 * import { Cluster, EndpointSlice, FlannelCni, Lab, Service } from 'cnilab';
 *
 * const lab = new Lab({ name: 'a-database', hosts: [{ name: 'db', address: '172.30.0.50' }] });
 * const cluster = new Cluster(lab, 'c1', { cni: new FlannelCni() });
 * new Service(cluster, 'db', { ports: [{ port: 5432 }] });
 * new EndpointSlice(cluster, 'db-1', { service: 'db', endpoints: [{ address: '172.30.0.50' }], ports: [{ port: 5432 }] });
 * export default lab;
 * ```
 */
export class EndpointSlice extends Workload {
  readonly props: EndpointSliceProps;

  constructor(cluster: Cluster, name: string, props: EndpointSliceProps) {
    super(cluster, name, `EndpointSlice.${props.namespace ?? 'default'}.${name}`);
    this.props = props;
  }

  override lower(): LoweredWorkload {
    const { service, namespace = 'default', endpoints, ports } = this.props;
    return {
      objects: [
        {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name: this.name, namespace, labels: { 'kubernetes.io/service-name': service } },
          addressType: endpoints[0]?.address.includes(':') === true ? 'IPv6' : 'IPv4',
          endpoints: endpoints.map(({ address, ready = true, ...rest }) => ({ addresses: [address], conditions: { ready }, ...rest })),
          // A real API server wants the name, be it empty.
          ports: ports.map((port) => ({ name: '', protocol: 'TCP', ...port })),
        },
      ],
    };
  }
}
