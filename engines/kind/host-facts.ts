/** What this machine says of itself, asked for once: all questions side by side. What it means is decided by `trials.ts`. */
import { release } from 'node:os';
import type { FinishedCommand } from '../run-command.ts';
import { lastLine, PROVIDERS, type Provider } from './container-engine.ts';
import type { KindDeps } from './kind-deps.ts';

export interface EngineFacts {
  readonly provider: Provider;
  /** Why it does not answer; '' when it does. */
  readonly problem: string;
  readonly version: string;
  readonly cgroup: '1' | '2' | '';
  readonly memoryBytes: number;
  /** Where images and containers are, on the machine of the engine; '' when not known. */
  readonly folder: string;
}

export interface HostFacts {
  /** Value of KIND_EXPERIMENTAL_PROVIDER that this engine cannot work with; '' otherwise. */
  readonly refusedProvider: string;
  readonly engine: EngineFacts;
  /** '' when it is not there. */
  readonly kind: string;
  readonly kubectl: string;
  /** Capabilities that a process here can have at most: `CapBnd` of /proc/self/status; null where there is no procfs. */
  readonly capabilityBounds: bigint | null;
  readonly inotify: { readonly watches: number | null; readonly instances: number | null };
  readonly freeDiskBytes: number | null;
  /** The daemon's own file asks for a process of Docker's as the first one of every container. */
  readonly dockerInit: boolean;
  /** Has the kernel Open vSwitch, loaded, built in or on disk; null where neither its symbols nor its modules can be read. */
  readonly openvswitch: boolean | null;
}

export async function hostFacts(deps: Pick<KindDeps, 'run' | 'readText'>): Promise<HostFacts> {
  const wanted = process.env['KIND_EXPERIMENTAL_PROVIDER'] ?? '';
  const named = PROVIDERS.find((provider) => provider === wanted);
  const number = async (path: string): Promise<number | null> => {
    const text = await deps.readText(path);
    return text === null ? null : Number(text);
  };
  const [engine, kind, kubectl, status, watches, instances, daemon, symbols, modules] = await Promise.all([
    named === undefined ? firstEngine(deps) : engineFacts(deps, named),
    deps.run(['kind', 'version'], QUESTION),
    deps.run(['kubectl', 'version', '--client', '--output=json'], QUESTION),
    deps.readText('/proc/self/status'),
    number('/proc/sys/fs/inotify/max_user_watches'),
    number('/proc/sys/fs/inotify/max_user_instances'),
    deps.readText('/etc/docker/daemon.json'),
    deps.readText('/proc/kallsyms'),
    deps.readText(`/lib/modules/${release()}/modules.dep`),
  ]);
  return {
    refusedProvider: wanted !== '' && named === undefined ? wanted : '',
    engine,
    kind: /\bv(\d+\.\d+\.\d+\S*)/.exec(kind.stdout)?.[1] ?? '',
    kubectl: kubectlVersion(kubectl),
    capabilityBounds: capabilityBounds(status),
    inotify: { watches, instances },
    freeDiskBytes: engine.folder === '' ? null : await freeDisk(deps, engine.folder),
    dockerInit: /"init"\s*:\s*true/.test(daemon ?? ''),
    openvswitch: kernelHasOpenvswitch(symbols, modules),
  };
}

const QUESTION = { timeoutMs: 15_000 };

/** As kind looks for one: Docker first. */
async function firstEngine(deps: Pick<KindDeps, 'run'>): Promise<EngineFacts> {
  const docker = await engineFacts(deps, 'docker');
  if (docker.problem === '') return docker;
  const podman = await engineFacts(deps, 'podman');
  return podman.problem === '' ? podman : docker;
}

async function engineFacts(deps: Pick<KindDeps, 'run'>, provider: Provider): Promise<EngineFacts> {
  const answer = await deps.run([provider, 'info', '--format', provider === 'docker' ? '{{json .}}' : 'json'], QUESTION);
  const nothing = { provider, version: '', cgroup: '', memoryBytes: 0, folder: '' } as const;
  if (answer.exitCode !== 0) return { ...nothing, problem: lastLine(answer) };
  try {
    return provider === 'docker' ? dockerFacts(answer.stdout) : podmanFacts(answer.stdout);
  } catch (error) {
    return { ...nothing, problem: `\`${provider} info\` prints what is no JSON: ${(error as Error).message}` };
  }
}

interface DockerInfo {
  readonly ServerVersion?: string;
  readonly ServerErrors?: readonly string[];
  readonly CgroupVersion?: string;
  readonly MemTotal?: number;
  readonly DockerRootDir?: string;
}

/** Reads `docker info --format '{{json .}}'`, which may succeed without an engine and then has `ServerErrors`. */
export function dockerFacts(json: string): EngineFacts {
  const info = JSON.parse(json) as DockerInfo;
  return {
    provider: 'docker',
    problem: info.ServerErrors?.[0] ?? (info.ServerVersion === undefined || info.ServerVersion === '' ? 'no engine answers' : ''),
    version: info.ServerVersion ?? '',
    cgroup: cgroupOf(info.CgroupVersion),
    memoryBytes: info.MemTotal ?? 0,
    folder: info.DockerRootDir ?? '',
  };
}

interface PodmanInfo {
  readonly host?: { readonly cgroupVersion?: string; readonly memTotal?: number };
  readonly store?: { readonly graphRoot?: string };
  readonly version?: { readonly Version?: string };
}

/** Reads `podman info --format json`. */
export function podmanFacts(json: string): EngineFacts {
  const info = JSON.parse(json) as PodmanInfo;
  return {
    provider: 'podman',
    problem: '',
    version: info.version?.Version ?? '',
    cgroup: cgroupOf(info.host?.cgroupVersion),
    memoryBytes: info.host?.memTotal ?? 0,
    folder: info.store?.graphRoot ?? '',
  };
}

function cgroupOf(text: string | undefined): EngineFacts['cgroup'] {
  return text === '1' || text === 'v1' ? '1' : text === '2' || text === 'v2' ? '2' : '';
}

function kubectlVersion(answer: FinishedCommand): string {
  return /"gitVersion":\s*"v(\d+\.\d+\.\d+)/.exec(answer.stdout)?.[1] ?? '';
}

/** What is loaded or built in has its functions among the kernel's symbols; what could be loaded is in the list of modules. */
export function kernelHasOpenvswitch(symbols: string | null, modules: string | null): boolean | null {
  if (symbols === null && modules === null) return null;
  return /\bovs_vport_add\b/.test(symbols ?? '') || /\/openvswitch\.ko\b/.test(modules ?? '');
}

/** Reads `CapBnd` of /proc/self/status. */
export function capabilityBounds(status: string | null): bigint | null {
  const hex = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  return hex === undefined ? null : BigInt(`0x${hex}`);
}

async function freeDisk(deps: Pick<KindDeps, 'run'>, folder: string): Promise<number | null> {
  const answer = await deps.run(['df', '-Pk', folder], QUESTION);
  const kilobytes = answer.stdout.trim().split('\n').at(-1)?.trim().split(/\s+/)[3];
  return answer.exitCode === 0 && kilobytes !== undefined ? Number(kilobytes) * 1024 : null;
}
