import type { ArtifactSet, UpstreamFile } from '../topology/artifacts.ts';
import type { Diagnostic } from '../topology/diagnostic.ts';
import { SpecError } from '../topology/errors.ts';
import { kindRefusals } from '../topology/kind-refusals.ts';
import type { LabPlan } from '../topology/plan.ts';
import { upstreamFiles, type UpstreamObjects } from '../topology/upstream.ts';
import { vmRefusals } from '../topology/vm-refusals.ts';
import { cacheDirectory } from '../engines/own-directories.ts';
import type { LoadedLab } from './load-lab.ts';
import { lockPathFor, readLock } from './lock-file.ts';
import { withOverrides, type Overrides } from './overrides.ts';

export interface SynthOptions {
  /** Nothing may be fetched. @default false */
  readonly offline?: boolean;
  /** Where the digests of upstream files are pinned that this package does not know. @default none */
  readonly lockFile?: string;
  /** Stops fetching. */
  readonly signal?: AbortSignal;
}

interface Given {
  readonly upstream: UpstreamObjects;
}

/** How the files of each engine that takes files are made. */
const synthesizers: Readonly<Record<ArtifactSet['engine'], () => Promise<(plan: LabPlan, given: Given) => ArtifactSet>>> = {
  kind: async () => (await import('../constructs/synth/synthesize-kind.ts')).synthesizeKind,
  vm: async () => {
    const [{ synthesizeVm }, { makeVmSecrets }] = await Promise.all([import('../constructs/synth/synthesize-vm.ts'), import('./vm-secrets.ts')]);
    return (plan, given) => synthesizeVm(plan, { ...given, secrets: makeVmSecrets() });
  },
};

const refusals: Readonly<Record<ArtifactSet['engine'], (plan: LabPlan) => readonly Diagnostic[]>> = { kind: kindRefusals, vm: vmRefusals };

/**
 * The files that an engine is given for a plan. Upstream manifests come from the cache, or are fetched into it.
 *
 * @throws SpecError with everything that the engine cannot do; LabError UPSTREAM_MISSING, UPSTREAM_DIGEST, UPSTREAM_UNPINNED
 */
export async function synthesize(plan: LabPlan, engine: ArtifactSet['engine'], options: SynthOptions = {}): Promise<ArtifactSet> {
  const refused = refusals[engine](plan).filter((finding) => finding.severity === 'error');
  if (refused.length > 0) throw new SpecError(refused, plan.name);
  const files = upstreamFiles(plan);
  const [make, upstream] = await Promise.all([synthesizers[engine](), files.length === 0 ? new Map<string, never>() : fetched(files, options)]);
  return make(plan, { upstream });
}

async function fetched(files: readonly UpstreamFile[], options: SynthOptions): Promise<UpstreamObjects> {
  const { fetchUpstream } = await import('./upstream.ts');
  const lock = options.lockFile === undefined ? null : await readLock(options.lockFile);
  const { offline = false, signal } = options;
  return fetchUpstream(files, { lock, offline, cacheDirectory: cacheDirectory(), ...(signal === undefined ? {} : { signal }) });
}

/** The lock file beside a lab file; none for a lab that comes from no file. */
export function lockOf(source: string): Pick<SynthOptions, 'lockFile'> {
  return source === '' ? {} : { lockFile: lockPathFor(source) };
}

export interface SynthesizedLab {
  readonly plan: LabPlan;
  readonly artifacts: ArtifactSet;
  /** Warnings and notes of planning, and of what the engine does otherwise. */
  readonly findings: readonly Diagnostic[];
}

/**
 * Plans a lab file and synthesizes what the engine is given for it.
 *
 * @throws SpecError with every problem of the lab, and everything that the engine cannot do; LabError as `synthesize`
 */
export async function synthesizeLab(file: LoadedLab, engine: ArtifactSet['engine'], options: SynthOptions & Overrides = {}): Promise<SynthesizedLab> {
  const { planLabFile } = await import('./plan.ts');
  const plan = planLabFile(withOverrides(file, options));
  const findings = [...plan.findings, ...refusals[engine](plan)];
  if (findings.some((finding) => finding.severity === 'error')) throw new SpecError(findings, file.path || plan.name);
  return { plan, artifacts: await synthesize(plan, engine, { ...lockOf(file.path), ...options }), findings };
}
