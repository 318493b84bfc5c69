import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lacking } from '../requires.ts';
import { type Outcome, Place } from './cnilab.ts';

const why = lacking('netns', 'plugins', 'bird');
/** Moments of one `up`, as shares of what an undisturbed one takes on this machine now: so every step is hit by some of them, however slow it is. */
const MOMENTS = Array.from({ length: 21 }, (_, at) => (at + 1) / 22);

describe.skipIf(why !== null)(`kill -9 of up${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it.each([
    ['flannel with plugins', '{ type: flannel }'],
    ['calico with bird', '{ type: calico, encapsulation: none }'],
  ])('at any moment leaves what down can clean: %s', async (_title, cni) => {
    const reached = new Set<string>();
    const up = async (place: Place, options: { readonly killAfterMs?: number } = {}): Promise<Outcome> => {
      const file = join(place.directory, 'lab.yaml');
      writeFileSync(file, `name: killed\nclusters:\n  - { name: c1, workers: 2, cni: ${cni}, workloads: [{ name: app, perNode: 2 }] }\n`);
      return await place.cnilab(['up', file], options);
    };
    await using undisturbed = new Place();
    const began = performance.now();
    expect((await up(undisturbed)).code).toBe(0);
    const whole = performance.now() - began;
    expect((await undisturbed.cnilab(['down', '--all'])).code).toBe(0);
    for (const share of MOMENTS) {
      const killAfterMs = Math.round(share * whole);
      await using place = new Place();
      const killed = await up(place, { killAfterMs });
      for (const step of killed.stderr.matchAll(/• (\S+)/g)) reached.add(step[1] ?? '');
      const down = await place.cnilab(['down', '--all']);
      expect(down.code, `down after ${killAfterMs} ms: ${down.stderr}`).toBe(0);
      await expect.poll(() => place.cnilab(['ls', '--json']).then((o) => o.stdout)).not.toContain('killed');
      await expect
        .poll(
          () => {
            try {
              return place.leftovers();
            } catch {
              return [];
            }
          },
          { timeout: 3000, message: `after ${killAfterMs} ms` },
        )
        .toEqual([]);
    }
    expect(reached.size).toBeGreaterThanOrEqual(3);
  });
});
