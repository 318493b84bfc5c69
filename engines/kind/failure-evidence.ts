/** What is kept of a lab on kind that did not come up. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { textWithoutSecrets } from '../../topology/secrets.ts';
import { apiEvidence, explained as explainedWith, keepEvidence as keepIn } from '../kubernetes/failure-evidence.ts';
import type { KubernetesAccess, UpContext } from '../port.ts';
import { containersOf, type Provider } from './container-engine.ts';
import type { KindDeps } from './kind-deps.ts';
import type { EndedNode } from './kind-failure.ts';

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

/** Writes the folder and resolves to its path; null when nothing came of it. */
export async function keepEvidence(deps: KindDeps, failed: Failed): Promise<string | null> {
  return await keepIn(join(deps.evidenceDirectory(), failed.lab), async (folder) => {
    if (failed.kindOutput !== '') await keep(folder, 'kind', failed.kindOutput);
    if (!(await apiEvidence(deps, failed.access, folder))) await nodeLogs(deps, failed, folder);
  });
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

/** What a failure is told as: with the evidence that is kept of it. */
export async function explained(deps: KindDeps, context: Pick<UpContext, 'onEvent' | 'signal'>, failed: Failed, error: unknown): Promise<unknown> {
  return await explainedWith(context, failed.engineName, () => keepEvidence(deps, failed), error);
}
