/**
 * Where a request must go, from the words of the documentation and written apart from what configures nginx. Pure.
 * Source: https://kubernetes.io/docs/concepts/services-networking/ingress/
 */
import type { IngressBackend, IngressPath, IngressSource } from './read-ingress.ts';

/** Exact before wildcard before every host; 0: the rule is about another host. */
function hostRank(host: string, asked: string): number {
  if (host === '') return 1;
  if (!host.startsWith('*.')) return host === asked ? 3 : 0;
  const [first = '', ...rest] = asked.split('.');
  return first !== '' && rest.join('.') === host.slice(2) ? 2 : 0;
}

const elements = (path: string): readonly string[] => path.split('/').filter((part) => part !== '');

function matches({ path, pathType }: IngressPath, asked: string): boolean {
  if (pathType === 'Exact') return path === asked;
  if (pathType === 'ImplementationSpecific') return asked.startsWith(path);
  const parts = elements(asked);
  return elements(path).every((part, i) => part === parts[i]);
}

/** Length of what matches. A Prefix ends at a "/", written or not, and goes before a free form of the same length. */
const weight = ({ path, pathType }: IngressPath): number => (pathType === 'Prefix' ? path.replace(/\/+$/, '').length + 1.5 : path.length);

/**
 * The backend that answers a request; null: none (404). The host decides first: the rules that name it precisely, else those of a wildcard, else those of no host.
 * Of their paths the longest that matches, Exact first; else the default backend of an Ingress with a rule for that host. An Ingress without rules takes hosts that
 * no rule is about.
 */
export function chooseBackend(ingresses: readonly IngressSource[], host: string, path: string): IngressBackend | null {
  const rules = ingresses.flatMap((ingress) => ingress.rules.map((rule) => ({ rule, ingress, rank: hostRank(rule.host, host) })));
  const best = Math.max(0, ...rules.map(({ rank }) => rank));
  const mine = rules.filter(({ rank }) => rank === best && rank > 0);
  const hits = mine.flatMap(({ rule }) => rule.paths).filter((one) => one.backend !== null && matches(one, path));
  const exact = hits.find(({ pathType }) => pathType === 'Exact');
  if (exact !== undefined) return exact.backend;
  const [longest] = hits.toSorted((a, b) => weight(b) - weight(a));
  if (longest !== undefined) return longest.backend;
  const withoutHost = best > 1 ? [] : ingresses.filter((ingress) => ingress.rules.length === 0 || ingress.rules.some((rule) => rule.host === ''));
  const others = best > 1 ? mine.map(({ ingress }) => ingress) : withoutHost;
  return others.find(({ defaultBackend }) => defaultBackend !== null)?.defaultBackend ?? null;
}
