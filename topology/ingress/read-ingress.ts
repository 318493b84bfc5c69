import { labelsOf, recordOf, recordsOf, textOf, wordOf } from '../json.ts';
import type { KubernetesObject } from '../spec.ts';

export const INGRESS_API_VERSION = 'networking.k8s.io/v1';
/** In the order in which they win. */
export const PATH_TYPES = ['Exact', 'Prefix', 'ImplementationSpecific'] as const;
export type PathType = (typeof PATH_TYPES)[number];

/** Class that this controller answers for, besides those whose IngressClass names it. */
export const NGINX_CLASS = 'nginx';
/** What an IngressClass names as its controller. */
export const NGINX_CONTROLLER = 'k8s.io/ingress-nginx';
/** How classes were chosen before there was a field for them; still obeyed. */
export const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

export interface IngressBackend {
  readonly namespace: string;
  readonly service: string;
  /** Port of the Service: a number, or its name. */
  readonly port: number | string;
}

export interface IngressPath {
  readonly path: string;
  readonly pathType: PathType;
  /** null: none that is a Service. */
  readonly backend: IngressBackend | null;
}

export interface IngressRule {
  /** '' for every host. */
  readonly host: string;
  readonly paths: readonly IngressPath[];
}

/** An Ingress as its author wrote it. */
export interface IngressSource {
  readonly namespace: string;
  readonly name: string;
  /** null: none is named. */
  readonly className: string | null;
  readonly defaultBackend: IngressBackend | null;
  readonly rules: readonly IngressRule[];
}

/** An Ingress of the API that is served; other groups have kinds of that name, too. */
export const isIngress = (object: KubernetesObject): boolean => object.kind === 'Ingress' && object.apiVersion === INGRESS_API_VERSION;

function backendOf(value: unknown, namespace: string): IngressBackend | null {
  const service = recordOf(recordOf(value)['service']);
  const { name, number } = recordOf(service['port']);
  const port = typeof number === 'number' && number !== 0 ? number : textOf(name, '');
  return typeof service['name'] === 'string' && port !== '' ? { namespace, service: service['name'], port } : null;
}

/** Reads an Ingress. Forgiving: what the rules refuse is read as if it were not there. */
export function readIngress(object: KubernetesObject): IngressSource {
  const { name, namespace = 'default', annotations } = object.metadata;
  const spec = recordOf(object['spec']);
  const className = spec['ingressClassName'] ?? labelsOf(annotations)[CLASS_ANNOTATION];
  return {
    namespace,
    name,
    className: typeof className === 'string' ? className : null,
    defaultBackend: backendOf(spec['defaultBackend'], namespace),
    rules: recordsOf(spec['rules']).map((rule) => ({
      host: textOf(rule['host'], ''),
      paths: recordsOf(recordOf(rule['http'])['paths']).map((path) => ({
        path: textOf(path['path'], '') || '/',
        pathType: wordOf(path['pathType'], PATH_TYPES, 'ImplementationSpecific'),
        backend: backendOf(path['backend'], namespace),
      })),
    })),
  };
}

/** Names of the classes that the controller answers for. */
export function servedClasses(objects: readonly KubernetesObject[]): readonly string[] {
  const named = objects.filter((object) => object.kind === 'IngressClass' && recordOf(object['spec'])['controller'] === NGINX_CONTROLLER);
  return [...new Set([NGINX_CLASS, ...named.map((object) => object.metadata.name)])];
}

/** The Ingresses that the controller answers for: those of its classes and, as its class is the default one, those of none. */
export function servedIngresses(objects: readonly KubernetesObject[]): readonly IngressSource[] {
  const classes = servedClasses(objects);
  return objects
    .filter(isIngress)
    .map(readIngress)
    .filter(({ className }) => className === null || classes.includes(className));
}
