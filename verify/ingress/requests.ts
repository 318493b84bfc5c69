/** What is asked of an Ingress controller, and where each request must go. Pure. */
import { chooseBackend } from '../../topology/ingress/choose-backend.ts';
import { servedIngresses, type IngressBackend, type IngressSource } from '../../topology/ingress/read-ingress.ts';
import type { ClusterPlan } from '../../topology/plan.ts';

export interface PlannedRequest {
  readonly host: string;
  readonly path: string;
  /** null: nobody answers (404). */
  readonly backend: IngressBackend | null;
}

/** Requests that one client sends at most. */
export const MOST_REQUESTS = 200;

/** Asked for where no rule names a host, and a path. */
const NO_HOST = 'no-such-host.example';
const NO_PATH = '/no-such-path';
/** Letters that mean themselves in a request: others are decoded, or end the path. */
const PLAIN = /^[\w.~!$&'()*+,;=:@/|-]+$/;

/**
 * Every rule's host and path, each path also one element longer and a few letters longer (which tells Prefix from Exact), a path that no rule names on every
 * host, a host that no rule names, and for a wildcard one with a label too many.
 *
 * @returns the requests, each once, and how many paths hold letters that cannot be asked for as they are
 */
export function plannedRequests({ objects }: Pick<ClusterPlan, 'objects'>): { readonly requests: readonly PlannedRequest[]; readonly left: number } {
  const ingresses = servedIngresses(objects);
  const rules = ingresses.flatMap((ingress) => ingress.rules);
  const paths = [...new Set(rules.flatMap((rule) => rule.paths.map(({ path }) => path)))];
  const asked = rules.flatMap(({ host, paths: own }) =>
    hostsFor(host).flatMap((name) =>
      [...own.map(({ path }) => path), NO_PATH].flatMap((path) =>
        [path, `${path.replace(/\/$/, '')}/below`, `${path}x`].map((one) => ({ host: name, path: one })),
      ),
    ),
  );
  const elsewhere = [NO_PATH, ...paths].map((path) => ({ host: NO_HOST, path }));
  const requests = new Map<string, PlannedRequest>();
  for (const { host, path } of [...asked, ...elsewhere]) if (PLAIN.test(path)) requests.set(`${host} ${path}`, request(ingresses, host, path));
  return { requests: [...requests.values()], left: paths.filter((path) => !PLAIN.test(path)).length };
}

function hostsFor(host: string): readonly string[] {
  if (host === '') return [NO_HOST];
  return host.startsWith('*.') ? [`any${host.slice(1)}`, `one.more${host.slice(1)}`] : [host];
}

function request(ingresses: readonly IngressSource[], host: string, path: string): PlannedRequest {
  return { host, path, backend: chooseBackend(ingresses, host, path) };
}
