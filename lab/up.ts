import { NO_MATERIALS, type Engine, type Materials, type OnEvent } from '../engines/port.ts';
import type { Diagnostic } from '../topology/diagnostic.ts';
import { LabError, SpecError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import { diskOf } from '../topology/vm-image.ts';
import { changeLab } from './change-lab.ts';
import { createLab } from './create-lab.ts';
import { labDirectory } from './directories.ts';
import { cacheDirectory } from '../engines/own-directories.ts';
import { refusedByDisk } from './disk.ts';
import type { LabState } from './lab-state.ts';
import { lessonOnOtherEngine } from './lesson/other-engine.ts';
import { DEFAULT_ENGINE, loadEngine, type LoadEngine } from './load-engine.ts';
import type { LoadedLab } from './load-lab.ts';
import { lockLab } from './lock.ts';
import { withOverrides } from './overrides.ts';
import { prepare } from './prepare.ts';
import { readStateFile } from './state-file.ts';
import { clear, planFrom, type UpJob, type UpOutcome } from './up-job.ts';

export interface UpOptions {
  /** @default netns */
  readonly engine?: string;
  /** kind: image of every node; its tag is the Kubernetes version of clusters that name none. vm: absolute path of the folder of a prepared disk, or URL@sha256:HEX of a cloud image. @default as the lab file says */
  readonly nodeImage?: string;
  /** The same, for clusters alone whose file names none. */
  readonly usualNodeImage?: string;
  /** Images by repository, over those of the lab file. */
  readonly images?: Readonly<Record<string, string>>;
  /** Images of this machine to load into the nodes. */
  readonly loadImages?: readonly string[];
  /** Nothing may be fetched. @default false */
  readonly offline?: boolean;
  /** Take a running lab down and bring it up anew where it cannot be changed in place. @default false */
  readonly replace?: boolean;
  /** Keep what there is of a lab that failed to come up, to be looked at. @default false: it is taken down */
  readonly retain?: boolean;
  /** Who keeps the lab, written into its state: a lab of that name that somebody else keeps is left alone. @default the user, who may change every lab */
  readonly owner?: string;
  readonly onEvent?: OnEvent;
  /** Told what the engine does otherwise than the lab file says, before anything is made. */
  readonly onFindings?: (findings: readonly Diagnostic[]) => Promise<void>;
  /** Stops the work; what was created is taken down. */
  readonly signal?: AbortSignal;
  /** As a signal after that many milliseconds. @default none */
  readonly timeoutMs?: number;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

export interface UpResult extends UpOutcome {
  readonly elapsedMs: number;
  /** What the engine does otherwise than the lab file says. */
  readonly findings: readonly Diagnostic[];
}

/** Keeps the addresses of what was there before, unless the lab has become another. */
async function planAfter(job: UpJob, previous: LabState | null): Promise<LabPlan> {
  if (previous === null) return job.fresh;
  const { diffPlans } = await import('../topology/diff.ts');
  const kept = await planFrom(job, previous.plan);
  return diffPlans(previous.plan, kept).replace ? job.fresh : kept;
}

/** Why what is there of a lab that is not up is taken down first. */
function leftover(previous: LabState | null): string {
  if (previous === null || previous.phase === 'creating') return 'an earlier run was interrupted';
  if (previous.phase === 'up') return 'the lab was lost: its processes are gone';
  return `an earlier run left the lab ${previous.phase}`;
}

/** Why a lab is not touched for an owner who does not keep it. */
export function othersLab({ name, engine, owner, source }: LabState): LabError {
  const keeper = owner ?? (source.path === '' ? 'a program' : `\`cnilab up ${source.path}\``);
  return new LabError({
    code: 'LAB_EXISTS',
    message: `there is a lab ${name} already, on engine ${engine}, of ${keeper}`,
    hint: `give this lab another name, or take the other down: \`cnilab down ${name}\``,
    details: { owner: owner ?? null },
  });
}

async function bringUp(job: UpJob): Promise<UpOutcome> {
  const found = await readStateFile(job.spec.name);
  if (found.kind === 'broken') throw found.error;
  const previous = found.kind === 'state' ? found.state : null;
  if (previous !== null && job.owner !== undefined && previous.owner !== job.owner) throw othersLab(previous);
  if (previous?.phase === 'up' && previous.handle !== null) {
    const runningOn = previous.engine === job.engine.name ? job.engine : await job.load(previous.engine);
    if ((await runningOn.status(previous.handle)) === 'up') return changeLab(job, previous, previous.handle);
  }
  const wanted = await planAfter(job, previous);
  if (found.kind !== 'none') await clear(job, leftover(previous));
  return { state: await createLab(job, wanted), outcome: 'created' };
}

async function materialsFor(engine: Engine, plan: LabPlan, source: string, options: UpOptions): Promise<Materials> {
  if (engine.artifacts === null) return NO_MATERIALS;
  const offline = options.offline ?? false;
  const [{ lockOf, synthesize }, { providePlugins }] = await Promise.all([import('./synth.ts'), import('./provide-plugins.ts')]);
  const given = { offline, ...lockOf(source), ...(options.signal === undefined ? {} : { signal: options.signal }) };
  const [artifacts] = await Promise.all([synthesize(plan, engine.artifacts, given), providePlugins(plan, given)]);
  const disk = engine.artifacts === 'vm' ? diskOf(plan) : null;
  return {
    artifacts,
    load: options.loadImages ?? [],
    offline,
    ...(disk?.kind === 'cloud'
      ? { fetchDisk: async (progress) => await (await import('./fetch-disk.ts')).fetchDisk(disk, { ...given, cacheDirectory: cacheDirectory() }, progress) }
      : {}),
  };
}

/** What a stop, asked for or by the clock, is called. */
function stopped(error: unknown, name: string, options: UpOptions, deadline: AbortSignal | null): unknown {
  if (options.signal?.aborted === true) {
    return error instanceof LabError
      ? error
      : new LabError({ code: 'INTERRUPTED', message: `bringing ${name} up was interrupted`, hint: '`cnilab up` starts anew', cause: error });
  }
  if (deadline?.aborted !== true) return error;
  const evidence = error instanceof LabError ? error.details['evidence'] : undefined;
  return new LabError({
    code: 'TIMEOUT',
    message: `lab ${name} was not up after ${(options.timeoutMs ?? 0) / 1000} s`,
    hint: `allow it more time, or look at the last step${typeof evidence === 'string' ? `; what the cluster said is kept in ${evidence}` : ''}`,
    ...(evidence === undefined ? {} : { details: { evidence } }),
    cause: error,
  });
}

/**
 * Brings a lab up. One that is up already becomes what the file says: in place where that is possible, and not at all when nothing differs; one
 * that was lost or interrupted is built anew.
 *
 * @throws SpecError for an invalid lab; LabError REPLACE_NEEDED with every reason; LAB_EXISTS for the lab of another owner; LAB_LOCKED; INTERRUPTED;
 * TIMEOUT; EnvironmentError and EngineError of the engine
 */
export async function up(file: LoadedLab, options: UpOptions = {}): Promise<UpResult> {
  const input = withOverrides(file, options);
  const startedAt = performance.now();
  const load = options.loadEngine ?? loadEngine;
  // Modules load while the lab is looked at.
  const engineComing = load(options.engine ?? DEFAULT_ENGINE);
  engineComing.catch(() => undefined);
  const deadline = options.timeoutMs === undefined ? null : AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, deadline].filter((s) => s !== undefined && s !== null));
  const { spec, plan } = await prepare(input);
  const engine = await engineComing;
  const findings = [...engine.refusals(plan), ...lessonOnOtherEngine(spec, engine.name)];
  const refused = findings.filter((finding) => finding.severity === 'error');
  if (refused.length > 0) throw new SpecError(refused, input.path || spec.name);
  await options.onFindings?.(findings);
  try {
    const lock = await lockLab(spec.name, { doing: 'up', waitMs: 5000, signal });
    try {
      const job: UpJob = {
        input,
        spec,
        fresh: plan,
        engine,
        load,
        onEvent: options.onEvent ?? (() => undefined),
        signal,
        ...(options.owner === undefined ? {} : { owner: options.owner }),
        retain: options.retain ?? false,
        replace: options.replace ?? false,
        wantsImages: engine.artifacts !== null && (options.loadImages ?? []).length > 0,
        materialsFor: (wanted) => materialsFor(engine, wanted, input.path, { ...options, signal }),
      };
      return { ...(await bringUp(job)), findings, elapsedMs: performance.now() - startedAt };
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw stopped(refusedByDisk(error, labDirectory(spec.name)), spec.name, options, deadline);
  }
}
