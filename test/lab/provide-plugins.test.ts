import { architecture } from '../../lab/pin-upstream.ts';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fileOfArchive } from '../../lab/archive-file.ts';
import { LOCK_SCHEMA } from '../../lab/lock-file.ts';
import { providePlugins } from '../../lab/provide-plugins.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { pluginArchive } from '../../topology/upstream.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const planOf = (cni: CniSpec): ReturnType<typeof planLab> => planLab({ name: 'a', clusters: [{ name: 'c1', cni }] });

/** A ustar archive with these entries, written by hand: header of 512 bytes, contents padded to 512. */
function archiveOf(entries: readonly (readonly [name: string, content: string, type?: string])[]): Buffer {
  const blocks = entries.flatMap(([name, content, type = '0']) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${Buffer.byteLength(content).toString(8).padStart(11, '0')}\0`, 124);
    header.write(type, 156);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
    body.write(content);
    return [header, body];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

describe('a file of an archive', () => {
  const archive = archiveOf([
    ['./', '', '5'],
    ['./bandwidth', 'x'.repeat(600)],
    ['./bridge', 'the plugin'],
    ['LICENSE', 'a licence'],
  ]);
  it('is found by its name, whatever stands before it', () => {
    expect(fileOfArchive(archive, 'bridge')?.toString()).toBe('the plugin');
    expect(fileOfArchive(archive, 'bandwidth')).toHaveLength(600);
    expect(fileOfArchive(archive, 'LICENSE')?.toString()).toBe('a licence');
    expect(fileOfArchive(archive, 'bri')).toBeNull();
    expect(() => fileOfArchive(Buffer.from('<html>'), 'bridge')).toThrow('incorrect header check');
  });
});

describe('plugins that nodes lack', () => {
  /** Pins the release to these bytes, and puts them where a fetched file is kept. */
  const pinned = (bytes: Buffer): string => {
    const file = pluginArchive(planOf({ type: 'bridge' }), architecture());
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const folder = join(scratch.folder, 'cache', 'cnilab', 'upstream');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, sha256), bytes);
    return scratch.write('cnilab.lock.json', JSON.stringify({ schema: LOCK_SCHEMA, files: [{ url: file?.url, sha256, sizeBytes: bytes.length }] }));
  };
  const own = (): string => join(scratch.folder, 'cache', 'cnilab', 'cni', 'bridge');
  const options = { offline: true, isHere: () => false };

  it('come out of the pinned release, executable', async () => {
    const lockFile = pinned(archiveOf([['./bridge', 'the plugin']]));
    expect(await providePlugins(planOf({ type: 'bridge' }), { ...options, lockFile })).toEqual(['bridge']);
    expect(readFileSync(own(), 'utf8')).toBe('the plugin');
    expect(statSync(own()).mode & 0o777).toBe(0o755);
  });
  it('are left alone when they are here, when the CNI needs none, and when nobody pinned the release', async () => {
    const lockFile = pinned(archiveOf([['./bridge', 'the plugin']]));
    expect(await providePlugins(planOf({ type: 'bridge' }), { ...options, lockFile, isHere: () => true })).toEqual([]);
    expect(await providePlugins(planOf({ type: 'calico' }), { ...options, lockFile })).toEqual([]);
    expect(await providePlugins(planOf({ type: 'flannel' }), options)).toEqual([]);
    expect(await providePlugins(planOf({ type: 'flannel' }), { ...options, lockFile: join(scratch.folder, 'none.json') })).toEqual([]);
  });
  it('are an error when the release does not hold them, or is not at hand', async () => {
    const lockFile = pinned(archiveOf([['./portmap', 'another']]));
    await expect(providePlugins(planOf({ type: 'bridge' }), { ...options, lockFile })).rejects.toMatchObject({ code: 'UPSTREAM_UNEXPECTED' });
    const gone = scratch.write('gone.json', readFileSync(lockFile, 'utf8').replace(/"sha256":"[0-9a-f]{64}"/, `"sha256":"${'0'.repeat(64)}"`));
    await expect(providePlugins(planOf({ type: 'bridge' }), { ...options, lockFile: gone })).rejects.toMatchObject({ code: 'UPSTREAM_MISSING' });
  });
});
