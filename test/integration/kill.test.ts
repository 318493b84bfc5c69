import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lacking } from '../requires.ts';
import { Place } from './cnilab.ts';

const why = lacking('netns', 'plugins', 'bird');
// Steps of up begin at most this far apart; the whole takes 300 to 1500 ms here, so every step is hit by some of these moments.
const moments = [20, 60, 90, 110, 130, 150, 165, 180, 195, 210, 225, 240, 260, 280, 300, 330, 370, 420, 500, 700, 1000];

describe.skipIf(why !== null)(`kill -9 of up${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it.each([
    ['flannel with plugins', '{ type: flannel }'],
    ['calico with bird', '{ type: calico, encapsulation: none }'],
  ])('at any moment leaves what down can clean: %s', async (_title, cni) => {
    const reached = new Set<string>();
    for (const killAfterMs of moments) {
      await using place = new Place();
      const file = join(place.directory, 'lab.yaml');
      writeFileSync(file, `name: killed\nclusters:\n  - { name: c1, workers: 2, cni: ${cni}, workloads: [{ name: app, perNode: 2 }] }\n`);
      const killed = await place.cnilab(['up', file], { killAfterMs });
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
