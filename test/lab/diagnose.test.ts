import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { asLoaded } from '../../lab/api.ts';
import { fileOfArchive } from '../../lab/archive-file.ts';
import { FULL_SIGHT, type EngineHandle, type KubernetesAccess } from '../../engines/port.ts';
import { capture } from '../../lab/capture.ts';
import { diagnose } from '../../lab/diagnose.ts';
import { collectEvidence } from '../../lab/evidence.ts';
import { explain } from '../../lab/explain.ts';
import { graphLab } from '../../lab/graph.ts';
import { up } from '../../lab/up.ts';
import { LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
let engine: FileEngine;
const withEngine = { loadEngine: () => Promise.resolve(engine) };
const spec: LabSpec = {
  name: 'a',
  clusters: [
    {
      name: 'c1',
      cni: { type: 'bridge' },
      workloads: [{ name: 'web', perNode: 1 }],
      objects: [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'door' }, stringData: { password: 'sesame-42' } }],
    },
  ],
};

beforeEach(async () => {
  engine = new FileEngine(join(scratch.folder, 'world'));
  await up(await asLoaded(spec), { engine: 'file', ...withEngine });
});

describe('a diagnosis of a lab by its name', () => {
  it('is refused for one that is not there, for half a way, and for ends that are none; sessions are closed', async () => {
    await expect(diagnose('b', withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
    await expect(diagnose('a', { ...withEngine, from: 'worker1' })).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('worker1 alone') });
    await expect(diagnose('a', { ...withEngine, from: 'nobody', to: 'worker1' })).rejects.toMatchObject({ code: 'TARGET_UNKNOWN' });
    await expect(diagnose('a', withEngine)).rejects.toThrow('a file has no network');
    // An address that nothing has is walked to.
    await expect(diagnose('a', { ...withEngine, from: 'worker1', to: '10.9.9.9' })).rejects.toThrow('a file has no network');
    expect(engine.sessions).toBe(0);
  });
});

describe('kernels that cannot be read', () => {
  it('are no ground for a diagnosis, a walk or a picture, and each says what can be done', async () => {
    const open = engine.open.bind(engine);
    engine.open = async () => ({ ...(await open()), sight: { ...FULL_SIGHT, kernel: false } });
    const refused = (hint: string): object => ({
      code: 'ENGINE_UNSUPPORTED',
      message: 'the kernels of a cannot be read through a session of engine file',
      hint: expect.stringContaining(hint) as string,
    });
    await expect(diagnose('a', withEngine)).rejects.toMatchObject(refused('cnilab evidence a'));
    await expect(diagnose('a', { ...withEngine, from: 'worker1', to: '10.9.9.9' })).rejects.toMatchObject(refused('cnilab evidence a'));
    await expect(explain('a', { ...withEngine, from: 'worker1', to: 'worker1' })).rejects.toMatchObject(refused('engine netns'));
    await expect(graphLab('a', { ...withEngine, running: true })).rejects.toMatchObject(refused('cnilab graph a'));
    expect(engine.sessions).toBe(0);
  });
});

describe('a pod that a cluster has put in the place of another', () => {
  it('is found by its name, by all that asks for places; the one before is gone', async () => {
    const observing = (name: string): void => {
      const named = (plan: LabPlan): LabPlan => ({
        ...plan,
        clusters: plan.clusters.map((cluster) => ({
          ...cluster,
          pods: cluster.pods.map((pod) =>
            pod.node === 'worker1' && pod.name.startsWith('web-') ? { ...pod, name, id: `${pod.cluster}/${pod.namespace}/${name}` } : pod,
          ),
        })),
      });
      Object.assign(engine, { observe: async (_handle: EngineHandle, plan: LabPlan) => await Promise.resolve(named(plan)) });
    };
    observing('web-old');
    await up(await asLoaded({ ...spec, name: 'b' }), { engine: 'file', ...withEngine });
    observing('web-new');
    const gone = { code: 'TARGET_UNKNOWN', message: expect.stringContaining('web-old') as string };
    await expect(diagnose('b', { ...withEngine, from: 'worker1', to: 'web-old' })).rejects.toMatchObject(gone);
    await expect(diagnose('b', { ...withEngine, from: 'worker1', to: 'web-new' })).rejects.toThrow('a file has no network');
    await expect(explain('b', { ...withEngine, from: 'web-old', to: 'worker1' })).rejects.toMatchObject(gone);
    expect(await explain('b', { ...withEngine, from: 'web-new', to: 'worker1' })).toMatchObject({ from: 'c1/default/web-new', arrives: 'no' });
    const onPacket = (): void => undefined;
    await expect(capture('b', 'web-old', { ...withEngine, onPacket })).rejects.toMatchObject(gone);
    await expect(capture('b', 'web-new', { ...withEngine, onPacket })).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED' });
    expect(engine.sessions).toBe(0);
  });
});

describe('evidence', () => {
  it('says what could not be collected, and holds the rest without secrets', async () => {
    await expect(collectEvidence('b', withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
    const { archive, files, cut } = await collectEvidence('a', withEngine);
    expect(engine.sessions).toBe(0);
    expect(cut).toEqual([]);
    const read = (name: string): string => fileOfArchive(archive, `a-evidence/${name}`)?.toString() ?? '';
    expect(read('README.txt')).toMatch(/not collected: a diagnosis: a file has no network\nnot collected: a verification: a file has no network/);
    expect(files).toEqual(expect.arrayContaining(['README.txt', 'lab.json', 'plan.json']));
    expect(read('plan.json')).toContain('"door"');
    expect(read('plan.json')).not.toContain('sesame-42');
    // The same state gives the same bytes.
    expect((await collectEvidence('a', withEngine)).archive).toEqual(archive);
  });

  it('of clusters ends after the one that is asked when it is interrupted, and tells of a cluster that cannot be kept', async () => {
    const access = (cluster: string): KubernetesAccess => ({ cluster, kubeconfig: join(scratch.folder, 'none'), context: null, onNode: null });
    const told: string[] = [];
    const stop = new AbortController();
    Object.assign(engine, { kubernetes: () => [access('c1'), access('c2')] });
    const interrupted = collectEvidence('a', {
      ...withEngine,
      signal: stop.signal,
      onProgress: ({ step, phase }) => {
        told.push(`${phase} ${step}`);
        stop.abort(new LabError({ code: 'INTERRUPTED', message: 'Ctrl-C', hint: '' }));
      },
    });
    await expect(interrupted).rejects.toMatchObject({ code: 'INTERRUPTED', message: 'Ctrl-C' });
    expect(told).toEqual(['start ask cluster c1', 'end ask cluster c1']);
    // A name that no folder can have.
    Object.assign(engine, { kubernetes: () => [access('x'.repeat(300))] });
    const phases: string[] = [];
    await expect(collectEvidence('a', { ...withEngine, onProgress: ({ phase }) => phases.push(phase) })).rejects.toThrow('ENAMETOOLONG');
    expect(phases).toEqual(['start', 'failed']);
  });
});
