/** What goes wrong before and while a cluster comes up: a clear error, the right exit code, nothing lost and nothing left. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Place } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';
import { containers } from './real.ts';

const why = lacking('kind', 'plugins');

function lab(place: Place, name: string, more = ''): string {
  const file = join(place.directory, `${name}.yaml`);
  writeFileSync(file, `name: ${name}\nclusters:\n  - name: c1\n    workers: 0\n    cni: { type: bridge }\n${more}`);
  return file;
}

describe.skipIf(why !== null)(`kind, when something is wrong${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('no Docker', async () => {
    await using place = new Place([], { DOCKER_HOST: 'unix:///nowhere/docker.sock' });
    const { code, stderr } = await place.cnilab(['up', lab(place, 'bad-docker'), '--engine', 'kind']);
    expect(stderr).toContain('errors.md#environment_lacks');
    expect(stderr).toMatch(/[Dd]ocker/);
    expect(code).toBe(3);
    expect(place.leftovers()).toEqual([]);
  });

  it('a node image that nobody has', async () => {
    await using place = new Place();
    const { code, stderr } = await place.cnilab([
      'up',
      lab(place, 'bad-image'),
      '--engine',
      'kind',
      '--node-image',
      'localhost:9/nowhere/node:v1.34.4',
      '--offline',
    ]);
    expect(stderr).toContain('localhost:9/nowhere/node:v1.34.4');
    expect(code).toBe(3);
    expect(containers('cnilab-bad-image')).toEqual([]);
    expect(place.leftovers()).toEqual([]);
  });

  it("somebody else's cluster of that name, which is never deleted", async () => {
    await using place = new Place();
    const image = process.env['CNILAB_NODE_IMAGE'] ?? '';
    const label = (key: string, value: string): readonly string[] => ['--label', `io.x-k8s.kind.${key}=${value}`];
    const foreign = 'cnilab-bad-taken-control-plane';
    execFileSync('docker', [
      'run',
      '--detach',
      '--name',
      foreign,
      ...label('cluster', 'cnilab-bad-taken'),
      ...label('role', 'control-plane'),
      '--entrypoint',
      'sleep',
      image,
      '600',
    ]);
    try {
      const { code, stderr } = await place.cnilab(['up', lab(place, 'bad-taken'), '--engine', 'kind']);
      expect(stderr).toContain('errors.md#name_taken');
      expect(code).toBe(3);
      const down = await place.cnilab(['down', 'bad-taken']);
      expect(down.code).toBe(0);
      expect(containers('cnilab-bad-taken')).toEqual([foreign]);
    } finally {
      execFileSync('docker', ['rm', '--force', foreign]);
    }
  });

  it('an image that cannot be pulled: the reason, the evidence, and no cluster', async () => {
    await using place = new Place();
    const file = lab(
      place,
      'bad-pull',
      `    objects:
      - apiVersion: v1
        kind: Pod
        metadata: { name: nobody, namespace: default }
        spec:
          containers: [{ name: main, image: "localhost:9/nowhere/image:1" }]
`,
    );
    const { code, stderr } = await place.cnilab(['up', file, '--engine', 'kind']);
    expect(stderr).toContain('errors.md#not_ready');
    expect(stderr).toMatch(/nobody.*(ImagePullBackOff|ErrImagePull|pull)/);
    expect(code).toBe(4);
    const evidence = /(\/\S*evidence\S*)/.exec(stderr)?.[1]?.replace(/[.,;:)]+$/, '') ?? '';
    expect(existsSync(evidence)).toBe(true);
    expect(containers('cnilab-bad-pull')).toEqual([]);
  });

  it('kill -9 at any moment of up, then down: nothing is left', async () => {
    await using place = new Place();
    const file = lab(place, 'bad-kill');
    for (const killAfterMs of [1500, 6000, 18_000]) {
      await place.cnilab(['up', file, '--engine', 'kind'], { killAfterMs });
      const { code, stderr } = await place.cnilab(['down', 'bad-kill']);
      expect(stderr).not.toMatch(/error/i);
      expect(code).toBe(0);
      expect(containers('cnilab-bad-kill')).toEqual([]);
      expect(place.leftovers()).toEqual([]);
    }
  });
});
