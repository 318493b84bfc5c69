import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { asLoaded } from '../../lab/api.ts';
import { labsDirectory, lockFile } from '../../lab/directories.ts';
import { injectFault } from '../../lab/fault.ts';
import { inTurns } from '../../lab/in-turns.ts';
import { lockLab } from '../../lab/lock.ts';
import { readLab } from '../../lab/read.ts';
import { withScratchLab } from '../../lab/scratch-lab.ts';
import { selfTest, type SelfTestOptions } from '../../lab/selftest.ts';
import { healthyLabs, selfTestLabs } from '../../lab/selftest-labs.ts';
import { up } from '../../lab/up.ts';
import { EnvironmentError, LabError } from '../../topology/errors.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { faultApplies, faultById, faults } from '../../verify/faults/index.ts';
import type { Report } from '../../verify/report.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { modelSession } from '../verify/model-session.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
let engine: FileEngine;
const spec: LabSpec = { name: 'mine', clusters: [{ name: 'c1', cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 2 }] }] };
const chosen = ['ip-forward-off', 'forward-policy-drop'].map(faultById);
/** The engine's commands are kept, so that what is injected is known; the rest is said, not done. */
const injected = (): boolean =>
  engine.commands.filter((one) => one.includes('ip_forward=0')).length > engine.commands.filter((one) => one.includes('ip_forward=1')).length;

let healthyReport: Promise<Report> | undefined;

/** Really a report: of a network that exists only as a function, with a failure put in. */
async function reportOf(name: string, diagnosis: string | null): Promise<Report> {
  const plan = planLab({ ...spec, name });
  const healthy = await (healthyReport ??= verifyLab(modelSession(plan), plan, { protocols: ['tcp'], attempts: 1 }));
  if (diagnosis === null) return healthy;
  const why = { title: '', where: [], confidence: 'certain', evidence: ['so'], ruledOut: [], mend: '', severity: 'fail', checks: [] } as const;
  return {
    ...healthy,
    verdict: 'fail',
    checks: healthy.checks.map((check) => (check.id === 'r1-pod-to-pod' ? { ...check, verdict: 'fail' } : check)),
    diagnoses: [{ ...why, name: diagnosis }],
  };
}
const names = { 'ip-forward-off': 'forwarding-disabled', 'forward-policy-drop': 'forward-policy-drops' } as const;

function test(more: Partial<SelfTestOptions> = {}): ReturnType<typeof selfTest> {
  return selfTest({
    engine: 'file',
    loadEngine: () => Promise.resolve(engine),
    faults: chosen,
    // Healthy, broken by the first fault, broken by the second, healthy.
    verify: async (_session, plan, options) => {
      if (options?.suites === undefined) return await reportOf(plan.name, null);
      return await reportOf(plan.name, names[injected() ? 'ip-forward-off' : 'forward-policy-drop']);
    },
    ...more,
  });
}
const left = (): readonly string[] => {
  try {
    return readdirSync(labsDirectory());
  } catch {
    return [];
  }
};

beforeEach(() => {
  engine = new FileEngine(join(scratch.folder, 'world'));
});

describe('a scratch lab', () => {
  const options = { engine: 'file', loadEngine: (): Promise<FileEngine> => Promise.resolve(engine) };

  it('that cannot be taken down does not hide what went wrong before', async () => {
    engine.destroy = () => Promise.reject(new Error('it stays'));
    await expect(withScratchLab(await asLoaded(spec), options, () => Promise.reject(new Error('the work')))).rejects.toThrow('the work');
    await expect(withScratchLab(await asLoaded(spec), options, () => Promise.resolve('done'))).rejects.toThrow('it stays');
  });
});

describe('the self-test', () => {
  it('tries every fault that applies in a scratch lab, and leaves nothing', async () => {
    const steps: string[] = [];
    const report = await test({
      lab: await asLoaded(spec),
      faults: [...chosen, faultById('vni-mismatch')],
      onEvent: ({ step, phase }) => steps.push(`${phase} ${step}`),
    });
    expect(report).toMatchObject({ verdict: 'pass', labs: [{ name: 'mine', status: 'tested', verifications: 4 }] });
    expect(report.trials.map((one) => [one.lab, one.fault, one.verdict, one.failed])).toEqual([
      ['mine', 'ip-forward-off', 'found', ['r1-pod-to-pod']],
      ['mine', 'forward-policy-drop', 'found', ['r1-pod-to-pod']],
    ]);
    expect(report.matrix.map((row) => row.fault)).toEqual(chosen.map((fault) => fault.id));
    expect(report.untried).toEqual([{ fault: 'vni-mismatch', reason: faultApplies(faultById('vni-mismatch'), planLab(spec)) }]);
    expect(steps).toEqual(['start lab mine', 'end ip-forward-off in mine', 'end forward-policy-drop in mine', 'end lab mine']);
    expect(injected()).toBe(false);
    expect([engine.running(), engine.sessions, left()]).toEqual([[], 0, []]);
  });

  it('fails for a fault that survives or is misnamed', async () => {
    const report = await test({ lab: await asLoaded(spec), verify: async (_session, plan) => await reportOf(plan.name, null) });
    expect(report.verdict).toBe('fail');
    expect(report.trials.map((one) => one.verdict)).toEqual(['survived', 'survived']);
  });

  it('copies a running lab, and leaves it and its faults as they are', async () => {
    await up(await asLoaded(spec), { engine: 'file', loadEngine: () => Promise.resolve(engine) });
    await injectFault('mine', 'ip-forward-off', {}, { loadEngine: () => Promise.resolve(engine) });
    engine.commands.splice(0);
    const before = await readLab('mine', { loadEngine: () => Promise.resolve(engine) });
    const report = await test({ lab: 'mine', faults: chosen.slice(1) });
    expect(report).toMatchObject({ verdict: 'pass', labs: [{ name: 'mine' }] });
    expect(await readLab('mine', { loadEngine: () => Promise.resolve(engine) })).toEqual(before);
    expect(left()).toEqual(['mine']);
    await expect(test({ lab: 'nobody' })).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
  });

  it('injects nothing into a lab that does not verify, and says why', async () => {
    const report = await test({ lab: await asLoaded(spec), verify: async (_session, plan) => await reportOf(plan.name, 'policy-drops') });
    expect(report).toMatchObject({ verdict: 'fail', trials: [], labs: [{ status: 'broken', detail: 'policy-drops at ' }] });
    expect(report.untried.map((one) => one.fault)).toEqual(chosen.map((fault) => fault.id));
    expect([engine.commands, left()]).toEqual([[], []]);
  });

  it('takes a new lab after a fault that could not be undone', async () => {
    let refused = false;
    engine.exitCodeOf = (command) => {
      if (refused || !command.includes('ip_forward=1')) return 0;
      refused = true;
      return 1;
    };
    const report = await test({ lab: await asLoaded(spec) });
    expect(report.trials.map((one) => one.verdict)).toEqual(['broken-off', expect.any(String)]);
    expect(report.trials[0]?.detail).toContain('failed in');
    expect(engine.calls.filter((call) => call === 'create')).toHaveLength(2);
    expect(report.verdict).toBe('fail');
  });

  it('leaves nothing when it is interrupted, and undoes what it had injected', async () => {
    const stop = new AbortController();
    const interrupted = new LabError({ code: 'INTERRUPTED', message: 'interrupted', hint: '' });
    const running = test({
      lab: await asLoaded(spec),
      signal: stop.signal,
      verify: async (_session, plan, options) => {
        if (options?.suites === undefined) return await reportOf(plan.name, null);
        stop.abort(interrupted);
        throw interrupted;
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(injected()).toBe(false);
    expect([engine.running(), engine.sessions, left()]).toEqual([[], 0, []]);
  });

  it("takes down what a self-test that was killed has left, and nothing that is somebody's", async () => {
    const names = { left: 'selftest-00000000000a', kept: 'selftest-00000000000b', own: 'selftest-00000000000c' };
    for (const name of Object.values(names)) await up(await asLoaded({ ...spec, name }), { engine: 'file', loadEngine: () => Promise.resolve(engine) });
    // The lock of who is gone since the machine was started anew; that of a self-test that runs; none.
    const dead = { pid: process.pid, startTime: '1', boot: 'another', id: 'dead', doing: 'selftest' };
    writeFileSync(lockFile(`${names.left}-kept`), JSON.stringify(dead));
    const lock = await lockLab(`${names.kept}-kept`, { doing: 'selftest' });
    const steps: string[] = [];
    const report = await test({ lab: await asLoaded(spec), onEvent: ({ step, phase }) => steps.push(`${phase} ${step}`) });
    expect(report.verdict).toBe('pass');
    expect(left()).toEqual([names.kept, names.own]);
    expect(steps.filter((step) => step.includes('remove'))).toEqual(
      ['start', 'end'].map((phase) => `${phase} remove ${names.left}, which a self-test that was killed has left`),
    );
    expect(readdirSync(dirname(lockFile(names.left)))).toEqual([`${names.kept}-kept.lock`]);
    await lock.release();
  });

  it('says what of it cannot be taken down, goes on, and leaves its lock to the next', async () => {
    const name = 'selftest-00000000000d';
    await up(await asLoaded({ ...spec, name }), { engine: 'file', loadEngine: () => Promise.resolve(engine) });
    writeFileSync(lockFile(`${name}-kept`), JSON.stringify({ pid: process.pid, startTime: '1', boot: 'another', id: 'dead', doing: 'selftest' }));
    const destroy = engine.destroy.bind(engine);
    engine.destroy = async () => {
      engine.destroy = destroy;
      return await Promise.reject(new Error('it is busy'));
    };
    const failed: string[] = [];
    const report = await test({
      lab: await asLoaded(spec),
      onEvent: ({ step, phase, detail = '' }) => {
        if (phase === 'failed') failed.push(`${step}: ${detail}`);
      },
    });
    expect(report.verdict).toBe('pass');
    expect(failed).toEqual([expect.stringMatching(`^remove ${name}, .*: it is busy$`)]);
    expect(existsSync(lockFile(`${name}-kept`))).toBe(true);
  });

  it('leaves labs out that this machine cannot run, unless it can run none', async () => {
    engine.onStep = () => {
      throw new EnvironmentError({ code: 'ENVIRONMENT_LACKS', message: 'lab needs BIRD', hint: '' });
    };
    await expect(test()).rejects.toMatchObject({ code: 'ENVIRONMENT_LACKS', message: expect.stringContaining('lab needs BIRD') });
    let refused = 0;
    engine.onStep = (step) => {
      if (step === 'before' && refused++ === 0) throw new EnvironmentError({ code: 'ENVIRONMENT_LACKS', message: 'lab needs BIRD', hint: '' });
    };
    const report = await test({ width: 1 });
    expect(report.labs.map((one) => one.status)).toEqual(['left out', ...selfTestLabs.slice(1).map(() => 'tested')]);
    expect(left()).toEqual([]);
  });

  it('counts verifications of healthy labs, and fails for one that fails', async () => {
    const report = await test({ clean: healthyLabs.length + 3 });
    expect(report).toMatchObject({ verdict: 'pass', trials: [], matrix: [], untried: [] });
    expect(report.labs.map((one) => one.verifications).slice(0, 4)).toEqual([2, 2, 2, 1]);
    expect(report.labs.reduce((sum, one) => sum + one.verifications, 0)).toBe(healthyLabs.length + 3);
    let refused = 0;
    engine.onStep = (step) => {
      if (step === 'before' && refused++ === 0) throw new EnvironmentError({ code: 'ENVIRONMENT_LACKS', message: 'lab needs BIRD', hint: '' });
    };
    const without = await test({ clean: healthyLabs.length, width: 1 });
    expect(without.labs.map((one) => one.verifications).slice(0, 3)).toEqual([0, 2, 1]);
    expect(without.labs.reduce((sum, one) => sum + one.verifications, 0)).toBe(healthyLabs.length);
    const alarmed = await test({ clean: 2, lab: await asLoaded(spec), verify: async (_session, plan) => await reportOf(plan.name, 'policy-drops') });
    expect(alarmed).toMatchObject({ verdict: 'fail', labs: [{ status: 'broken', detail: '2 of 2 verifications: policy-drops at ' }] });
  });
});

describe('the labs of the self-test', () => {
  const plans = selfTestLabs.map((one) => planLab(one));

  it.each(faults.map((fault) => [fault.id, fault] as const))('one of them can show %s', (_id, fault) => {
    expect(plans.map((plan) => faultApplies(fault, plan))).toContain(true);
  });

  it('are planned, each under its own name, healthy ones of every CNI', () => {
    const all = [...selfTestLabs, ...healthyLabs];
    expect(new Set(all.map((one) => one.name)).size).toBe(all.length);
    const cnis = new Set(healthyLabs.flatMap((one) => planLab(one).clusters.map((cluster) => cluster.cni.type)));
    expect([...cnis].toSorted()).toEqual(['bridge', 'calico', 'flannel', 'kindnet', 'weave']);
  });
});

describe('work in turns', () => {
  it('keeps the order, and works on so many at a time', async () => {
    let now = 0;
    let most = 0;
    const results = await inTurns([3, 1, 2, 1], 2, async (item, index) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, item));
      now -= 1;
      return `${index} ${item}`;
    });
    expect(results).toEqual(['0 3', '1 1', '2 2', '3 1']);
    expect(most).toBe(2);
  });

  it('begins nothing more after a failure, and waits for what was begun', async () => {
    const done: number[] = [];
    const work = inTurns([1, 2, 3, 4], 2, async (item) => {
      await new Promise((resolve) => setTimeout(resolve, item));
      if (item === 1) throw new Error('no');
      done.push(item);
    });
    await expect(work).rejects.toThrow('no');
    expect(done).toEqual([2]);
  });
});
