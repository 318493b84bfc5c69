import { beforeEach, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import * as api from '../../index.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
let engine: FileEngine;
beforeEach(() => {
  engine = new FileEngine(join(scratch.folder, 'world'));
});

/** The same lab as a construct, as JSON, and as a file. */
function forms(): readonly api.LabInput[] {
  const lab = new api.Lab({ name: 'a' });
  new api.Cluster(lab, 'c1', { cni: new api.BridgeCni() });
  const spec = lab.toSpec();
  return [lab, spec, scratch.write('lab.json', JSON.stringify(spec))];
}

describe('the public API', () => {
  it('plans every form of a lab to the same bytes, JSON all through', async () => {
    const plans = await Promise.all(forms().map((form) => api.plan(form)));
    expect(new Set(plans.map((plan) => JSON.stringify(plan))).size).toBe(1);
    expect(JSON.parse(JSON.stringify(plans[0]))).toEqual(plans[0]);
  });

  it('validates', async () => {
    expect(await Promise.all(forms().map((form) => api.validate(form)))).toEqual([[], [], []]);
    expect((await api.validate({ name: 'a', clusters: [{ name: 'c1', cni: { type: 'bridge' }, podCIDR: '10.0.0.1/8' }] })).length).toBeGreaterThan(0);
  });

  it('brings a lab up, tells what would change, and takes it down', async () => {
    const options = { engine: 'file', loadEngine: () => Promise.resolve(engine) };
    const [construct = '', spec = ''] = forms();
    const { state } = await api.up(construct, options);
    expect((await api.up(spec, options)).outcome).toBe('unchanged');
    const wanted = await api.plan({ name: 'a', clusters: [{ name: 'c1', workers: 3, cni: { type: 'bridge' } }] }, { previous: state.plan });
    const diff = await api.diff(state, wanted);
    expect(diff).toMatchObject({ replace: false, empty: false });
    expect(diff.changes).toContainEqual(expect.objectContaining({ kind: 'add', object: 'node', id: 'c1/worker3', inPlace: true }));
    expect(await api.down('a', options)).toMatchObject({ existed: true });
    expect(await api.list()).toEqual([]);
    await expect(api.read('a')).rejects.toBeInstanceOf(api.LabError);
  });

  it('takes no plain object that JSON cannot hold', async () => {
    await expect(api.plan({ name: 'a', clusters: [{ name: 'c1', cni: new api.BridgeCni() as never }] })).rejects.toThrow(
      '[clusters.0.cni] a BridgeCni cannot be written as JSON',
    );
  });
});
