/** Every lesson that ships, followed from its first step to its last exercise: what the pages show is what the labs show. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { asLoaded } from '../../lab/api.ts';
import { down } from '../../lab/down.ts';
import { listLabs } from '../../lab/read.ts';
import { up } from '../../lab/up.ts';
import { shippedLabs, type ShippedLab } from '../../scripts/lab-pages.ts';
import { LabError } from '../../topology/errors.ts';
import type { LessonSpec } from '../../topology/lesson/lesson.ts';
import { followLesson } from '../follow-lesson.ts';
import { lacking } from '../requires.ts';
import { root } from './cnilab.ts';

interface TaughtLab extends ShippedLab {
  readonly lesson: LessonSpec;
}

// Most of the time is spent waiting: for answers that do not come.
vi.setConfig({ maxConcurrency: 8 });

const ENGINE = 'netns';
const why = lacking('netns', 'plugins', 'bird', 'dns-server', 'dnsmasq', 'nginx');
const { labs, broken } = await shippedLabs();
const taught = labs.filter((lab): lab is TaughtLab => lab.lesson !== null);

describe.skipIf(why !== null)(`lessons on real network namespaces${why === null ? '' : ` (skipped: ${why})`}`, () => {
  const place = mkdtempSync(join(tmpdir(), 'cnilab-lessons-'));
  const before = process.env['XDG_STATE_HOME'];
  beforeAll(() => {
    process.env['XDG_STATE_HOME'] = join(place, 'state');
  });
  afterAll(async () => {
    for (const { name } of await listLabs()) await down(name);
    if (before === undefined) delete process.env['XDG_STATE_HOME'];
    else process.env['XDG_STATE_HOME'] = before;
    rmSync(place, { recursive: true, force: true });
  });

  it('there is a lesson to follow, and every lab can be read', () => {
    expect(broken).toEqual([]);
    expect(taught.length).toBeGreaterThan(0);
  });

  it.concurrent.for(taught.map((lab) => [lab.name, lab] as const))('%s', { timeout: 180_000 }, async ([name, lab], { skip }) => {
    const { engines = [ENGINE] } = lab.lesson;
    skip(!engines.includes(ENGINE), `it runs on ${engines.join(', ')}`);
    const loaded = { ...(await asLoaded(lab.spec)), path: join(root, 'labs', `${lab.file}.ts`) };
    try {
      await up(loaded).catch((error: unknown) => {
        // A kernel without ip_vs, ipip or TUN; what a package brings is asked for above.
        if (error instanceof LabError && error.code === 'ENVIRONMENT_LACKS') skip(error.message);
        throw error;
      });
      expect((await followLesson(name, lab.lesson)).join('\n\n')).toBe('');
    } finally {
      await down(name);
    }
    expect((await listLabs()).map((one) => one.name)).not.toContain(name);
  });
});
