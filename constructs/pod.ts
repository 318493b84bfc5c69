import { networksAnnotation } from '../topology/networks/requests.ts';
import { ADDRESS_ANNOTATION, AGNHOST_IMAGE, PROXY_ANNOTATION, READY_ANNOTATION } from '../topology/workloads.ts';
import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload, type PodTemplateProps } from './workload.ts';

export interface PodProps extends PodTemplateProps {
  /**
   * Name of the node it runs on.
   * @default the scheduler chooses
   */
  readonly node?: string;
  /**
   * Image of its container, on engines that pull images.
   * @default registry.k8s.io/e2e-test-images/agnhost:2.53
   */
  readonly image?: string;
  /**
   * Its name in DNS, in the domain of the headless Service that `subdomain` names.
   * @default none
   */
  readonly hostname?: string;
  /** @default none */
  readonly subdomain?: string;
  /** @default ClusterFirst */
  readonly dnsPolicy?: 'ClusterFirst' | 'ClusterFirstWithHostNet' | 'Default' | 'None';
  /**
   * Put behind what dnsPolicy gives; with None it is all there is.
   * @default none
   */
  readonly dnsConfig?: {
    readonly nameservers?: readonly string[];
    readonly searches?: readonly string[];
    readonly options?: readonly { readonly name: string; readonly value?: string }[];
  };
  /**
   * Lines of its /etc/hosts: names, and the address that they stand for.
   * @default none
   */
  readonly hostAliases?: readonly { readonly ip: string; readonly hostnames: readonly string[] }[];
  /**
   * false: its environment tells of the API server alone, not of the Services of its namespace.
   * @default true
   */
  readonly enableServiceLinks?: boolean;
  /**
   * Its address, or one per family, in the range of its node; on engines where cnilab gives addresses away (netns).
   * @default a free one
   */
  readonly address?: string | readonly string[];
  /**
   * false: it does not become ready, and Services send it nothing.
   * @default true
   */
  readonly ready?: boolean;
  /**
   * true: a proxy in it takes its TCP connections, as the sidecar of a service mesh does, and a verification takes that for meant. The proxy itself is the
   * mesh's to bring.
   * @default false
   */
  readonly proxied?: boolean;
}

/**
 * A single pod, at will on a given node.
 *
 * @example
 * ```ts
 * import { Cluster, FlannelCni, Lab, Pod } from 'cnilab';
 *
 * const lab = new Lab({ name: 'two-pods' });
 * const cluster = new Cluster(lab, 'c1', { cni: new FlannelCni() });
 * new Pod(cluster, 'client', { node: 'worker1' });
 * new Pod(cluster, 'server', { node: 'worker2', labels: { app: 'server' }, ports: [{ containerPort: 80 }] });
 * export default lab;
 * ```
 */
export class Pod extends Workload {
  readonly props: PodProps;

  constructor(cluster: Cluster, name: string, props: PodProps = {}) {
    super(cluster, name);
    this.props = props;
  }

  override lower(): LoweredWorkload {
    const {
      namespace = 'default',
      labels = { app: this.name },
      ports,
      node,
      image = AGNHOST_IMAGE,
      ready = true,
      proxied = false,
      address = [],
      networks = [],
      ...spec
    } = this.props;
    const annotations = {
      ...(ready ? {} : { [READY_ANNOTATION]: 'false' }),
      ...(proxied ? { [PROXY_ANNOTATION]: 'true' } : {}),
      ...(address.length === 0 ? {} : { [ADDRESS_ANNOTATION]: [address].flat().join(',') }),
      ...networksAnnotation(networks, namespace),
    };
    return {
      objects: [
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: this.name, namespace, labels, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
          spec: { nodeName: node, ...spec, containers: [{ name: 'main', image, ports }] },
        },
      ],
    };
  }
}
