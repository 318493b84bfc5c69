import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadLab } from '../../lab/load-lab.ts';
import type { Pinned } from '../../lab/pin-upstream.ts';
import { useScratch } from '../lab/scratch.ts';
import { runCli } from './run-cli.ts';

const scratch = useScratch();
const LAB = '{"name": "demo", "clusters": [{"name": "c1", "cni": {"type": "kindnet"}}]}';
const FILES: Pinned['files'] = [{ what: 'the manifest of X', url: 'https://x.example/x.yaml', sha256: 'ab'.repeat(32), sizeBytes: 9, isNew: true }];

async function lock(argv: readonly string[], pinned: Pinned): ReturnType<typeof runCli> {
  const file = scratch.write('lab.json', LAB);
  const asked: unknown[] = [];
  const result = await runCli(['lock', file, ...argv], {
    cwd: scratch.folder,
    lab: {
      loadLab: async (path) => loadLab(path),
      pinUpstream: async (loaded, options) => {
        asked.push([loaded.path, options?.path]);
        return Promise.resolve({ ...pinned, path: options?.path ?? pinned.path });
      },
    },
  });
  expect(asked).toEqual([[file, argv[0] === '-o' ? join(scratch.folder, argv[1] ?? '') : undefined]]);
  return result;
}

describe('cnilab lock', () => {
  it('writes the lock file beside the lab file and lists what it pins', async () => {
    const path = join(scratch.folder, 'cnilab.lock.json');
    const { code, stdout, stderr } = await lock([], { path, text: 'the lock\n', files: FILES });
    expect([code, stdout]).toEqual([0, `${'ab'.repeat(32)}  https://x.example/x.yaml\n`]);
    expect(stderr).toContain('cnilab.lock.json pins 1 file for this lab, 1 of them new');
    expect(readFileSync(path, 'utf8')).toBe('the lock\n');
  });

  it('writes where it is told to, and tells it as JSON', async () => {
    const { code, stdout } = await lock(['-o', 'other.json', '--json'], { path: '', text: 'the lock\n', files: FILES });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ path: join(scratch.folder, 'other.json'), files: FILES });
    expect(readFileSync(join(scratch.folder, 'other.json'), 'utf8')).toBe('the lock\n');
  });

  it('writes nothing for a lab that needs nothing of others', async () => {
    const { code, stdout, stderr } = await lock([], { path: join(scratch.folder, 'none.json'), text: '', files: [] });
    expect([code, stdout.trim()]).toEqual([0, '']);
    expect(stderr).toContain('nothing to pin');
    expect(() => readFileSync(join(scratch.folder, 'none.json'))).toThrow('ENOENT');
  });
});
