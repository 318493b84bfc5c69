/** Docker or Podman, whichever kind uses here: what runs the nodes. */
import { EngineError, EnvironmentError } from '../../topology/errors.ts';
import type { FinishedCommand } from '../run-command.ts';
import type { KindDeps } from './kind-deps.ts';

export const PROVIDERS = ['docker', 'podman'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** What makes kind use the container engine that was looked at, whatever it would find. */
export const providerVariable = (provider: Provider): Readonly<Record<string, string>> => ({ KIND_EXPERIMENTAL_PROVIDER: provider });

/** Labels that kind gives every container of a cluster. */
export const CLUSTER_LABEL = 'io.x-k8s.kind.cluster';
export const ROLE_LABEL = 'io.x-k8s.kind.role';

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly cluster: string;
  readonly role: string;
  readonly running: boolean;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Where its files come from, by path inside of it. */
  readonly mounts: Readonly<Record<string, string>>;
}

/** What `inspect` prints of a container, as far as it is read; the two engines agree on it. */
interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Created: string;
  readonly State: { readonly Running?: boolean };
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null };
  readonly Mounts?: readonly { readonly Source?: string; readonly Destination: string }[];
}

/** Every container of these clusters, running or not. A container that goes away meanwhile is left out. @throws EngineError when the engine does not answer */
export async function containersOf(deps: Pick<KindDeps, 'run'>, provider: Provider, clusters: readonly string[]): Promise<readonly Container[]> {
  // Filters of one label are joined by AND, so one of all clusters is left to choose from here.
  const listed = answered(
    provider,
    await deps.run([provider, 'ps', '--all', '--no-trunc', '--quiet', '--filter', `label=${CLUSTER_LABEL}`], { timeoutMs: ANSWER_MS }),
  );
  const ids = listed.stdout.split('\n').filter((id) => id !== '');
  if (ids.length === 0) return [];
  const inspected = answeredOfMost(provider, await deps.run([provider, 'inspect', '--type', 'container', ...ids], { timeoutMs: ANSWER_MS }));
  return parsed(`${provider} inspect`, () => parseContainers(inspected.stdout || '[]')).filter(({ cluster }) => clusters.includes(cluster));
}

/** Reads what `docker inspect` or `podman inspect` printed. */
export function parseContainers(json: string): readonly Container[] {
  return (JSON.parse(json) as readonly Inspected[]).map(({ Id, Name, Created, State, Config, Mounts }) => ({
    id: Id,
    name: Name.replace(/^\//, ''),
    cluster: Config.Labels?.[CLUSTER_LABEL] ?? '',
    role: Config.Labels?.[ROLE_LABEL] ?? '',
    running: State.Running === true,
    createdAt: Created,
    mounts: Object.fromEntries((Mounts ?? []).map(({ Source, Destination }) => [Destination, Source ?? ''])),
  }));
}

/** Removes containers and their anonymous volumes; fine for those that are gone. */
export async function removeContainers(deps: Pick<KindDeps, 'run'>, provider: Provider, ids: readonly string[]): Promise<FinishedCommand> {
  return await deps.run([provider, 'rm', '--force', '--volumes', ...ids], { timeoutMs: REMOVE_MS });
}

const ANSWER_MS = 30_000;
const REMOVE_MS = 120_000;

/** @throws EngineError when a question to the container engine failed; EnvironmentError when it is not installed */
export function answered(provider: Provider, result: FinishedCommand): FinishedCommand {
  if (result.exitCode === 0) return result;
  const init = {
    message: `${provider} does not answer: ${lastLine(result)}`,
    hint: `start it (\`sudo systemctl start ${provider}\`), or let your user reach it, then run the command again`,
  };
  throw result.exitCode === 127
    ? new EnvironmentError({ ...init, code: 'ENVIRONMENT_LACKS' })
    : new EngineError({ ...init, code: 'ENGINE_STEP_FAILED', details: { stderr: result.stderr } });
}

/** What both engines say of a thing that was listed and is gone by now; Podman counts its complaints before. */
const GONE = /no such (object|container|network)|network \S+ not found|errors? occurred/i;

/** As {@link answered}, but fine when all that is missing went away meanwhile: the others are printed all the same. */
export function answeredOfMost(provider: Provider, result: FinishedCommand): FinishedCommand {
  const said = result.stderr.split('\n').filter((line) => line.trim() !== '');
  return result.failure === '' && said.length > 0 && said.every((line) => GONE.test(line)) ? result : answered(provider, result);
}

/** Reads what a program printed. @throws EngineError that names the program when it is not what it should be */
export function parsed<T>(program: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new EngineError({
      code: 'ENGINE_STEP_FAILED',
      message: `\`${program}\` printed what cannot be read: ${(cause as Error).message}`,
      hint: 'run the command again; when it stays, run the program above by hand to see what it prints',
      cause,
    });
  }
}

/** The last line that a program wrote, or why it did not run. */
export function lastLine({ stdout, stderr, failure, exitCode }: FinishedCommand): string {
  return `${stdout}\n${stderr}`.trim().split('\n').at(-1)?.trim() || failure || `exit code ${exitCode}`;
}
