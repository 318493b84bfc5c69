import type { EngineHandle } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import { labDirectory, makePrivateDirectory } from './directories.ts';
import { writeIncarnation } from './incarnation.ts';
import { cnilabVersion } from './installation.ts';
import { STATE_SCHEMA, type LabState } from './lab-state.ts';
import { makeRunDirectory, removeLabDirectory, writeState } from './state-file.ts';
import { contextOf, rememberFailed, sourceOf, type UpJob } from './up-job.ts';

/** After a failure: takes down what was created, or keeps it and says so in the state. The failure itself is what is thrown. */
async function clearFailed(job: UpJob, failed: LabState): Promise<void> {
  if (job.retain) return await retained(job, failed);
  try {
    await job.engine.destroy(failed.handle, failed.directory);
    await removeLabDirectory(failed.name);
  } catch (error) {
    job.onEvent({ step: 'clear', phase: 'failed', detail: `${(error as Error).message}; \`cnilab down ${failed.name}\` tries again` });
    await rememberFailed(job, failed);
  }
}

/** To be looked at: with the names that its nodes and pods really have, as far as the lab can say. */
async function retained(job: UpJob, failed: LabState): Promise<void> {
  const { handle, plan } = failed;
  const observed = handle === null ? null : await job.engine.observe(handle, plan).catch(() => null);
  await rememberFailed(job, { ...failed, ...(observed === null ? {} : { observed }) });
}

/**
 * Creates the lab. At every moment the disk holds what `down` needs: the directory of the incarnation before anything is in it, the handle before
 * what it stands for is used.
 */
export async function createLab(job: UpJob, wanted: LabPlan): Promise<LabState> {
  const { name } = job.spec;
  await makePrivateDirectory(labDirectory(name));
  const directory = await makeRunDirectory(name);
  const at = new Date().toISOString();
  const creating: LabState = {
    schema: STATE_SCHEMA,
    writtenBy: cnilabVersion(),
    name,
    engine: job.engine.name,
    ...(job.owner === undefined ? {} : { owner: job.owner }),
    phase: 'creating',
    createdAt: at,
    updatedAt: at,
    source: sourceOf(job.input),
    spec: job.spec,
    plan: wanted,
    directory,
    handle: null,
    faults: [],
  };
  // On disk while the engine starts, and surely before it uses anything.
  const saved = Promise.all([writeIncarnation({ directory, engine: job.engine.name, handle: null }), writeState(creating)]);
  saved.catch(() => undefined);
  let handle: EngineHandle | null = null;
  const onHandle = async (given: EngineHandle): Promise<void> => {
    handle = given;
    await saved;
    await writeIncarnation({ directory, engine: job.engine.name, handle: given });
  };
  try {
    job.signal.throwIfAborted();
    handle = await job.engine.create(wanted, await contextOf(job, wanted, directory, onHandle));
    await saved;
    const observed = await job.engine.observe(handle, wanted);
    const up: LabState = { ...creating, phase: 'up', updatedAt: new Date().toISOString(), handle, ...(observed === null ? {} : { observed }) };
    await writeState(up);
    return up;
  } catch (error) {
    await saved.catch(() => undefined);
    await clearFailed(job, { ...creating, phase: 'failed', updatedAt: new Date().toISOString(), handle });
    throw error;
  }
}
