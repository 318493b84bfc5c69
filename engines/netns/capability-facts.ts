/** What all trials share: how a scratch namespace is entered here. */
import { type CommandOptions, type FinishedCommand, runCommand } from '../run-command.ts';
import { SYSTEM_PATH } from '../executables.ts';

export interface HostFacts {
  /** argv prefix that runs a program in fresh network, mount and pid namespaces; null when none can be made. */
  readonly scratch: readonly string[] | null;
  readonly rootless: boolean;
  /** What was said when a namespace was refused, by the way in which it was tried. */
  readonly refusals: { readonly root: string; readonly user: string };
}

const ENV = { PATH: SYSTEM_PATH, LC_ALL: 'C' };
const UNSHARE = ['unshare', '-n', '-m', '-p', '-u', '-i', '-f', '--kill-child'];
const AS_USER = ['unshare', '-U', '-r', ...UNSHARE.slice(1)];

/** Tries both ways of making namespaces. */
export async function hostFacts(): Promise<HostFacts> {
  const [root, user] = await Promise.all([process.geteuid?.() === 0 ? refusal(UNSHARE) : 'not root', refusal(AS_USER)]);
  const rootless = root !== '' || process.env['CNILAB_ROOTLESS'] === '1';
  const scratch = !rootless ? UNSHARE : user === '' ? AS_USER : null;
  return { scratch, rootless, refusals: { root, user } };
}

/** '' when it works. */
async function refusal(prefix: readonly string[]): Promise<string> {
  const tried = await execute([...prefix, 'true']);
  return tried.exitCode === 0 ? '' : saidBy(tried);
}

/** Runs argv in a scratch namespace, which ends with it. */
export async function inScratch(facts: HostFacts, argv: readonly string[], input?: string): Promise<FinishedCommand> {
  if (facts.scratch === null) return { exitCode: 1, stdout: '', stderr: 'no namespaces', failure: '' };
  return await execute([...facts.scratch, ...argv], input === undefined ? {} : { input });
}

/** Runs a program with nothing of the user's environment but the search path. */
export async function execute(argv: readonly string[], options: Pick<CommandOptions, 'input' | 'env' | 'cwd'> = {}): Promise<FinishedCommand> {
  const [program = 'true', ...args] = argv;
  return await runCommand([program, ...args], { ...options, env: { ...ENV, ...options.env }, timeoutMs: 10_000 });
}

/** The last line that a failed program wrote. */
export function saidBy(result: FinishedCommand): string {
  const text = `${result.stdout}\n${result.stderr}`.trim().split('\n').at(-1)?.trim() ?? '';
  return text !== '' ? text : result.failure !== '' ? result.failure : `exit code ${result.exitCode}`;
}
