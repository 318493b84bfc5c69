import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { NO_MATERIALS, type EngineEvent } from '../../engines/port.ts';
import { asLoaded } from '../../lab/api.ts';
import { changeLab } from '../../lab/change-lab.ts';
import { labDirectory } from '../../lab/directories.ts';
import { refusedByDisk } from '../../lab/disk.ts';
import { enterArgv } from '../../lab/exec.ts';
import { kubeconfigOf } from '../../lab/kubeconfig.ts';
import { listLabs, readLab } from '../../lab/read.ts';
import { up, type UpOptions, type UpResult } from '../../lab/up.ts';
import type { UpJob } from '../../lab/up-job.ts';
import { verify } from '../../lab/verify.ts';
import { EngineError, EnvironmentError } from '../../topology/errors.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
let engine: FileEngine;
const withEngine = { loadEngine: () => Promise.resolve(engine) };
const spec: LabSpec = { name: 'a', clusters: [{ name: 'c1', workers: 1, cni: { type: 'bridge' } }] };
const bringUp = async (options: UpOptions = {}): Promise<UpResult> => up(await asLoaded(spec), { engine: 'file', ...withEngine, ...options });

beforeEach(() => {
  engine = new FileEngine(join(scratch.folder, 'world'));
});

describe('an engine that does not answer', () => {
  it('makes no lab lost: it is listed as it was left, everything else fails, and nothing is taken down', async () => {
    await bringUp();
    const silent = { code: 'ENGINE_STEP_FAILED', message: 'docker does not answer' } as const;
    engine.status = () => Promise.reject(new EngineError({ ...silent, hint: '' }));
    expect(await listLabs(withEngine)).toMatchObject([{ name: 'a', status: 'up' }]);
    await expect(readLab('a', withEngine)).rejects.toMatchObject(silent);
    await expect(bringUp()).rejects.toMatchObject(silent);
    await expect(verify('a', withEngine)).rejects.toMatchObject(silent);
    expect(engine.calls).toEqual(['create']);
    expect(engine.running()).toHaveLength(1);
  });
});

describe('images for a running lab', () => {
  const jobFor = async (wantsImages: boolean): Promise<UpJob> => ({
    input: await asLoaded(spec),
    spec,
    fresh: (await readLab('a', withEngine)).plan,
    engine,
    load: withEngine.loadEngine,
    onEvent: () => undefined,
    signal: new AbortController().signal,
    retain: false,
    replace: false,
    wantsImages,
    materialsFor: () => Promise.resolve(NO_MATERIALS),
  });
  const change = async (wantsImages: boolean): Promise<string> => {
    const { status, ...running } = await readLab('a', withEngine);
    expect(status).toBe('up');
    return running.handle === null ? 'no handle' : (await changeLab(await jobFor(wantsImages), running, running.handle)).outcome;
  };

  it('are a change, even where nothing else differs', async () => {
    await bringUp();
    expect(await change(false)).toBe('unchanged');
    expect(engine.calls).toEqual(['create']);
    expect(await change(true)).toBe('changed');
    expect(engine.calls).toEqual(['create', 'change']);
    expect(await readLab('a', withEngine)).toMatchObject({ status: 'up' });
  });

  it('that cannot be loaded leave the lab up', async () => {
    await bringUp();
    engine.onStep = () => {
      throw new EnvironmentError({ code: 'IMAGE_MISSING', message: 'not here', hint: '' });
    };
    await expect(change(true)).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
    expect(await readLab('a', withEngine)).toMatchObject({ status: 'up' });
  });
});

describe('a lab that failed and was kept', () => {
  beforeEach(async () => {
    engine.onStep = (step) => {
      if (step === 'pods') throw new EngineError({ code: 'NOT_READY', message: 'not ready', hint: '' });
    };
    engine.observe = () => Promise.reject(new Error('there is nothing to see'));
    await expect(bringUp({ retain: true })).rejects.toMatchObject({ code: 'NOT_READY' });
  });

  it('can be entered, and gives its kubeconfig', async () => {
    expect(await readLab('a', withEngine)).toMatchObject({ status: 'failed' });
    expect(await enterArgv('a', 'c1/worker1', ['ip'], withEngine)).toEqual(['enter', expect.any(String), expect.any(String), 'ip']);
    const kubeconfig = scratch.write('k', 'text\n');
    Object.assign(engine, { kubernetes: () => [{ cluster: 'c1', kubeconfig, context: null, onNode: null }] });
    expect(await kubeconfigOf('a', withEngine)).toMatchObject({ text: 'text\n' });
    rmSync(kubeconfig);
    await expect(kubeconfigOf('a', withEngine)).rejects.toMatchObject({ code: 'LAB_LOST', message: expect.stringContaining('ENOENT') as string });
  });

  it('is not verified', async () => {
    await expect(verify('a', withEngine)).rejects.toMatchObject({ code: 'LAB_LOST' });
  });
});

describe('the time that is up', () => {
  it('names the evidence that was kept', async () => {
    engine.onStep = async (step) => {
      if (step !== 'pods') return;
      await new Promise((resolve) => {
        setTimeout(resolve, 300);
      });
      throw new EngineError({ code: 'NOT_READY', message: 'not ready', hint: '', details: { evidence: '/evidence/a' } });
    };
    const error = { code: 'TIMEOUT', hint: expect.stringContaining('/evidence/a') as string, details: { evidence: '/evidence/a' } };
    await expect(bringUp({ timeoutMs: 250 })).rejects.toMatchObject(error);
  });
});

describe('a disk that takes no files', () => {
  const disk = (code: string, more: object = {}): Error => Object.assign(new Error(`${code}: it says`), { code, ...more });

  it.each(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES'])('%s is said with the path, and what to do', async (code) => {
    engine.onStep = () => {
      throw disk(code, { path: '/somewhere/state.json' });
    };
    await expect(bringUp()).rejects.toMatchObject({
      code: 'ENVIRONMENT_LACKS',
      message: expect.stringContaining('/somewhere/state.json') as string,
      hint: expect.stringContaining('XDG_STATE_HOME') as string,
    });
    await expect(bringUp()).rejects.toBeInstanceOf(EnvironmentError);
    expect(engine.running()).toEqual([]);
  });

  it('is named by its folder where the error has no path; other errors stay what they are', () => {
    expect(refusedByDisk(disk('ENOSPC'), '/labs/a')).toMatchObject({ details: { path: '/labs/a', errno: 'ENOSPC' } });
    for (const other of [disk('ENOENT'), disk('EACCES', { syscall: 'spawn kind' }), 'text']) expect(refusedByDisk(other, '/labs/a')).toBe(other);
  });

  it('does not hide why the lab failed', async () => {
    const events: EngineEvent[] = [];
    engine.onStep = (step) => {
      if (step !== 'pods') return;
      rmSync(labDirectory('a'), { recursive: true });
      writeFileSync(labDirectory('a'), 'no folder');
      throw new EngineError({ code: 'NOT_READY', message: 'not ready', hint: '' });
    };
    await expect(bringUp({ retain: true, onEvent: (event) => events.push(event) })).rejects.toMatchObject({ code: 'NOT_READY' });
    expect(events.at(-1)).toMatchObject({ step: 'keep state', phase: 'failed' });
    expect(existsSync(join(labDirectory('a'), 'state.json'))).toBe(false);
  });
});
