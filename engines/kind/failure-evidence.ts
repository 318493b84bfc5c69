/** Keeps what is needed to see why a lab did not come up: one bounded folder per lab, the newest failure only. */
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, EngineError, EnvironmentError, LabError } from '../../topology/errors.ts';
import { textWithoutSecrets } from '../../topology/secrets.ts';
import { collectEvidence } from '../kubernetes/collect-evidence.ts';
import { kubectlFor } from '../kubernetes/kubectl.ts';
import type { KubernetesAccess, UpContext } from '../port.ts';
import { containersOf, type Provider } from './container-engine.ts';
import { interrupted, timedOut } from '../interruption.ts';
import type { KindDeps } from './kind-deps.ts';
import type { EndedNode } from './kind-failure.ts';
import { step } from '../step.ts';

export interface Failed {
  readonly lab: string;
  readonly provider: Provider;
  /** Name of the cluster for kind. */
  readonly engineName: string;
  readonly access: KubernetesAccess;
  /** What kind wrote. */
  readonly kindOutput: string;
}

const NODES = 8;
const LINES = '300';
const TEXT_BYTES = 100_000;

/** Writes the folder and resolves to its path; null when even that fails: the error that is being explained matters more. */
export async function keepEvidence(deps: KindDeps, failed: Failed): Promise<string | null> {
  const directory = join(deps.evidenceDirectory(), failed.lab);
  try {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (failed.kindOutput !== '') await keep(directory, 'kind', failed.kindOutput);
    const { kubeconfig } = failed.access;
    const written = kubeconfig === null ? null : await stat(kubeconfig).catch(() => null);
    if (written === null) await nodeLogs(deps, failed, directory);
    else await collectEvidence(failed.access, kubectlFor(failed.access, deps), join(directory, failed.access.cluster));
    return (await readdir(directory)).length > 0 ? directory : null;
  } catch {
    return null;
  }
}

/** The nodes of a cluster that do not run, with the end of what they wrote. None where the container engine does not answer. */
export async function endedNodes(deps: Pick<KindDeps, 'run'>, provider: Provider, engineName: string): Promise<readonly EndedNode[]> {
  const nodes = (await containersOf(deps, provider, [engineName]).catch(() => [])).filter(({ running }) => !running).slice(0, NODES);
  return await Promise.all(
    nodes.map(async ({ name }) => {
      const logs = await deps.run([provider, 'logs', '--tail', LINES, name], ANSWER);
      return { name, log: `${logs.stdout}${logs.stderr}` };
    }),
  );
}

/** Without an API: what the containers and their units wrote. */
async function nodeLogs(deps: Pick<KindDeps, 'run'>, { provider, engineName }: Failed, directory: string): Promise<void> {
  const nodes = (await containersOf(deps, provider, [engineName])).slice(0, NODES);
  await Promise.all(
    nodes.map(async ({ name, running }) => {
      const logs = await deps.run([provider, 'logs', '--tail', LINES, name], ANSWER);
      const units = running
        ? await deps.run([provider, 'exec', name, 'journalctl', '--no-pager', '--lines', LINES, '-u', 'kubelet', '-u', 'containerd'], ANSWER)
        : null;
      const text = `${logs.stdout}${logs.stderr}\n${units === null ? 'the container does not run\n' : `${units.stdout}${units.stderr}`}`;
      await keep(directory, name, text);
    }),
  );
}

const ANSWER = { timeoutMs: 8000 };

/** The end of a text, without what must stay secret. */
async function keep(directory: string, name: string, text: string): Promise<void> {
  await writeFile(join(directory, `${name}.txt`), textWithoutSecrets(text).slice(-TEXT_BYTES), { mode: 0o600 });
}

/** What a failure is told as: with the evidence that is kept of it, unless somebody who waits stopped the work. */
export async function explained(deps: KindDeps, { onEvent, signal }: Pick<UpContext, 'onEvent' | 'signal'>, failed: Failed, error: unknown): Promise<unknown> {
  if (signal.aborted && !timedOut(signal)) return interrupted(error);
  const evidence = await step(onEvent, 'keep evidence', failed.engineName, () => keepEvidence(deps, failed));
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
