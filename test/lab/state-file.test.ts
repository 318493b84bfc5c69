import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { labDirectory } from '../../lab/directories.ts';
import { STATE_SCHEMA, type LabState } from '../../lab/lab-state.ts';
import { labNames, makeRunDirectory, readStateFile, removalMark, runDirectories, writeAtomically, writeState } from '../../lab/state-file.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();

const plan: LabPlan = {
  schema: 'cnilab.plan/1',
  name: 'a',
  description: '',
  families: ['ipv4'],
  neighbours: { mode: 'learned', estimate: 0, budget: 512 },
  segments: [],
  machines: [],
  clusters: [],
  images: {},
  findings: [],
};
const state: LabState = {
  schema: STATE_SCHEMA,
  writtenBy: '0.1.0',
  name: 'a',
  engine: 'fake',
  phase: 'up',
  createdAt: '',
  updatedAt: '',
  source: { path: '', sha256: '' },
  spec: { name: 'a' },
  plan,
  directory: '/nowhere',
  handle: { engine: 'fake', pid: 1 },
  faults: [],
};

describe('the state of a lab', () => {
  it('comes back as it was written, for this user only', async () => {
    await writeState(state);
    expect(await readStateFile('a')).toEqual({ kind: 'state', state });
    expect(statSync(join(labDirectory('a'), 'state.json')).mode & 0o777).toBe(0o600);
    expect(statSync(labDirectory('a')).mode & 0o777).toBe(0o700);
    expect(statSync(await makeRunDirectory('a')).mode & 0o777).toBe(0o700);
    expect(await labNames()).toEqual(['a']);
    expect(await runDirectories('a')).toHaveLength(1);
  });

  it('is absent, or partial after a run that was killed at once', async () => {
    expect(await readStateFile('a')).toEqual({ kind: 'none' });
    await makeRunDirectory('a');
    expect(await readStateFile('a')).toEqual({ kind: 'partial' });
  });

  it('shows an interrupted removal', async () => {
    await writeState(state);
    writeFileSync(removalMark('a'), '');
    expect(await readStateFile('a')).toMatchObject({ kind: 'state', state: { phase: 'removing' } });
  });

  it.each([
    ['half of it', JSON.stringify(state).slice(0, 40), 'STATE_BROKEN'],
    ['nothing', '', 'STATE_BROKEN'],
    ['no object', '[]', 'STATE_BROKEN'],
    ['the state of another lab', JSON.stringify({ ...state, name: 'b' }), 'STATE_BROKEN'],
    ['no plan', JSON.stringify({ ...state, plan: undefined }), 'STATE_BROKEN'],
    ['no schema', JSON.stringify({ ...state, schema: undefined }), 'STATE_BROKEN'],
    ['a newer schema', JSON.stringify({ ...state, schema: STATE_SCHEMA + 1, writtenBy: '9.9.9' }), 'STATE_NEWER'],
  ])('that holds %s is refused', async (_, text, code) => {
    mkdirSync(labDirectory('a'), { recursive: true });
    writeFileSync(join(labDirectory('a'), 'state.json'), text);
    const found = await readStateFile('a');
    expect(found).toMatchObject({ kind: 'broken', error: { code } });
  });

  it('that is newer names the version that reads it', async () => {
    mkdirSync(labDirectory('a'), { recursive: true });
    writeFileSync(join(labDirectory('a'), 'state.json'), JSON.stringify({ ...state, schema: STATE_SCHEMA + 1, writtenBy: '9.9.9' }));
    expect(await readStateFile('a')).toMatchObject({ error: { hint: 'use cnilab 9.9.9, which wrote it' } });
  });

  it.each(['../a', 'a/b', '', '.', 'A', 'a b', 'a'.repeat(41), '-a'])('of %j is no path', (name) => {
    expect(() => labDirectory(name)).toThrow(expect.objectContaining({ code: 'LAB_UNKNOWN' }));
  });
});

describe('a file that is written atomically', () => {
  it('is whole whenever it is looked at, and leaves no drafts', async () => {
    const texts = ['a'.repeat(400_000), 'b'.repeat(300_000)];
    let looking = true;
    let looks = 0;
    const seen = (async () => {
      while (looking) {
        const text = ((): string => {
          try {
            return readFileSync(join(scratch.folder, 'f'), 'utf8');
          } catch {
            return texts[0] ?? '';
          }
        })();
        expect(texts).toContain(text);
        looks += 1;
        await sleep(0);
      }
    })();
    for (let i = 0; i < 40; i += 1) await writeAtomically(scratch.folder, 'f', texts[i % 2] ?? '');
    looking = false;
    await seen;
    expect(looks).toBeGreaterThan(5);
    expect(readdirSync(scratch.folder)).toEqual(['f']);
  });

  it('is whole when its writer is killed at any moment', async () => {
    const script = `const { writeAtomically } = await import(${JSON.stringify(new URL('../../lab/state-file.ts', import.meta.url).href)});
      for (let i = 0; ; i = (i + 1) % 10) await writeAtomically(process.argv[1], 'f', String(i).repeat(200000));`;
    for (const afterMs of [330, 347, 361]) {
      const child = spawn(process.execPath, ['--import', 'tsx/esm', '--input-type=module', '-e', script, scratch.folder], { stdio: 'inherit' });
      const file = join(scratch.folder, 'f');
      while (!readdirSync(scratch.folder).includes('f')) await sleep(5);
      await sleep(afterMs - 300);
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      expect(readFileSync(file, 'utf8')).toMatch(/^(\d)\1{199999}$/);
    }
  });

  it('keeps the old text when the new one cannot be written', async () => {
    await writeAtomically(scratch.folder, 'f', 'old');
    mkdirSync(join(scratch.folder, 'g'));
    await expect(writeAtomically(scratch.folder, 'g', 'new')).rejects.toThrow('g');
    expect(readdirSync(scratch.folder).sort()).toEqual(['f', 'g']);
  });
});
