/** The one way to a Kubernetes API: kubectl, so that every kubeconfig and every credential plugin works. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, EnvironmentError, LabError } from '../../topology/errors.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import type { CommandResult, KubernetesAccess } from '../port.ts';
import { runCommand, type FinishedCommand } from '../run-command.ts';
import { shellWord } from '../../topology/shell-word.ts';

export interface KubectlOptions {
  readonly input?: string;
  /** @default 60000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Ctrl-C at the terminal does not reach it: for what has to be done then all the same. @default false */
  readonly detached?: boolean;
  /** What took too long or was killed is returned with what it printed, and its failure in `stderr`; else that is an error. @default false */
  readonly unfinished?: boolean;
}

export interface Kubectl {
  readonly access: KubernetesAccess;
  /** `access.slowness`, 1 where it says none. */
  readonly slowness: number;
  /**
   * Runs kubectl with the flags of the access. What the API answers with an error is returned, with kubectl's exit code.
   * @throws {LabError} CLUSTER_UNREACHABLE, FORBIDDEN_BY_CLUSTER, KUBECONFIG_INVALID, ENVIRONMENT_LACKS, INTERRUPTED, COMMAND_FAILED when it took too long
   */
  run(args: readonly string[], options?: KubectlOptions): Promise<CommandResult>;
  /**
   * The standard output.
   * @throws {LabError} as {@link Kubectl.run}, and COMMAND_FAILED when kubectl failed
   */
  text(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /**
   * The standard output, parsed. The caller says what `-o json` or `--raw` prints.
   * @throws {LabError} as {@link Kubectl.text}
   */
  json<T>(args: readonly string[], options?: KubectlOptions): Promise<T>;
  /**
   * Creates objects in one call, in their order; faster than apply, for objects of names that nobody else uses. What the API server does not know of them it
   * leaves out: they are this package's own.
   * @throws {LabError} as {@link Kubectl.text}
   */
  create(objects: readonly KubernetesObject[], options?: KubectlOptions): Promise<void>;
  /**
   * {@link patient} for as long as this cluster's API server may take for a bad moment: an emulated one is silent for minutes.
   * @throws {LabError} what `work` throws
   */
  patiently<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** What tests put in the place of a process. */
export interface KubectlDeps {
  readonly run: (argv: readonly [string, ...string[]], options: KubectlOptions) => Promise<FinishedCommand>;
}

const TIMEOUT_MS = 60_000;
/** Of one request; a kubectl call makes several. */
const REQUEST_TIMEOUT_S = 20;

/** kubectl for one cluster. Starts nothing yet. */
export function kubectlFor(access: KubernetesAccess, deps: KubectlDeps = { run: runCommand }): Kubectl {
  const slowness = access.slowness ?? 1;
  const flags = [
    ...(access.kubeconfig === null ? [] : [`--kubeconfig=${access.kubeconfig}`]),
    ...(access.context === null ? [] : [`--context=${access.context}`]),
    `--request-timeout=${REQUEST_TIMEOUT_S * slowness}s`,
  ];
  const run: Kubectl['run'] = async (args, { unfinished = false, ...options } = {}) => {
    const argv: readonly [string, ...string[]] = ['kubectl', ...flags, ...args];
    const result = await deps.run(argv, { ...options, timeoutMs: (options.timeoutMs ?? TIMEOUT_MS) * slowness });
    if (options.signal?.aborted === true) throw interrupted();
    if (result.failure !== '' && result.exitCode === 127) {
      throw new EnvironmentError({
        code: 'ENVIRONMENT_LACKS',
        message: 'kubectl is not installed',
        hint: 'install kubectl: https://kubernetes.io/docs/tasks/tools/',
      });
    }
    if (result.failure !== '') {
      const told = { ...result, stderr: `${result.stderr}${result.failure}` };
      if (unfinished) return told;
      throw commandFailed(argv, told);
    }
    if (result.exitCode !== 0) {
      const error = accessError(access, result.stderr);
      if (error !== null) throw error;
    }
    return result;
  };
  const text: Kubectl['text'] = async (args, options) => {
    const result = await run(args, options);
    if (result.exitCode !== 0) throw commandFailed(['kubectl', ...flags, ...args], result);
    return result.stdout;
  };
  const patiently: Kubectl['patiently'] = async (work, signal) => await patient(work, PATIENCE_MS * slowness, signal);
  return {
    access,
    slowness,
    run,
    patiently,
    text,
    json: async <T>(args: readonly string[], options?: KubectlOptions) => JSON.parse(await text(args, options)) as T,
    create: async (objects, options = {}) => {
      // To validate them, kubectl reads the whole OpenAPI document first: half a minute of a machine that is emulated.
      const args = ['create', '--validate=false', '--output=name', '--filename=-'];
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      let again = false;
      const create = async (): Promise<void> => {
        const result = await run(args, { ...options, input });
        // A warning (deprecations, Pod Security) is said besides, of what was made and of what was not.
        const said = result.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Warning:'));
        // What was there already the second time was made by the first one, whose answer was lost.
        if (result.exitCode === 0 || (again && said.length > 0 && said.every((line) => /\(AlreadyExists\)/.test(line)))) return;
        again = true;
        throw commandFailed(['kubectl', ...flags, ...args], result);
      };
      await patiently(create, options.signal);
    },
  };
}

/** How long a bad moment of an API server may take. */
export const PATIENCE_MS = 20_000;
const RETRY_MS = 500;
/** What an API server says in a bad moment: it restarts, its etcd elects a leader, or it has too much to do. */
const PASSING = /etcdserver|timeout|\bEOF\b|leader changed|refused/i;

/**
 * Does a read, or something else that may be done twice, again every {@link RETRY_MS} while the API server has a bad moment, for at most `withinMs` milliseconds
 * after the first failure.
 *
 * @param alsoPasses what else time mends
 *
 * @throws {LabError} what `work` throws: at once when time does not mend it, else the last failure
 */
export async function patient<T>(
  work: () => Promise<T>,
  withinMs: number,
  signal?: AbortSignal,
  alsoPasses: (error: unknown) => boolean = () => false,
): Promise<T> {
  let failedAt: number | null = null;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      failedAt ??= performance.now();
      if (!(passes(error) || alsoPasses(error)) || performance.now() + RETRY_MS - failedAt > withinMs) throw error;
    }
    await sleep(RETRY_MS, undefined, signal === undefined ? {} : { signal }).catch(() => {});
    if (signal?.aborted === true) throw interrupted();
  }
}

/** The message of a command holds its flags, `--request-timeout` among them: only what it said counts. */
function passes(error: unknown): boolean {
  if (!(error instanceof LabError)) return false;
  return error.code === 'CLUSTER_UNREACHABLE' || (error.code === 'COMMAND_FAILED' && PASSING.test(String(error.details['stderr'])));
}

/** A program that runs in a pod is not ended with the kubectl that started it: the kubelet lets it run on. */
const INTERRUPTED_HINT =
  'objects that were created in the cluster were removed; probes in pods of a lab end by themselves when their time is up; run the command again';

/** How an interrupted command ends. */
export function interrupted(): LabError {
  return new LabError({ code: 'INTERRUPTED', message: 'interrupted', hint: INTERRUPTED_HINT });
}

/** What stands in kubectl's way, by the words it uses; the first that fits. */
const REFUSALS: readonly { readonly says: RegExp; readonly error: (name: string, line: string) => LabError }[] = [
  {
    says: /context .* does not exist|context was not found|error loading config file|no configuration has been provided|stat .*: no such file|invalid configuration/i,
    error: (name, line) =>
      new LabError({ code: 'KUBECONFIG_INVALID', message: `${name}: ${line}`, hint: 'name the file by --kubeconfig and one of its contexts by --context' }),
  },
  {
    says: /executable .* not found|exec plugin|getting credentials: exec/i,
    error: (name, line) =>
      new EnvironmentError({ code: 'ENVIRONMENT_LACKS', message: `${name}: ${line}`, hint: 'install the credential plugin that the kubeconfig names' }),
  },
  {
    says: /\(Unauthorized\)|must be logged in|asked for the client to provide credentials/i,
    error: (name, line) =>
      new EnvironmentError({
        code: 'FORBIDDEN_BY_CLUSTER',
        message: `${name} does not accept the credentials: ${line}`,
        hint: 'log in again, or choose another context',
      }),
  },
  {
    says: /\(Forbidden\)|is forbidden: User/i,
    error: (name, line) =>
      new EnvironmentError({
        code: 'FORBIDDEN_BY_CLUSTER',
        message: `${name} refuses: ${line}`,
        hint: 'ask an administrator for the rule that the message names',
      }),
  },
  {
    // What the API server itself reports begins with "Error from server" and says that it can be reached.
    says: /^(?!.*Error from server)(.*(Unable to connect to the server|connection to the server .* was refused|dial (tcp|unix)|no such host|i\/o timeout|TLS handshake|x509:|connection reset|: EOF|context deadline exceeded|network is unreachable|proxyconnect))/im,
    error: (name, line) =>
      new EnvironmentError({
        code: 'CLUSTER_UNREACHABLE',
        message: `${name} does not answer: ${line}`,
        hint: 'check that the cluster runs and that the address in the kubeconfig can be reached from here',
      }),
  },
];

/** The error that a failed kubectl call stands for, when it is one of access; null for every other failure. Pure. */
export function accessError(access: Pick<KubernetesAccess, 'cluster'>, stderr: string): LabError | null {
  for (const { says, error } of REFUSALS) {
    const line = stderr.split('\n').find((one) => says.test(one));
    if (line !== undefined) return error(access.cluster, line.replace(/^(E\d{4} .*?\] |error: |Error from server \(\w+\): )/, '').trim());
  }
  return null;
}

function commandFailed(argv: readonly string[], result: CommandResult): CommandError {
  const tail = result.stderr.trim().split('\n').slice(-40);
  return new CommandError({
    code: 'COMMAND_FAILED',
    message: `${argv.map(shellWord).join(' ')} failed: ${tail.at(-1) ?? `exit code ${result.exitCode}`}`,
    hint: 'run the command above by hand to see what it says',
    details: { exitCode: result.exitCode, stderr: tail },
  });
}
