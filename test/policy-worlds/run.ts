/** Draws worlds from a seed and compares evaluator and kernel on each. Runs inside of `unshare -nm` (see `scripts/policy-worlds.ts`). */
import fc from 'fast-check';
import { openKernel, type Disagreement, type WorldKernel } from './kernel.ts';
import { drawnWorld, placeWorld, type DrawnWorld } from './world.ts';

export interface WorldsResult {
  readonly worlds: number;
  readonly seed: number;
  readonly flows: number;
  readonly allowed: number;
  readonly replies: number;
  readonly ms: number;
  readonly disagreements: readonly Disagreement[];
  /** The smallest world found that disagrees, in words; '' when none does. */
  readonly counterexample: string;
}

/** Worlds that stand in the kernel at once: each adds base chains that every packet passes. */
const AT_ONCE = 25;

export async function runWorlds(count: number, seed: number, onProgress: (done: number) => void = () => {}): Promise<WorldsResult> {
  const started = performance.now();
  const drawn = fc.sample(drawnWorld, { numRuns: count, seed });
  const kernel = await openKernel();
  const disagreements: Disagreement[] = [];
  let [flows, allowed, replies] = [0, 0, 0];
  for (let from = 0; from < drawn.length; from += AT_ONCE) {
    const tally = kernel.check(drawn.slice(from, from + AT_ONCE).map(placeWorld));
    flows += tally.flows;
    allowed += tally.allowed;
    replies += tally.replies;
    disagreements.push(...tally.disagreements.map((d) => ({ ...d, world: from + d.world })));
    onProgress(Math.min(drawn.length, from + AT_ONCE));
  }
  const first = disagreements[0];
  return {
    worlds: drawn.length,
    seed,
    flows,
    allowed,
    replies,
    ms: performance.now() - started,
    disagreements: disagreements.slice(0, 20),
    counterexample: first === undefined ? '' : smallest(kernel, seed, first.world),
  };
}

/** Shrinks the world of that index. */
function smallest(kernel: WorldKernel, seed: number, index: number): string {
  const agrees = (world: DrawnWorld): boolean => kernel.check([placeWorld(world, 0)]).disagreements.length === 0;
  const details = fc.check(fc.property(drawnWorld, agrees), { seed, path: `${index}`, numRuns: 1 });
  const [world] = details.counterexample ?? [];
  if (world === undefined) return `world ${index} disagrees among others, but not alone`;
  const placed = placeWorld(world, 0);
  return JSON.stringify({ pods: placed.world.pods, namespaces: placed.world.namespaces, disagreements: kernel.check([placed]).disagreements }, null, 1);
}
