/** Outer packets of overlays that were cut in two while the largest packets of pods were sent: everything arrives, and costs twice. */
import { endFailure, type ProbedFailure } from '../failure.ts';
import type { Run } from '../run.ts';

const COUNTERS = ['IpFragCreates', 'Ip6FragCreates'] as const;

/** Fragments that each node with an overlay has made so far, by namespace; empty where the kernel is not read. */
export async function countFragments(run: Run): Promise<ReadonlyMap<string, number>> {
  const nodes = run.clusters.flatMap(({ plan }) => plan.nodes.filter((node) => node.vxlans.length > 0));
  if (nodes.length === 0 || !run.session.sight.kernel) return new Map();
  const { namespaces } = await run.session.snapshot(
    nodes.map((node) => node.netns),
    { rules: false },
  );
  return new Map(Object.values(namespaces).map(({ netns, counters }) => [netns, COUNTERS.reduce((sum, name) => sum + (counters[name] ?? 0), 0)]));
}

/** One remark for each node that made fragments since `before`. */
export function remarkFragments(run: Run, check: string, before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): readonly ProbedFailure[] {
  const ends = run.clusters.flatMap((cluster) => cluster.ends.filter((end) => end.endpoint.kind === 'node'));
  return [...after].flatMap(([netns, count]) => {
    const made = count - (before.get(netns) ?? count);
    const end = ends.find((one) => one.endpoint.netns === netns);
    if (made <= 0 || end === undefined) return [];
    const saw = `${end.id} made ${made} fragments while the largest packets of pods were sent`;
    return [endFailure(run.plan, end, { check, family: null, class: 'finding', saw, expected: 'outer packets of the overlay that fit' })];
  });
}
