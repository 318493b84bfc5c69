/** Faults of a node's CNI set-up: pods that run do not notice, the next one does; the commands that mend are run as they are printed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_MATERIALS, type Engine, type EngineHandle, type UpContext } from '../../engines/port.ts';
import { loadEngine } from '../../engines/registry.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { injectFault, undoFault, type UndoPlan } from '../../verify/faults/index.ts';
import type { Report } from '../../verify/report.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { lacking } from '../requires.ts';

const why = lacking('netns', 'plugins');
const NEW_POD = { leftover: /pod default\/echo-3-worker1 .* bridge failed at ADD by list "leftover": .*10\.244\.1\.4/, lost: /"bridge" was not found/ };

describe.skipIf(why !== null)(`the CNI set-up of a node${why === null ? '' : ` (skipped: ${why})`}`, () => {
  const planOf = (perNode: number): LabPlan =>
    planLab({ name: 'setup', clusters: [{ name: 'c1', cni: { type: 'flannel' }, controlPlanes: 1, workers: 1, workloads: [{ name: 'echo', perNode }] }] });
  const [small, large] = [planOf(2), planOf(3)];
  let directory = '';
  let engine: Engine;
  let handle: EngineHandle = { engine: 'netns' };
  const context = (): UpContext => ({
    directory,
    sourceDirectory: directory,
    materials: NO_MATERIALS,
    onEvent: () => {},
    onHandle: async (made) => {
      handle = made;
    },
    signal: new AbortController().signal,
  });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cnilab-setup-'));
    engine = await loadEngine('netns');
    await engine.create(small, context());
  });
  afterAll(async () => {
    await engine.destroy(handle, directory);
    rmSync(directory, { recursive: true, force: true });
  });

  async function inSession<T>(plan: LabPlan, work: (session: Awaited<ReturnType<Engine['open']>>) => Promise<T>): Promise<T> {
    const session = await engine.open(handle, plan);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }
  const inject = async (id: string): Promise<UndoPlan> => await inSession(small, async (session) => await injectFault(session, small, id));
  const undo = async (plan: UndoPlan): Promise<void> => await inSession(small, async (session) => await undoFault(session, plan));
  const verify = async (plan: LabPlan): Promise<Report> => await inSession(plan, async (session) => await verifyLab(session, plan, { deadlineMs: 200 }));
  const verdicts = (report: Report): readonly string[] => report.checks.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id);

  it.each([
    ['leftover-conflist', 'foreign-cni-config', NEW_POD.leftover],
    ['cni-binary-missing', 'cni-binary-missing', NEW_POD.lost],
  ])('%s is %s: what runs is unharmed, a new pod is not attached, and is once it is mended', async (fault, diagnosis, symptom) => {
    const plan = await inject(fault);
    const report = await verify(small);
    expect(verdicts(report)).toEqual(['inventory-cni']);
    expect(report.requirements.map(({ verdict }) => verdict)).toEqual(['pass', 'pass', 'pass']);
    expect(report.diagnoses.map(({ name, where, confidence }) => [name, where, confidence])).toEqual([[diagnosis, ['c1/worker1'], 'certain']]);
    await expect(engine.change(handle, small, large, context())).rejects.toThrow(symptom);

    await undo(plan);
    // What the failed attempt left: a runtime needs the plugin to take a pod down, too.
    await engine.change(handle, large, small, context());
    await engine.change(handle, small, large, context());
    expect((await verify(large)).verdict).toBe('pass');
    await engine.change(handle, large, small, context());
    expect((await verify(small)).verdict).toBe('pass');
  });

  it('both at once are both found, and mended by the commands that the report prints', async () => {
    await inject('leftover-conflist');
    await inject('cni-binary-missing');
    const report = await verify(small);
    expect(report.diagnoses.map(({ name }) => name)).toEqual(['cni-binary-missing', 'foreign-cni-config']);
    for (const { mend } of report.diagnoses) {
      const [before, command] = mend.split(' -- ');
      expect(before).toBe('cnilab exec setup worker1');
      const done = await inSession(small, async (session) => await session.run('node.c1.worker1', (command ?? '').split(' ')));
      expect(done).toMatchObject({ exitCode: 0 });
    }
    expect((await verify(small)).verdict).toBe('pass');
  });
});
