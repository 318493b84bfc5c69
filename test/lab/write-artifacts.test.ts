import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ARTIFACTS_MARK, writeArtifacts } from '../../lab/write-artifacts.ts';
import { ARTIFACTS_SCHEMA, type ArtifactSet } from '../../topology/artifacts.ts';
import { lacking } from '../requires.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const root = lacking('root');

function artifacts(files: Readonly<Record<string, string>>, lab = 'small'): ArtifactSet {
  return {
    schema: ARTIFACTS_SCHEMA,
    lab,
    engine: 'kind',
    files: Object.entries(files).map(([path, content]) => ({ path, content, sha256: createHash('sha256').update(content).digest('hex') })),
    clusters: [],
    images: [],
    nodeImages: [],
  };
}
const FIRST = artifacts({ 'README.md': 'one', 'cni/00-a.yaml': 'a', 'workloads/00-w.yaml': 'w' });
const SECOND = artifacts({ 'README.md': 'two', 'cni/00-b.yaml': 'b' });
const tree = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
const out = (): string => join(scratch.folder, 'deep', 'out');
/** The folder the files go to and what was written beside it meanwhile. */
const beside = (): readonly string[] => readdirSync(join(scratch.folder, 'deep')).sort();

describe('writing artifacts', () => {
  it('makes the folder, and nothing beside it', async () => {
    expect(await writeArtifacts(FIRST, out())).toBe(out());
    expect(tree(out())).toEqual([ARTIFACTS_MARK, 'README.md', 'cni/00-a.yaml', 'workloads/00-w.yaml']);
    expect(readFileSync(join(out(), 'cni/00-a.yaml'), 'utf8')).toBe('a');
    expect(beside()).toEqual(['out']);
  });

  it('replaces what it wrote before, takes away what is no longer there, and leaves the rest alone', async () => {
    await writeArtifacts(FIRST, out());
    mkdirSync(join(out(), 'bin'));
    writeFileSync(join(out(), 'kubeconfig'), 'mine');
    writeFileSync(join(out(), 'bin/bridge'), 'mine');
    rmSync(join(out(), 'workloads/00-w.yaml'));
    await writeArtifacts(SECOND, out());
    expect(tree(out())).toEqual([ARTIFACTS_MARK, 'README.md', 'bin/bridge', 'cni/00-b.yaml', 'kubeconfig']);
    expect(existsSync(join(out(), 'workloads'))).toBe(false);
    expect(readFileSync(join(out(), 'README.md'), 'utf8')).toBe('two');
    expect(beside()).toEqual(['out']);
  });

  it('twice is the same as once', async () => {
    await writeArtifacts(FIRST, out());
    const before = tree(out());
    await writeArtifacts(FIRST, out());
    expect(tree(out())).toEqual(before);
  });

  it.each<[string, () => void | Promise<unknown>, RegExp]>([
    ['somebody else’s files', () => void scratch.write('deep/out/thesis.tex', 'x'), /holds other files: thesis\.tex/],
    [
      'a changed file',
      async () =>
        writeArtifacts(FIRST, out()).then(() => {
          scratch.write('deep/out/cni/00-a.yaml', 'changed');
        }),
      /changed since they were written: cni\/00-a\.yaml/,
    ],
    [
      'an own file in the way',
      async () =>
        writeArtifacts(FIRST, out()).then(() => {
          scratch.write('deep/out/cni/00-b.yaml', 'mine');
        }),
      /changed since they were written: cni\/00-b\.yaml/,
    ],
    ['another lab', async () => writeArtifacts(artifacts({ 'README.md': 'x' }, 'other'), out()), /holds the files of lab other/],
  ])('refuses a folder with %s, and touches nothing, unless it is forced', async (_name, prepare, message) => {
    await prepare();
    const files = tree(out());
    const texts = files.map((file) => readFileSync(join(out(), file), 'utf8'));
    await expect(writeArtifacts(SECOND, out())).rejects.toMatchObject({ code: 'OUTPUT_REFUSED', message: expect.stringMatching(message) as string });
    expect(tree(out())).toEqual(files);
    expect(files.map((file) => readFileSync(join(out(), file), 'utf8'))).toEqual(texts);
    await writeArtifacts(SECOND, out(), { force: true });
    expect(readFileSync(join(out(), 'cni/00-b.yaml'), 'utf8')).toBe('b');
    // What is somebody's own stays, under names that are not wanted.
    for (const own of ['thesis.tex', 'cni/00-a.yaml']) {
      const text = texts[files.indexOf(own)];
      expect(existsSync(join(out(), own))).toBe(own === 'thesis.tex' ? text !== undefined : text === 'changed');
    }
  });

  it('says so when the folder is a file', async () => {
    scratch.write('deep/out', 'a file');
    await expect(writeArtifacts(FIRST, out())).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
  });

  it.skipIf(root !== null)('leaves things as they were when the disk runs full', async () => {
    const disk = join(scratch.folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    try {
      await writeArtifacts(FIRST, join(disk, 'out'));
      const large = artifacts({ 'README.md': 'new', 'cni/00-a.yaml': 'x'.repeat(200_000) });
      await expect(writeArtifacts(large, join(disk, 'out'))).rejects.toMatchObject({
        code: 'OUTPUT_FAILED',
        message: expect.stringContaining('the disk is full') as string,
      });
      await expect(writeArtifacts(large, join(disk, 'new', 'out'))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
      expect(readdirSync(disk)).toEqual(['out']);
      expect(readFileSync(join(disk, 'out', 'README.md'), 'utf8')).toBe('one');
      expect(tree(join(disk, 'out'))).toEqual([ARTIFACTS_MARK, 'README.md', 'cni/00-a.yaml', 'workloads/00-w.yaml']);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});
