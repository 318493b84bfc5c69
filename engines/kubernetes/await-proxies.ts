/** Waiting for kube-proxy: a Service, or an endpoint of one, is there on a node once its kube-proxy has programmed it, and not when the API has it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Family } from '../../topology/spec.ts';
import type { KubernetesAccess } from '../port.ts';
import type { ClusterFacts } from './facts.ts';
import { interrupted } from './kubectl.ts';

/** kube-proxy tells at 127.0.0.1 or [::1], by its family: https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/ (metricsBindAddress). */
const ASK = ['curl', '--silent', '--max-time', '20', 'http://localhost:10249/metrics'] as const;
/** In milliseconds, for a cluster at full speed: a sync takes milliseconds there, and emulated up to minutes. */
const DEADLINE_MS = 30_000;
const POLL_MS = 250;

/**
 * Has kube-proxy programmed all that it was told? By its metrics `sync_proxy_rules_last_queued_timestamp_seconds` and `sync_proxy_rules_last_timestamp_seconds`
 * (https://kubernetes.io/docs/reference/instrumentation/metrics/), with the label `ip_family` in newer versions. A family that says nothing is not waited for. What is
 * told while a sync runs counts as done when that sync ends: the metrics do not say when one began.
 */
export function hasProgrammed(metrics: string, families: readonly Family[]): boolean {
  const read = (name: string, family: Family): number | null => {
    const label = family === 'ipv4' ? 'IPv4' : 'IPv6';
    const value = new RegExp(`^kubeproxy_sync_proxy_rules_${name}_timestamp_seconds(?:\\{ip_family="${label}"\\})? (\\S+)$`, 'm').exec(metrics)?.[1];
    return value === undefined ? null : Number(value);
  };
  return families.every((family) => {
    const [queued, synced] = [read('last_queued', family), read('last', family)];
    return queued === null || synced === null || synced >= queued;
  });
}

/**
 * Waits until kube-proxy has programmed what it was told on all ready nodes. Resolves to the nodes where it has not in time: what Services do there is not settled.
 * Nodes that cannot be entered, and those whose kube-proxy does not tell, are not waited for.
 *
 * @throws {LabError} INTERRUPTED
 */
export async function awaitProxies(
  { onNode, slowness = 1 }: Pick<KubernetesAccess, 'onNode' | 'slowness'>,
  { nodes, families, proxyMode }: Pick<ClusterFacts, 'nodes' | 'families' | 'proxyMode'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (onNode === null || proxyMode === 'none') return [];
  const until = performance.now() + DEADLINE_MS * slowness;
  const behind = await Promise.all(
    nodes.map(async ({ name, ready }) => {
      for (; ready; await sleep(POLL_MS * slowness, undefined, { signal }).catch(() => {})) {
        if (signal.aborted) throw interrupted();
        const said = await onNode(name, ASK, { signal, timeoutMs: 20_000 }).catch(() => null);
        if (said === null || said.exitCode !== 0 || hasProgrammed(said.stdout, families)) return [];
        if (performance.now() >= until) return [name];
      }
      return [];
    }),
  );
  return behind.flat();
}
