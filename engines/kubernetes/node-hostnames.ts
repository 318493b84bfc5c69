import type { NodePlan } from '../../topology/plan.ts';

/** What a node may say that it is: it may be registered by its full name while its own hostname is the first part, or the other way round. */
export function nodeHostnames({ netns, labels }: NodePlan): readonly string[] {
  return [netns.split('.')[0] ?? '', labels['kubernetes.io/hostname'] ?? '', netns].filter((name) => name !== '');
}
