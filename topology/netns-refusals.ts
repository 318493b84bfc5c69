import type { Diagnostic } from './diagnostic.ts';
import type { LabPlan } from './plan.ts';
import { caution, problem } from './rules/findings.ts';

/** What the netns engine does not bring up, and what it leaves out of what it does. */
export function netnsRefusals(plan: LabPlan): readonly Diagnostic[] {
  return plan.clusters.flatMap(({ cni, name, pods }, i) => [
    ...(cni.type === 'weave' && cni.sleeve === true
      ? [
          problem(
            'NETNS_WEAVE_SLEEVE',
            ['clusters', i, 'cni', 'mode'],
            `cluster ${name}: sleeve is Weave's own router, which engine netns does not have; its mesh is VXLAN of the kernel, as fastdp has it`,
            'leave mode out, or use engine kind',
          ),
        ]
      : []),
    ...pods
      .filter((pod) => pod.hostNetwork && pod.hostAliases !== undefined)
      .map((pod) =>
        caution(
          'NETNS_HOST_ALIASES',
          ['clusters', i, 'objects'],
          `pod ${pod.namespace}/${pod.name} lives in its node's network: engine netns does not write its host aliases`,
          'take hostNetwork out, or use engine kind',
        ),
      ),
  ]);
}
