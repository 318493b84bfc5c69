import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../verify/report.ts';
import { lacking } from '../requires.ts';
import { Place, root } from './cnilab.ts';

const files = readdirSync(join(root, 'labs')).filter((f) => f.endsWith('.ts'));
const why = lacking('netns', 'plugins', 'bird');

describe.skipIf(why !== null)(`shipped labs on real network namespaces${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let place: Place;
  beforeAll(() => {
    place = new Place();
  });
  afterAll(async () => {
    await place[Symbol.asyncDispose]();
  });

  it.each(files)('%s comes up, satisfies the network model in every profile, and leaves nothing', async (file) => {
    const name = file.replace(/\.ts$/, '');
    const up = await place.cnilab(['up', join('labs', file)]);
    expect(up.stderr + up.stdout, 'up').toContain('is up');
    expect(up.code).toBe(0);
    for (const profile of ['classic', 'current', 'strict']) {
      const verified = await place.cnilab(['verify', name, '--profile', profile, '--json']);
      const report = JSON.parse(verified.stdout) as Report;
      const failing = report.checks
        .filter((c) => c.verdict === 'fail' || c.verdict === 'inconclusive')
        .map((c) => `${c.id}: ${c.failures[0]?.saw ?? c.reason}`);
      if (profile === 'strict') {
        // Bridge with masquerade, flannel and Calico rewrite what pods send to nodes, by design; strict is there to show it.
        expect(report.checks.filter((c) => c.verdict === 'fail').map((c) => c.id)).toEqual(['r2-pod-to-node', 'r3-self-view']);
        expect(verified.code).toBe(1);
      } else {
        expect(failing).toEqual([]);
        expect(verified.code).toBe(0);
        expect(report.verdict).toBe('pass');
        expect(report.requirements.map((r) => [r.id, r.verdict])).toEqual([
          ['R1', 'pass'],
          ['R2', 'pass'],
          ['R3', 'pass'],
        ]);
      }
    }
    const down = await place.cnilab(['down', name]);
    expect(down.code).toBe(0);
    expect(place.leftovers()).toEqual([]);
  });
});
