import type { PodPlan } from '../../topology/plan.ts';

/** `cluster/namespace/pod` as it may be called: `pod`, `namespace/pod`, and in full. */
export function splitId(id: string): readonly string[] {
  const parts = id.split('/');
  return parts.map((_, i) => parts.slice(parts.length - 1 - i).join('/'));
}

/** All that a pod may be called, by the name that it has, and by the one that was planned for it. */
export function podNames({ id, name, plannedName }: Pick<PodPlan, 'id' | 'name' | 'plannedName'>): readonly string[] {
  return [...splitId(id), ...(plannedName === undefined ? [] : splitId(`${id.slice(0, -name.length)}${plannedName}`))];
}
