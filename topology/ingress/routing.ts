/**
 * The servers and locations that the controller makes of the Ingresses of a cluster. Pure.
 *
 * Matching: https://kubernetes.io/docs/concepts/services-networking/ingress/#multiple-matches. Of two that say the same the one written first has it, as
 * ingress-nginx keeps the older Ingress.
 */
import type { ClusterPlan } from '../plan.ts';
import type { EndpointPlan, ServicePlan } from '../services/service-plan.ts';
import { PATH_TYPES, servedIngresses, type IngressBackend, type IngressPath } from './read-ingress.ts';

export interface IngressLocation {
  /** exact: this path and no other. prefix: every path that begins with these characters. */
  readonly match: 'exact' | 'prefix';
  readonly path: string;
  readonly backend: IngressBackend;
}

export interface IngressServer {
  /** '' for requests to hosts that no rule names. */
  readonly host: string;
  /** Longest path first, and exact ones before prefixes of their length. */
  readonly locations: readonly IngressLocation[];
  /** Where all other paths go; null: nowhere (404). */
  readonly otherwise: IngressBackend | null;
}

/** A Prefix matches by elements of the path: `/a` takes `/a` and `/a/b`, and not `/ab`. A "/" at its end says nothing. */
function locationsOf({ path, pathType, backend }: IngressPath): readonly IngressLocation[] {
  if (backend === null) return [];
  if (pathType === 'Exact') return [{ match: 'exact', path, backend }];
  const bare = path.replace(/\/+$/, '');
  if (pathType === 'ImplementationSpecific' || bare === '') return [{ match: 'prefix', path, backend }];
  return [
    { match: 'exact', path: bare, backend },
    { match: 'prefix', path: `${bare}/`, backend },
  ];
}

/** The servers of a cluster's controller: the one for all other hosts first, then by host in the order of the Ingresses. */
export function ingressServers({ objects }: Pick<ClusterPlan, 'objects'>): readonly IngressServer[] {
  const ingresses = servedIngresses(objects);
  const servers = new Map<string, { readonly locations: Map<string, IngressLocation>; otherwise: IngressBackend | null }>();
  const serverOf = (host: string): NonNullable<ReturnType<typeof servers.get>> => {
    const known = servers.get(host) ?? { locations: new Map<string, IngressLocation>(), otherwise: null };
    servers.set(host, known);
    return known;
  };
  serverOf('');
  // What an author wrote as Exact goes before the half of a Prefix that is made exact here, and that before a free form.
  for (const type of PATH_TYPES) {
    for (const { host, paths } of ingresses.flatMap(({ rules }) => rules)) {
      const { locations } = serverOf(host);
      for (const location of paths.filter(({ pathType }) => pathType === type).flatMap(locationsOf)) {
        const key = `${location.match} ${location.path}`;
        if (!locations.has(key)) locations.set(key, location);
      }
    }
  }
  for (const { rules, defaultBackend } of ingresses) {
    for (const host of rules.length === 0 ? [''] : rules.map((rule) => rule.host)) {
      const server = serverOf(host);
      server.otherwise ??= defaultBackend;
    }
  }
  return [...servers].map(([host, { locations, otherwise }]) => ({
    host,
    otherwise,
    locations: [...locations.values()].toSorted(
      (a, b) => b.path.length - a.path.length || Number(b.match === 'exact') - Number(a.match === 'exact') || (a.path < b.path ? -1 : 1),
    ),
  }));
}

/** Addresses and ports behind a backend, as ingress-nginx takes them: the ready endpoints of the Service, not its cluster address. */
export interface IngressEndpoints {
  readonly service: ServicePlan | null;
  readonly endpoints: readonly { readonly endpoint: EndpointPlan; readonly port: number }[];
}

/** The endpoints of a backend; none where the Service, its port or a ready endpoint is missing. */
export function endpointsBehind({ services }: Pick<ClusterPlan, 'services'>, backend: IngressBackend): IngressEndpoints {
  const service = services.find(({ namespace, name }) => namespace === backend.namespace && name === backend.service) ?? null;
  const port = service?.ports.find((one) => one.protocol === 'TCP' && (one.port === backend.port || (one.name !== '' && one.name === backend.port)));
  if (service === null || port === undefined) return { service, endpoints: [] };
  return {
    service,
    endpoints: service.endpoints
      .filter(({ ready }) => ready)
      .flatMap((endpoint) => endpoint.ports.filter((has) => has.name === port.name && has.protocol === 'TCP').map((has) => ({ endpoint, port: has.port }))),
  };
}
