/** Images: those of this machine, those of a node, and the way from one to the other. A node pulls what it lacks by itself. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, EnvironmentError } from '../../topology/errors.ts';
import { canonicalImage } from '../kubernetes/image-name.ts';
import type { CommandOptions } from '../run-command.ts';
import { lastLine, providerVariable, type Provider } from './container-engine.ts';
import type { KindDeps } from './kind-deps.ts';
import { markedEnvironment } from '../leftover-processes.ts';

type Options = Pick<CommandOptions, 'signal'>;

/** Those among them that are on this machine. */
export async function localImages(
  deps: Pick<KindDeps, 'run'>,
  provider: Provider,
  images: readonly string[],
  options: Options = {},
): Promise<readonly string[]> {
  const found = await Promise.all(
    images.map(async (image) =>
      (await deps.run([provider, 'image', 'inspect', '--format', '{{.Id}}', image], { timeoutMs: ANSWER_MS, ...options })).exitCode === 0 ? [image] : [],
    ),
  );
  return found.flat();
}

/** Names of the images that a node has. */
async function nodeImages(deps: Pick<KindDeps, 'run'>, provider: Provider, node: string, options: Options): Promise<ReadonlySet<string>> {
  const listed = await deps.run([provider, 'exec', node, 'ctr', '--namespace=k8s.io', 'images', 'list', '--quiet'], { timeoutMs: ANSWER_MS, ...options });
  if (listed.exitCode !== 0) {
    throw new EngineError({
      code: 'ENGINE_STEP_FAILED',
      message: `node ${node} does not say which images it has: ${lastLine(listed)}`,
      hint: `\`${provider} exec ${node} ctr --namespace=k8s.io images list\` says more`,
      details: { stderr: listed.stderr },
    });
  }
  return new Set(listed.stdout.split('\n').map((line) => line.trim()));
}

/**
 * The node image, pulled when it is not here. Kind would do so as well, and say less when it fails.
 * @throws EnvironmentError IMAGE_MISSING
 */
export async function pullNodeImage(deps: Pick<KindDeps, 'run'>, provider: Provider, image: string, options: Options): Promise<void> {
  const pulled = await deps.run([provider, 'pull', '--quiet', image], { timeoutMs: PULL_MS, ...options });
  if (pulled.exitCode === 0 || options.signal?.aborted === true) return;
  throw missing(
    [image],
    `cannot be pulled: ${lastLine(pulled)}`,
    'check its name and that its registry can be reached, or choose one that is here: --node-image IMAGE',
  );
}

export function missing(images: readonly string[], why: string, hint: string): EnvironmentError {
  return new EnvironmentError({
    code: 'IMAGE_MISSING',
    message: `${images.length === 1 ? 'image' : 'images'} ${images.join(', ')} ${why}`,
    hint,
    details: { images },
  });
}

/** @throws EnvironmentError IMAGE_MISSING that names those that are to be loaded and are not on this machine */
export function requireLocal(provider: Provider, wanted: readonly string[], local: readonly string[]): void {
  const gone = wanted.filter((image) => !local.includes(image));
  if (gone.length > 0) throw missing(gone, `cannot be loaded: not on this machine (\`${provider} image ls\`)`, `${provider} pull ${gone.join(' ')}`);
}

export interface LoadRequest {
  /** Of the incarnation. */
  readonly directory: string;
  readonly provider: Provider;
  /** Name of the cluster for kind, and one of its nodes: all have the same image, so the same images in it. */
  readonly cluster: string;
  readonly node: string;
  /** What the lab needs: loaded when it is on this machine and not in the node. */
  readonly needed: readonly string[];
  /** What the user wants loaded, whether the node has one of that name or not. */
  readonly wanted: readonly string[];
  readonly offline: boolean;
  readonly signal: AbortSignal;
}

/**
 * Brings images of this machine into the nodes of a cluster. Resolves to those that were loaded.
 * @throws EnvironmentError IMAGE_MISSING when nothing may be fetched and an image is nowhere; EngineError when kind cannot load one
 */
export async function loadImages(deps: Pick<KindDeps, 'run'>, request: LoadRequest): Promise<readonly string[]> {
  const { directory, provider, cluster, node, needed, wanted, offline, signal } = request;
  const inNode = await nodeImages(deps, provider, node, { signal });
  const lacking = needed.filter((image) => !inNode.has(canonicalImage(image)) && !wanted.includes(image));
  const here = await localImages(deps, provider, lacking, { signal });
  const nowhere = lacking.filter((image) => !here.includes(image));
  if (offline && nowhere.length > 0) {
    throw missing(
      nowhere,
      'cannot be used: found neither in the node image nor on this machine, and nothing may be fetched',
      `${provider} pull ${nowhere.join(' ')}, or leave --offline out`,
    );
  }
  const loading = [...new Set([...wanted, ...here])];
  if (loading.length === 0) return [];
  // kind asks docker for the images of this machine, whatever runs the nodes: those of Podman go through a file.
  const archive = join(directory, 'images.tar');
  const commands: readonly (readonly [string, ...string[]])[] =
    provider === 'docker'
      ? [['kind', 'load', 'docker-image', '--name', cluster, ...loading]]
      : [
          ['podman', 'save', '--quiet', '--multi-image-archive', '--output', archive, ...loading],
          ['kind', 'load', 'image-archive', '--name', cluster, archive],
        ];
  try {
    for (const command of commands) {
      const done = await deps.run(command, { env: markedEnvironment(directory, providerVariable(provider)), signal, timeoutMs: LOAD_MS });
      if (signal.aborted) return loading;
      if (done.exitCode === 0) continue;
      throw new EngineError({
        code: 'ENGINE_STEP_FAILED',
        message: `${loading.join(', ')} cannot be loaded into ${cluster}: ${lastLine(done)}`,
        hint: `\`${command.join(' ')}\` says more`,
        details: { stderr: done.stderr },
      });
    }
  } finally {
    await rm(archive, { force: true });
  }
  return loading;
}

/** Images whose tag makes Kubernetes pull them even when they were loaded. */
export function alwaysPulled(images: readonly string[]): readonly string[] {
  return images.filter((image) => canonicalImage(image).endsWith(':latest'));
}

const ANSWER_MS = 30_000;
const PULL_MS = 600_000;
const LOAD_MS = 300_000;
