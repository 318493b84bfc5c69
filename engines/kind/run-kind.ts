/** `kind create cluster`, and its end when nobody wants it any more. */
import type { ClusterArtifacts } from '../../topology/artifacts.ts';
import type { OnEvent } from '../port.ts';
import { providerVariable, type Provider } from './container-engine.ts';
import { markCreating, unmarkCreating } from './creating-mark.ts';
import { endedNodes } from './failure-evidence.ts';
import { kubeconfigPath } from './handle.ts';
import type { KindDeps } from './kind-deps.ts';
import { throwIfInterrupted } from '../interruption.ts';
import { kindFailure } from './kind-failure.ts';
import { kindSteps } from './kind-steps.ts';
import { markedEnvironment } from '../leftover-processes.ts';

export interface KindRun {
  readonly directory: string;
  readonly provider: Provider;
  readonly files: Pick<ClusterArtifacts, 'engineName' | 'config'>;
  /** Takes every line that kind writes. */
  readonly output: string[];
  readonly onEvent: OnEvent;
  readonly signal: AbortSignal;
}

/**
 * Runs kind. Never with --wait: it looks at control planes only, and without a CNI it only burns the time. --retain: what is removed is decided
 * elsewhere.
 *
 * @throws EnvironmentError and EngineError of {@link kindFailure}; LabError INTERRUPTED
 */
export async function runKind(deps: KindDeps, { directory, provider, files, output, onEvent, signal }: KindRun): Promise<void> {
  throwIfInterrupted(signal);
  await markCreating(directory);
  if (signal.aborted) {
    // Nobody would hear of it any more below, and nothing has begun.
    await unmarkCreating(directory);
    throwIfInterrupted(signal);
  }
  const steps = kindSteps(files.engineName, onEvent);
  const end = new AbortController();
  // kind and what it runs are found and ended together; only then is it known that no container comes any more.
  const stop = async (): Promise<void> => {
    const { complete } = await deps.endProcesses(directory);
    if (complete) await unmarkCreating(directory);
    end.abort();
  };
  let stopping = Promise.resolve();
  const onAbort = (): void => {
    stopping = stop();
  };
  const late = AbortSignal.timeout(deps.createWithinMs);
  const ending = AbortSignal.any([signal, late]);
  ending.addEventListener('abort', onAbort, { once: true });
  const kubeconfig = kubeconfigPath(directory, files.engineName);
  const created = await deps.run(['kind', 'create', 'cluster', '--name', files.engineName, '--config', files.config, '--kubeconfig', kubeconfig, '--retain'], {
    // Paths of mounts in the configuration are relative to this folder.
    cwd: directory,
    env: markedEnvironment(directory, providerVariable(provider)),
    // Ctrl-C must not end the programs that kind runs: the container engine would go on unseen with what they had asked for.
    detached: true,
    signal: end.signal,
    onStderrLine: (line) => {
      output.push(line);
      steps.onLine(line);
    },
  });
  ending.removeEventListener('abort', onAbort);
  await stopping;
  steps.finish();
  throwIfInterrupted(signal);
  if (created.failure === '') await unmarkCreating(directory);
  if (created.exitCode === 0) return;
  const ended = await endedNodes(deps, provider, files.engineName);
  const said = created.stderr === '' ? created.failure : created.stderr;
  throw kindFailure(files.engineName, late.aborted ? `ERROR: took longer than ${deps.createWithinMs / 1000} s\n${said}` : said, created.exitCode, ended);
}
