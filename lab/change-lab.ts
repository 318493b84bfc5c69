import type { EngineHandle } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import { createLab } from './create-lab.ts';
import { writeIncarnation } from './incarnation.ts';
import { cnilabVersion } from './installation.ts';
import type { LabState } from './lab-state.ts';
import { withoutLostExercise } from './lesson/lost-exercise.ts';
import { writeState } from './state-file.ts';
import { clear, contextOf, planFrom, rememberFailed, sourceOf, type UpJob, type UpOutcome } from './up-job.ts';

const now = (): string => new Date().toISOString();
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Turns the running lab into what is wanted. What is refused before leaves it as it is; a failure leaves it as `failed`, to be looked at; the next `up` builds it anew. */
async function change(job: UpJob, found: LabState, handle: EngineHandle, wanted: LabPlan): Promise<LabState> {
  let current = handle;
  const onHandle = async (given: EngineHandle): Promise<void> => {
    current = given;
    await writeIncarnation({ directory: found.directory, engine: found.engine, handle: given });
  };
  const context = await contextOf(job, wanted, found.directory, onHandle);
  await job.engine.mayChange?.(handle, wanted, context);
  const running = await withoutLostExercise(found, job.spec.lesson, job.load);
  await writeState({ ...running, phase: 'changing', updatedAt: now() });
  try {
    await job.engine.change(handle, running.plan, wanted, context);
  } catch (error) {
    // Where nothing but images was to come, the lab is what it was.
    const phase = running.writtenBy === cnilabVersion() && same(running.plan, wanted) ? 'up' : 'failed';
    await rememberFailed(job, { ...running, phase, updatedAt: now(), handle: current });
    throw error;
  }
  const observed = await job.engine.observe(current, wanted);
  const changed: LabState = {
    ...running,
    writtenBy: cnilabVersion(),
    phase: 'up',
    updatedAt: now(),
    source: sourceOf(job.input),
    spec: job.spec,
    plan: wanted,
    handle: current,
    ...(observed === null ? {} : { observed }),
  };
  await writeState(changed);
  return changed;
}

/** Makes a running lab what is asked for: not at all when nothing differs and no images are to be loaded, in place where that is possible, else by replacing it when that is wanted. */
export async function changeLab(job: UpJob, running: LabState, handle: EngineHandle): Promise<UpOutcome> {
  const settled = { ...running, source: sourceOf(job.input), spec: job.spec };
  if (!job.wantsImages && running.engine === job.engine.name && running.writtenBy === cnilabVersion() && same(running.spec, job.spec)) {
    if (!same(running.source, settled.source)) await writeState(settled);
    return { state: settled, outcome: 'unchanged' };
  }
  const wanted = await planFrom(job, running.plan);
  if (!job.wantsImages && running.engine === job.engine.name && same(running.plan, wanted)) {
    const state = await withoutLostExercise(settled, job.spec.lesson, job.load);
    await writeState(state);
    return { state, outcome: 'unchanged' };
  }
  const { diffLab, engineDiffers, engineRefuses, replaceNeeded } = await import('./diff.ts');
  const diff = engineRefuses(engineDiffers(diffLab(running, wanted), running, job.engine.name), running.name, job.engine.replaceReasons(running.plan, wanted));
  if (!diff.replace) return { state: await change(job, running, handle, wanted), outcome: 'changed' };
  if (!job.replace) throw replaceNeeded(running.name, diff);
  await clear(job, 'replacing the running lab');
  return { state: await createLab(job, job.fresh), outcome: 'replaced' };
}
