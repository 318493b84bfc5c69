/** The lab that only real machines can show in whole: kubelets, an API server and kube-proxy, on kernels of their own, as its lesson says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asLoaded } from '../../lab/api.ts';
import { down } from '../../lab/down.ts';
import { listLabs } from '../../lab/read.ts';
import { up } from '../../lab/up.ts';
import { shippedLabs } from '../../scripts/lab-pages.ts';
import { followLesson } from '../follow-lesson.ts';
import { lacking } from '../requires.ts';

const why = lacking('vm', 'plugins');

const NAME = 'kubeadm-cluster';
/** What the prepared disk of the tests holds, instead of the newest. */
const ON_DISK = { kubernetesVersion: '1.34', images: { 'ghcr.io/flannel-io/flannel': 'ghcr.io/flannel-io/flannel:v0.28.4' } } as const;

describe.skipIf(why !== null)(`a cluster as kubeadm makes it${why === null ? '' : ` (skipped: ${why})`}`, () => {
  const place = mkdtempSync(join(tmpdir(), 'cnilab-kubeadm-'));
  const before = process.env['XDG_STATE_HOME'];
  beforeAll(() => {
    process.env['XDG_STATE_HOME'] = join(place, 'state');
  });
  afterAll(() => {
    if (before === undefined) delete process.env['XDG_STATE_HOME'];
    else process.env['XDG_STATE_HOME'] = before;
    rmSync(place, { recursive: true, force: true });
  });

  // Without KVM: half an hour to come up, and a quarter of an hour for each verification.
  it('is followed to its end', { timeout: 3 * 3_600_000 }, async () => {
    const lab = (await shippedLabs()).labs.find(({ name }) => name === NAME);
    if (lab === undefined || lab.lesson === null) throw new Error(`there is no lesson of ${NAME}`);
    const { spec, lesson } = lab;
    const clusters = (spec.clusters ?? []).map((cluster) => ({ ...cluster, kubernetesVersion: ON_DISK.kubernetesVersion }));
    try {
      await up(await asLoaded({ ...spec, clusters }), { engine: 'vm', nodeImage: process.env['CNILAB_VM_IMAGE'] ?? '', images: ON_DISK.images });
      expect((await followLesson(NAME, lesson)).join('\n\n')).toBe('');
    } finally {
      await down(NAME);
    }
    expect(await listLabs()).toEqual([]);
  });
});
