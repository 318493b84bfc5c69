/** The files of an incarnation on disk: what kind, machines and kubectl are given, and what is needed to find the lab again. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArtifactSet, ClusterArtifacts } from '../../topology/artifacts.ts';
import { EnvironmentError, InternalError } from '../../topology/errors.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';

const LIST = 'artifacts.json';

/** Writes every file below the directory, and the list that {@link readArtifacts} reads. @throws EnvironmentError when the disk does not take them */
export async function writeArtifacts(directory: string, artifacts: ArtifactSet): Promise<void> {
  try {
    for (const { path, content } of artifacts.files) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content, { mode: 0o600 });
    }
    await writeFile(join(directory, LIST), JSON.stringify(artifacts), { mode: 0o600 });
  } catch (cause) {
    throw new EnvironmentError({
      code: 'ENVIRONMENT_LACKS',
      message: `the files of lab ${artifacts.lab} cannot be written to ${directory}: ${(cause as Error).message}`,
      hint: `make room on the disk that holds ${directory}, or set XDG_STATE_HOME to a folder on another`,
      cause,
    });
  }
}

/** The files that the running lab was made of. @throws InternalError when they are gone */
export async function readArtifacts(directory: string): Promise<ArtifactSet> {
  const text = await readFile(join(directory, LIST), 'utf8').catch((cause: unknown) => {
    throw new InternalError(`${directory} holds no list of a lab's files`, cause);
  });
  return JSON.parse(text) as ArtifactSet;
}

/** What the engine must have been given. */
export function given(artifacts: ArtifactSet | null, lab: string): ArtifactSet {
  if (artifacts === null) throw new InternalError(`lab ${lab} has no files for its engine`);
  return artifacts;
}

/** The cluster that files are of. */
export function clusterOf(plan: LabPlan, { name }: Pick<ClusterArtifacts, 'name'>): ClusterPlan {
  const cluster = plan.clusters.find((one) => one.name === name);
  if (cluster === undefined) throw new InternalError(`the files of lab ${plan.name} are of a cluster ${name}, which its plan lacks`);
  return cluster;
}
