import type { KubernetesObject } from '../topology/spec.ts';
import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload } from './workload.ts';

/** A Service of the namespace of the Ingress. */
export interface IngressBackendProps {
  readonly service: string;
  /** Port of the Service: its number, or its name. */
  readonly port: number | string;
}

export interface IngressPathProps extends IngressBackendProps {
  /** Begins with "/". */
  readonly path: string;
  /**
   * Prefix matches by elements: `/a` takes `/a` and `/a/b`, and not `/ab`. ImplementationSpecific: the path begins with these characters.
   * @default Prefix
   */
  readonly pathType?: 'Exact' | 'Prefix' | 'ImplementationSpecific';
}

export interface IngressHostProps {
  /**
   * A DNS name; `*.` in front stands for one label.
   * @default every host
   */
  readonly host?: string;
  readonly paths: readonly IngressPathProps[];
}

interface AnyIngressProps {
  /** @default default */
  readonly namespace?: string;
  /** @default none */
  readonly labels?: Readonly<Record<string, string>>;
  /** @default none: the controller of the lab answers for it */
  readonly ingressClassName?: string;
}

/** Rules, and perhaps a backend for what none of them takes. */
export interface IngressRulesProps extends AnyIngressProps {
  readonly rules: readonly IngressHostProps[];
  /**
   * Takes what no rule for that host does.
   * @default none: answered with 404
   */
  readonly defaultBackend?: IngressBackendProps;
}

/** One backend for every host that no rule is about. */
export interface IngressDefaultProps extends AnyIngressProps {
  readonly defaultBackend: IngressBackendProps;
  readonly rules?: never;
}

export type IngressProps = IngressRulesProps | IngressDefaultProps;

/**
 * Gives Services names for HTTP clients. On the netns engine an nginx plays ingress-nginx; a real cluster needs a controller of its own.
 *
 * @example
 * ```ts
 * import { Cluster, Deployment, FlannelCni, Ingress, Lab, Service } from 'cnilab';
 *
 * const lab = new Lab({ name: 'an-ingress', outside: { hosts: [{ name: 'client' }] } });
 * const cluster = new Cluster(lab, 'c1', { cni: new FlannelCni() });
 * for (const name of ['shop', 'blog']) {
 *   new Deployment(cluster, name, { replicas: 2, ports: [{ containerPort: 8080, name: 'http' }] });
 *   new Service(cluster, name, { selector: { app: name }, ports: [{ port: 80, targetPort: 'http' }] });
 * }
 * new Ingress(cluster, 'names', {
 *   rules: [
 *     { host: 'shop.example.com', paths: [{ path: '/', service: 'shop', port: 80 }] },
 *     { host: 'blog.example.com', paths: [{ path: '/', service: 'blog', port: 80 }] },
 *   ],
 * });
 * export default lab;
 * ```
 */
export class Ingress extends Workload {
  readonly props: IngressProps;

  constructor(cluster: Cluster, name: string, props: IngressProps) {
    // An Ingress often has the name of the Service behind it.
    super(cluster, name, `Ingress.${props.namespace ?? 'default'}.${name}`);
    this.props = props;
  }

  override lower(): LoweredWorkload {
    const { namespace = 'default', labels, ingressClassName, defaultBackend, rules } = this.props;
    const object: KubernetesObject = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: labels === undefined ? { name: this.name, namespace } : { name: this.name, namespace, labels },
      spec: {
        ...(ingressClassName === undefined ? {} : { ingressClassName }),
        ...(defaultBackend === undefined ? {} : { defaultBackend: backendOf(defaultBackend) }),
        ...(rules === undefined ? {} : { rules: rules.map(ruleOf) }),
      },
    };
    return { objects: [object] };
  }
}

function ruleOf({ host, paths }: IngressHostProps): Record<string, unknown> {
  return {
    ...(host === undefined ? {} : { host }),
    http: { paths: paths.map(({ path, pathType = 'Prefix', service, port }) => ({ path, pathType, backend: backendOf({ service, port }) })) },
  };
}

function backendOf({ service, port }: IngressBackendProps): Record<string, unknown> {
  return { service: { name: service, port: typeof port === 'number' ? { number: port } : { name: port } } };
}
