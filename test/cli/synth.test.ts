import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LabApi } from '../../cli/lab-api.ts';
import { labApi } from '../../cli/lab-api.ts';
import type { UpOptions } from '../../lab/up.ts';
import type { ArtifactSet } from '../../topology/artifacts.ts';
import { runCli, type CliResult } from './run-cli.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cnilab-synth-'));
  writeFileSync(join(folder, 'lab.yaml'), 'name: small\nclusters:\n  - name: c1\n    cni: { type: bridge }\n    workloads: [{ name: web, perNode: 1 }]\n');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const { loadLab, planLabFile, synthesizeLab, synthesize, writeArtifacts } = labApi;
const run = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}, lab: Partial<LabApi> = {}): Promise<CliResult> =>
  runCli(argv, { cwd: folder, env: { LANG: 'C.UTF-8', ...env }, lab: { loadLab, planLabFile, synthesizeLab, synthesize, writeArtifacts, ...lab } });
const document = <T>({ stdout }: CliResult): T => JSON.parse(stdout) as T;

describe('synth', () => {
  it('lists the files with sizes and digests, and writes none', async () => {
    const { code, stdout, stderr } = await run(['synth', 'lab.yaml']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.trim().split(/ +/)[2])).toContain('kind.yaml');
    for (const line of lines) expect(line).toMatch(/^ *\d+ {2}[0-9a-f]{64} {2}\S+$/);
    expect(stderr).toContain('next: cnilab synth lab.yaml -o small');
    expect(existsSync(join(folder, 'small'))).toBe(false);
  });

  it('writes them with -o; --json is the set of them', async () => {
    const result = await run(['synth', 'lab.yaml', '--engine', 'kind', '-o', 'out', '--json']);
    const { schema, files } = document<ArtifactSet>(result);
    expect([result.code, schema]).toEqual([0, 'cnilab.artifacts/1']);
    for (const file of files) {
      expect(existsSync(join(folder, 'out', file.path))).toBe(true);
      expect(createHash('sha256').update(file.content).digest('hex')).toBe(file.sha256);
    }
    writeFileSync(join(folder, 'out', 'kind.yaml'), 'mine');
    const again = await run(['synth', 'lab.yaml', '-o', 'out']);
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toMatch(/changed since they were written: kind\.yaml[^]*--force/);
    expect((await run(['synth', 'lab.yaml', '-o', 'out', '--force'])).code).toBe(0);
  });

  it('says everything that kind cannot do, each at its place', async () => {
    writeFileSync(
      join(folder, 'lab.yaml'),
      'name: small\nhosts: [{ name: db }]\nclusters:\n  - { name: c1, kubernetesVersion: "1.31", cni: { type: bridge } }\n',
    );
    const { code, stderr } = await run(['synth', 'lab.yaml']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/lab\.yaml:2:\d+ › hosts {2}KIND_CLUSTERS_ONLY/);
    expect(stderr).toMatch(/lab\.yaml:4:\d+ › clusters\.c1\.kubernetesVersion {2}NODE_IMAGE_UNKNOWN/);
  });
});

describe('offline', () => {
  const cache = process.env['XDG_CACHE_HOME'];
  afterEach(() => {
    if (cache === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = cache;
  });

  it('names the file that is missing, its digest, and where it goes', async () => {
    process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
    writeFileSync(join(folder, 'lab.yaml'), 'name: small\nclusters:\n  - { name: c1, cni: { type: calico } }\n');
    const { code, stdout, stderr } = await run(['synth', 'lab.yaml', '--offline']);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/https:\S+calico-vxlan\.yaml[^]*SHA-256 ([0-9a-f]{64})[^]*cache\/cnilab\/upstream\/\1/);
  });
});

describe('images', () => {
  const AGNHOST = 'registry.k8s.io/e2e-test-images/agnhost';
  const images = async (argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<readonly string[]> =>
    (await run(['images', 'lab.yaml', ...argv], env)).stdout.trimEnd().split('\n');

  it('are those of the nodes and of what runs in them, as the user says', async () => {
    expect(await images([])).toEqual([expect.stringMatching(/^kindest\/node:v1\.37\.0@sha256:/), `${AGNHOST}:2.53`]);
    expect(await images(['--node-image', 'a/node:v1.36.4', '--image', `${AGNHOST}=b/agnhost:9`, '--image', 'x=y:1'])).toEqual([
      'a/node:v1.36.4',
      'b/agnhost:9',
    ]);
    expect(await images([], { CNILAB_NODE_IMAGE: 'c/node:v1.34.4' })).toEqual(['c/node:v1.34.4', `${AGNHOST}:2.53`]);
    expect(await images(['--node-image', 'a/node:v1.36.4'], { CNILAB_NODE_IMAGE: 'c/node:v1.34.4' })).toContain('a/node:v1.36.4');
    expect(document(await run(['images', 'lab.yaml', '--json']))).toMatchObject({ lab: 'small', images: [`${AGNHOST}:2.53`] });
  });

  it.each([
    [['--image', 'agnhost'], 'is not REPOSITORY=IMAGE'],
    [['--image', '=x:1'], 'is not REPOSITORY=IMAGE'],
    [['--image', 'a/b:1=x:1'], 'has a tag or a digest'],
    [['--image', 'a/b@sha256:00=x:1'], 'has a tag or a digest'],
  ])('%j: %s', async (argv, message) => {
    const { code, stderr } = await run(['images', 'lab.yaml', ...argv]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('of a registry with a port can be replaced', async () => {
    expect((await run(['images', 'lab.yaml', '--image', 'localhost:5000/a=x:1'])).code).toBe(0);
  });
});

describe('up', () => {
  const seen = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<UpOptions | string> => {
    let options: UpOptions | undefined;
    const { stderr } = await run(['up', 'lab.yaml', ...argv], env, {
      up: async (_loaded, given) => {
        options = given;
        return Promise.reject(new Error('far enough'));
      },
    });
    return options ?? stderr;
  };

  it('hands the images on to engines that run images', async () => {
    expect(
      await seen(['--engine', 'kind', '--load', 'a:1', '--load', 'b:2', '--image', 'x/y=z:1', '--offline'], { CNILAB_NODE_IMAGE: 'n:v1.34.4' }),
    ).toMatchObject({
      engine: 'kind',
      usualNodeImage: 'n:v1.34.4',
      images: { 'x/y': 'z:1' },
      loadImages: ['a:1', 'b:2'],
      offline: true,
    });
  });

  it('takes a folder as it is seen from here, and an address as it is, for the disk of machines', async () => {
    const image = `https://images.example/disk.qcow2@sha256:${'0a'.repeat(32)}`;
    expect(await seen(['--engine', 'vm', '--node-image', image])).toMatchObject({ nodeImage: image });
    expect(await seen(['--engine', 'vm'], { CNILAB_VM_IMAGE: image })).toMatchObject({ usualNodeImage: image });
    expect(await seen(['--engine', 'vm', '--node-image', 'disk'])).toMatchObject({ nodeImage: join(folder, 'disk') });
  });

  it('does not let them change a lab on an engine that runs none', async () => {
    expect(await seen([], { CNILAB_NODE_IMAGE: 'n:v1.34.4' })).not.toHaveProperty('usualNodeImage');
    for (const argv of [
      ['--node-image', 'a:v1.34.4'],
      ['--image', 'a=b:1'],
      ['--load', 'a:1'],
    ])
      expect(await seen(argv)).toContain(`${argv[0] ?? ''} is of no use`);
  });
});
