import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { initLab } from '../../lab/init.ts';
import { packageRoot } from '../../lab/installation.ts';
import { loadLab } from '../../lab/load-lab.ts';
import { planLabFile, validateLab } from '../../lab/plan.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const read = (path: string): string => readFileSync(join(scratch.folder, 'my-lab', path), 'utf8');

describe('a new lab folder', () => {
  it.each([
    ['TypeScript', false, ['package.json', 'lab.ts', 'tsconfig.json', 'README.md', '.gitignore']],
    ['YAML', true, ['package.json', 'lab.yaml', 'README.md', '.gitignore']],
  ])('in %s loads at once, and is a lab without findings', async (_, yaml, files) => {
    const folder = join(scratch.folder, 'my-lab');
    expect(await initLab(folder, { yaml })).toEqual(files);
    const loaded = await loadLab(folder);
    expect(validateLab(loaded)).toEqual([]);
    const plan = planLabFile(loaded);
    expect(plan.name).toBe('my-lab');
    expect(plan.clusters[0]?.pods).toHaveLength(8);
    expect(JSON.parse(read('package.json'))).toMatchObject({ name: 'my-lab', private: true, type: 'module', dependencies: { cnilab: `file:${packageRoot}` } });
    expect(realpathSync(join(folder, 'node_modules', 'cnilab'))).toBe(realpathSync(packageRoot));
    expect(statSync(join(folder, 'node_modules', '.bin', 'cnilab')).mode & 0o111, 'npx finds a program').toBe(0o111);
    expect(read('README.md')).toContain(`npx cnilab up ${yaml ? 'lab.yaml' : 'lab.ts'} --verify`);
  });

  it('in both languages describes the same lab', async () => {
    await initLab(join(scratch.folder, 'my-lab'));
    await initLab(join(scratch.folder, 'as-data', 'my-lab'), { yaml: true });
    const [typescript, yaml] = await Promise.all([loadLab(join(scratch.folder, 'my-lab')), loadLab(join(scratch.folder, 'as-data', 'my-lab'))]);
    expect(yaml.input).toEqual(typescript.input);
  });

  it('in YAML names its schema, for editors', async () => {
    await initLab(join(scratch.folder, 'my-lab'), { yaml: true });
    expect(read('lab.yaml').split('\n')[0]).toMatch(/^# yaml-language-server: \$schema=file:\/\/.*\/docs\/lab\.schema\.json$/);
  });

  it.each(['My-Lab', 'my_lab', 'a;rm', 'x'.repeat(41)])('is not called %s', async (name) => {
    await expect(initLab(join(scratch.folder, name))).rejects.toMatchObject({ code: 'USAGE' });
    expect(existsSync(join(scratch.folder, name))).toBe(false);
  });

  it('does not overwrite, unless told to', async () => {
    scratch.write('my-lab/notes.txt', 'mine');
    const folder = join(scratch.folder, 'my-lab');
    await expect(initLab(folder)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('notes.txt') });
    expect(existsSync(join(folder, 'lab.ts'))).toBe(false);
    await initLab(folder, { force: true });
    expect(read('notes.txt')).toBe('mine');
    expect(existsSync(join(folder, 'lab.ts'))).toBe(true);
  });
});
