/** What a real cluster (three nodes, flannel, Kubernetes 1.34.4) answered, for tests of what is made of it. */
import { readFileSync } from 'node:fs';
import type { NodeObject } from '../../engines/kubernetes/api-objects.ts';
import type { Collected } from '../../engines/kubernetes/collect.ts';
import type { ClusterFacts } from '../../engines/kubernetes/facts.ts';

function recorded(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`kubernetes-recorded/${name}.json`, import.meta.url), 'utf8'));
}

export function recordedItems(kind: 'Node'): readonly NodeObject[] {
  const { items } = recorded('state') as { readonly items: readonly NodeObject[] };
  return items.filter((one) => one.kind === kind);
}

export function recordedFacts(): ClusterFacts {
  return recorded('facts') as ClusterFacts;
}

/** A verification of it, first attempts alone. */
export function recordedVerification(): Collected {
  return { ...(recorded('collected') as Omit<Collected, 'cleanup'>), cleanup: Promise.resolve() };
}
