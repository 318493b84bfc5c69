import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LabApi } from '../../cli/lab-api.ts';
import type { LoadedLab } from '../../lab/load-lab.ts';
import { cardOf, madeOf, shippedCard, shippedFolder, shippedLab } from '../../lab/shipped.ts';
import { LabError } from '../../topology/errors.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { runCli } from './run-cli.ts';

const lesson = { title: 'T', topic: 'service', level: 'next', order: 1, goal: 'g' } as const;
const specs: Readonly<Record<string, LabSpec>> = {
  'two.yaml': { name: 'two', description: 'd2', lesson: { ...lesson, order: 2, engines: ['vm', 'netns'] } },
  'one.yaml': { name: 'one', description: 'd1', lesson },
  'first.yaml': { name: 'first', description: '', lesson: { ...lesson, title: 'Begin', topic: 'hosts', level: 'first' } },
  'plain.yaml': { name: 'plain', description: 'no lesson', clusters: [{ name: 'c1', cni: { type: 'flannel' } }] },
};

function loaded(path: string): LoadedLab {
  const spec = specs[basename(path)] ?? { name: basename(path, '.ts') };
  return { path, sha256: '', kind: 'yaml', input: spec, spec, positionOf: () => null };
}

const unknownLab = async (): Promise<never> => Promise.reject(new LabError({ code: 'LAB_UNKNOWN', message: 'there is no such lab', hint: '' }));
const lab: Partial<LabApi> = { loadLab: async (path) => Promise.resolve(loaded(path)) };

describe('cnilab labs', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cnilab-labs-'));
    mkdirSync(join(directory, 'labs'));
    for (const name of Object.keys(specs)) writeFileSync(join(directory, 'labs', name), '');
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('lists by topic and order, and those without a lesson at the end', async () => {
    const { code, stdout, stderr } = await runCli(['labs'], { cwd: directory, lab });
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        '  name   file             level  what it shows  engines',
        'Hosts and networks  --topic hosts',
        '  first  labs/first.yaml  first  Begin          netns',
        'Services  --topic service',
        '  one    labs/one.yaml    next   T              netns',
        '  two    labs/two.yaml    next   T              vm netns',
        'Without a lesson',
        '  name   file             cni      nodes  description',
        '  plain  labs/plain.yaml  flannel      3  no lesson',
        '',
      ].join('\n'),
    );
    expect(stderr).toContain('cnilab up labs/first.yaml');
  });

  it('lists those of a topic and a level', async () => {
    const names = async (...options: readonly string[]): Promise<readonly string[]> => {
      const { stdout } = await runCli(['labs', ...options, '--json'], { cwd: directory, lab });
      return (JSON.parse(stdout) as { readonly labs: readonly { readonly name: string }[] }).labs.map((one) => one.name);
    };
    expect(await names('--topic', 'service')).toEqual(['one', 'two']);
    expect(await names('--level', 'first')).toEqual(['first']);
    expect(await names('--topic', 'service', '--level', 'first')).toEqual([]);
    expect((await runCli(['labs', '--topic', 'nothing'], { cwd: directory, lab })).code).toBe(2);
    expect((await runCli(['labs', '--topic', 'dns'], { cwd: directory, lab })).stderr).toContain('no lab of that topic and level in labs');
  });

  it('lists the labs of the package where there is no folder labs', async () => {
    const { stdout } = await runCli(['labs', '--json'], { cwd: join(directory, 'labs'), lab });
    expect(JSON.parse(stdout)).toMatchObject({ directory: shippedFolder });
  });

  it('brings a lab of the package up by its name, unless there is such a file', async () => {
    const asked: string[] = [];
    const noting: Partial<LabApi> = {
      loadLab: async (path) => {
        asked.push(path);
        return Promise.reject(new Error('enough'));
      },
    };
    for (const word of ['three-requirements', 'no-such-lab']) await runCli(['up', word], { cwd: directory, lab: noting });
    mkdirSync(join(directory, 'three-requirements'));
    await runCli(['up', 'three-requirements'], { cwd: directory, lab: noting });
    expect(asked).toEqual([join(shippedFolder, 'three-requirements.ts'), join(directory, 'no-such-lab'), join(directory, 'three-requirements')]);
    for (const command of ['validate', 'synth', 'doctor', 'plan']) {
      asked.length = 0;
      await runCli([command, 'switch'], { cwd: directory, lab: { ...noting, readLab: unknownLab } });
      expect(asked, command).toEqual([join(shippedFolder, 'switch.ts')]);
    }
  });
});

describe('the labs of the package', () => {
  it('are found by name, not by path', () => {
    expect(shippedLab('three-requirements')).toBe(join(shippedFolder, 'three-requirements.ts'));
    expect([shippedLab('nothing'), shippedLab('../labs/three-requirements'), shippedLab('three-requirements.ts')]).toEqual([null, null, null]);
  });

  it('are listed from what is kept only while they are what it was made of', () => {
    const file = join(shippedFolder, 'three-requirements.ts');
    const card = cardOf({ name: 'three-requirements' });
    expect(shippedCard(file, { 'three-requirements.ts': { made: madeOf(file), card } })).toBe(card);
    expect(shippedCard(file, { 'three-requirements.ts': { made: 'other', card } })).toBeNull();
    expect(shippedCard(file, {})).toBeNull();
  });
});
