import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, diff, down, FlannelCni, Lab, list, plan, PodsPerNode, read, up, verify } from '../../index.ts';
import { injectFault, undoFaults } from '../../lab/fault.ts';
import { expectLab } from '../../vitest.ts';
import { lacking } from '../requires.ts';

const why = lacking('netns', 'plugins');

describe.skipIf(why !== null)(`the public API${why === null ? '' : ` (skipped: ${why})`}`, () => {
  const place = mkdtempSync(join(tmpdir(), 'cnilab-api-'));
  const before = { state: process.env['XDG_STATE_HOME'], cache: process.env['XDG_CACHE_HOME'] };
  beforeAll(() => {
    process.env['XDG_STATE_HOME'] = join(place, 'state');
    process.env['XDG_CACHE_HOME'] = join(place, 'cache');
  });
  afterAll(async () => {
    await down('api');
    restore('XDG_STATE_HOME', before.state);
    restore('XDG_CACHE_HOME', before.cache);
    rmSync(place, { recursive: true, force: true });
  });

  const lab = (count: number): Lab => {
    const root = new Lab({ name: 'api' });
    const cluster = new Cluster(root, 'c1', { workers: 1, cni: new FlannelCni() });
    new PodsPerNode(cluster, 'web', { count });
    return root;
  };

  it('plans, brings up, reads, verifies, changes and takes down, JSON in and out', async () => {
    const planned = await plan(lab(1));
    const { state, outcome } = await up(lab(1));
    expect(outcome).toBe('created');
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    expect(state.plan).toEqual(planned);
    expect((await list()).map((l) => [l.name, l.status])).toEqual([['api', 'up']]);
    await expectLab(state).toSatisfyNetworkModel();
    await expectLab(await verify('api', { profile: 'current' })).toSatisfyNetworkModel();

    await injectFault('api', 'masquerade-pod-to-pod', {});
    await expectLab(state).not.toSatisfyNetworkModel();
    await expect(expectLab(state).toSatisfyNetworkModel()).rejects.toThrow('cause: pod-source-rewritten');
    await undoFaults('api');
    await expectLab(state).toSatisfyNetworkModel();

    const changes = (await diff(state, await plan(lab(2), { previous: state.plan }))).changes.map((c) => [c.kind, c.object, c.id, c.inPlace]);
    expect(changes).toEqual([
      ['add', 'pod', 'c1/default/web-2-control-plane1', true],
      ['add', 'pod', 'c1/default/web-2-worker1', true],
    ]);
    expect((await up(lab(2))).outcome).toBe('changed');
    await expectLab(await read('api')).toSatisfyNetworkModel();
    expect((await down('api')).existed).toBe(true);
    expect(await list()).toEqual([]);
  });
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
