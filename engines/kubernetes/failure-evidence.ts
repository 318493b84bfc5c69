/** Keeps what is needed to see why a lab did not come up: one bounded folder per lab, the newest failure only. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, EngineError, EnvironmentError, LabError } from '../../topology/errors.ts';
import { interrupted, timedOut } from '../interruption.ts';
import type { KubernetesAccess, UpContext } from '../port.ts';
import { step } from '../step.ts';
import { collectEvidence } from './collect-evidence.ts';
import { kubectlFor } from './kubectl.ts';

/** What an engine writes of a failure into its folder. */
export type WriteEvidence = (folder: string) => Promise<void>;

/** Fills `folder` and resolves to its path; null when nothing came of it or even that failed: the error that is being explained matters more. */
export async function keepEvidence(folder: string, write: WriteEvidence): Promise<string | null> {
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await write(folder);
    return (await readdir(folder)).length > 0 ? folder : null;
  } catch {
    return null;
  }
}

/** What the API of a cluster says, into a folder of its name; false where its kubeconfig has not been written yet. */
export async function apiEvidence(deps: Parameters<typeof kubectlFor>[1], access: KubernetesAccess, folder: string): Promise<boolean> {
  const written = access.kubeconfig === null ? null : await stat(access.kubeconfig).catch(() => null);
  if (written === null) return false;
  await collectEvidence(access, kubectlFor(access, deps), join(folder, access.cluster));
  return true;
}

/** What a failure of `name` is told as: with the evidence that is kept of it, unless somebody who waits stopped the work. */
export async function explained(
  { onEvent, signal }: Pick<UpContext, 'onEvent' | 'signal'>,
  name: string,
  keep: () => Promise<string | null>,
  error: unknown,
): Promise<unknown> {
  if (signal.aborted && !timedOut(signal)) return interrupted(error);
  const evidence = await step(onEvent, 'keep evidence', name, keep);
  return withEvidence(signal.aborted ? interrupted(error) : error, evidence);
}

const CLASSES = [EnvironmentError, CommandError, EngineError] as const;

/** The same error, which names the folder besides. */
export function withEvidence(error: unknown, directory: string | null): unknown {
  if (!(error instanceof LabError) || directory === null) return error;
  return new (CLASSES.find((one) => error instanceof one) ?? LabError)({
    code: error.code,
    message: error.message,
    hint: `${error.hint}\nwhat the cluster said is kept in ${directory}`,
    docs: error.docs,
    details: { ...error.details, evidence: directory },
    cause: error.cause ?? error,
  });
}
