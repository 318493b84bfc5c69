import { describe, expect, it } from 'vitest';
import { asLoaded } from '../../lab/api.ts';
import { loadLab } from '../../lab/load-lab.ts';
import { planLabFile, validateLab } from '../../lab/plan.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const cluster = { name: 'c1', cni: { type: 'bridge' } } as const;

describe('validating a lab', () => {
  it('first its shape: every problem', async () => {
    const loaded = await asLoaded({ name: 'x', clusters: [{ ...cluster, podCidr: '10.0.0.0/8', workers: 'two' }] } as unknown as LabSpec);
    expect(
      validateLab(loaded)
        .map((diagnostic) => diagnostic.code)
        .sort(),
    ).toEqual(['FIELD_TYPE', 'FIELD_UNKNOWN']);
    expect(() => planLabFile(loaded)).toThrow(expect.objectContaining({ code: 'LAB_INVALID' }));
  });

  it('then what it means: every problem', async () => {
    const loaded = await asLoaded({ name: 'Bad Name', clusters: [{ ...cluster, podCIDR: '10.244.0.1/16' }] });
    const found = validateLab(loaded).filter((diagnostic) => diagnostic.severity === 'error');
    expect(found.length).toBeGreaterThanOrEqual(2);
    expect(() => planLabFile(loaded)).toThrow(expect.objectContaining({ code: 'LAB_INVALID' }));
  });

  it('finds nothing in a good one', async () => {
    const loaded = await asLoaded({ name: 'x', clusters: [cluster] });
    expect(validateLab(loaded)).toEqual([]);
    expect(planLabFile(loaded).name).toBe('x');
  });

  it('names the file in errors', async () => {
    const file = scratch.write('lab.ts', `export default { name: 'x', clusters: [{ name: 'c1' }] };\n`);
    const loaded = await loadLab(file);
    expect(() => planLabFile(loaded)).toThrow(`${file}: 1 problem`);
  });
});

describe('a lab that is data', () => {
  const raw = {
    name: 'x',
    clusters: [{ name: 'c1', cni: { type: 'raw', pluginDirs: ['./plugins'], conflist: { cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'bridge' }] } } }],
  };

  it.each(['lab.yaml', 'lab.json'])('names no programs: %s', async (name) => {
    const loaded = await loadLab(scratch.write(name, JSON.stringify(raw)));
    expect(validateLab(loaded)).toContainEqual(
      expect.objectContaining({ severity: 'error', code: 'RAW_PLUGIN_IN_YAML', path: ['clusters', 0, 'cni', 'pluginDirs'] }),
    );
    expect(() => planLabFile(loaded)).toThrow(expect.objectContaining({ code: 'LAB_INVALID' }));
  });

  it('unlike a TypeScript lab', async () => {
    const loaded = await loadLab(scratch.write('lab.ts', `export default ${JSON.stringify(raw)};\n`));
    expect(validateLab(loaded).map((diagnostic) => diagnostic.code)).not.toContain('RAW_PLUGIN_IN_YAML');
  });
});
