/**
 * cnilab: labs for Kubernetes networking. Lab files import the constructs from here, and programs the functions under the command line: JSON
 * in, JSON out. Every function loads what it needs when it is called, so that a lab file costs no more than its constructs.
 */
import type { Capability } from './engines/port.ts';
import type { LabInput } from './lab/api.ts';
import type { LabState } from './lab/lab-state.ts';
import type { DownOptions, DownResult } from './lab/down.ts';
import type { LabSummary, ReadLab } from './lab/read.ts';
import type { UpOptions, UpResult } from './lab/up.ts';
import type { SynthOptions } from './lab/synth.ts';
import type { VerifyLabOptions } from './lab/verify.ts';
import type { ExistingCluster, VerifyExistingOptions } from './lab/verify-existing.ts';
import type { ArtifactSet } from './topology/artifacts.ts';
import type { Diagnostic } from './topology/diagnostic.ts';
import type { PlanDiff } from './topology/diff.ts';
import type { LabPlan } from './topology/plan.ts';
import type { Report } from './verify/report.ts';

export * from './constructs/index.ts';
export { CommandError, EngineError, EnvironmentError, InternalError, LabError, SpecError, type LabErrorCode, type LabErrorInit } from './topology/errors.ts';
export type * from './topology/spec.ts';
export type * from './topology/docker/docker-plan.ts';
export type * from './topology/docker/docker-spec.ts';
export type * from './topology/lesson/lesson.ts';
export type * from './topology/plan.ts';
export type * from './topology/services/service-plan.ts';
export type { Diagnostic } from './topology/diagnostic.ts';
export type { PlanChange, PlanDiff } from './topology/diff.ts';
export type { Capability, EngineEvent, EngineHandle, FidelityStatement, OnEvent } from './engines/port.ts';
export type { LabInput } from './lab/api.ts';
export type { DownOptions, DownResult } from './lab/down.ts';
export type { LabState } from './lab/lab-state.ts';
export type { LabStatus, LabSummary, ReadLab } from './lab/read.ts';
export type { UpOptions, UpResult } from './lab/up.ts';
export type { SynthOptions } from './lab/synth.ts';
export type { VerifyLabOptions } from './lab/verify.ts';
export type { ExistingCluster, VerifyExistingOptions } from './lab/verify-existing.ts';
export type * from './topology/artifacts.ts';
export type * from './verify/report.ts';

/**
 * Every problem of a lab, errors and warnings, without touching the machine.
 *
 * @throws LabError when a file cannot be loaded
 */
export async function validate(lab: LabInput): Promise<readonly Diagnostic[]> {
  const [{ validateLab }, { asLoaded }] = await Promise.all([import('./lab/plan.ts'), import('./lab/api.ts')]);
  return validateLab(await asLoaded(lab));
}

/**
 * What will exist: every name, address, MAC, MTU and route. The same lab gives the same bytes.
 *
 * @throws SpecError with every diagnostic; LabError when a file cannot be loaded
 */
export async function plan(lab: LabInput, options: { readonly previous?: LabPlan | null } = {}): Promise<LabPlan> {
  const [{ planLabFile }, { asLoaded }] = await Promise.all([import('./lab/plan.ts'), import('./lab/api.ts')]);
  return planLabFile(await asLoaded(lab), options);
}

/** What would change if a running lab became this plan; made with `plan(lab, { previous: running.plan })`, nothing is renumbered. */
export async function diff(running: Pick<LabState, 'plan'>, wanted: LabPlan): Promise<PlanDiff> {
  const { diffPlans } = await import('./topology/diff.ts');
  return diffPlans(running.plan, wanted);
}

/**
 * Brings a lab up, or turns a running one into what is asked for. Idempotent.
 *
 * @throws SpecError; LabError REPLACE_NEEDED, LAB_LOCKED, INTERRUPTED, TIMEOUT; EnvironmentError; EngineError
 */
export async function up(lab: LabInput, options: UpOptions = {}): Promise<UpResult> {
  const [{ up: bringUp }, { asLoaded }] = await Promise.all([import('./lab/up.ts'), import('./lab/api.ts')]);
  return bringUp(await asLoaded(lab), options);
}

/**
 * The state of a lab, and whether it runs.
 *
 * @throws LabError LAB_UNKNOWN, STATE_BROKEN, STATE_NEWER
 */
export async function read(name: string): Promise<ReadLab> {
  const { readLab } = await import('./lab/read.ts');
  return readLab(name);
}

/** All labs of this user. */
export async function list(): Promise<readonly LabSummary[]> {
  const { listLabs } = await import('./lab/read.ts');
  return listLabs();
}

/**
 * Proves the three requirements of the Kubernetes network model on a running lab, and diagnoses what fails.
 *
 * @throws LabError LAB_UNKNOWN, LAB_LOST; EngineError. A requirement that fails is a report, not an error.
 */
export async function verify(name: string, options: VerifyLabOptions = {}): Promise<Report> {
  const { verify: verifyRunning } = await import('./lab/verify.ts');
  return verifyRunning(name, options);
}

/**
 * Proves the requirements on any cluster, from inside and by its API alone. Creates one namespace, removes it, and proves that it is gone.
 *
 * @throws LabError KUBECONFIG_INVALID, CLUSTER_UNREACHABLE, FORBIDDEN_BY_CLUSTER with the rules to grant, NOT_READY, CLEANUP_FAILED
 */
export async function verifyCluster(cluster: ExistingCluster = {}, options: VerifyExistingOptions = {}): Promise<Report> {
  const { verifyExisting } = await import('./lab/verify-existing.ts');
  return verifyExisting(cluster, options);
}

/**
 * Every file that an engine with an API is given for a lab.
 *
 * @throws SpecError with every problem of the lab, and everything that the engine cannot do; LabError UPSTREAM_MISSING, UPSTREAM_DIGEST, UPSTREAM_UNPINNED
 */
export async function synth(lab: LabInput, options: SynthOptions & { readonly engine?: ArtifactSet['engine'] } = {}): Promise<ArtifactSet> {
  const [{ synthesizeLab }, { asLoaded }] = await Promise.all([import('./lab/synth.ts'), import('./lab/api.ts')]);
  const { engine = 'kind', ...rest } = options;
  return (await synthesizeLab(await asLoaded(lab), engine, rest)).artifacts;
}

/**
 * Takes a lab down and proves that nothing is left of it. Fine when there is no such lab.
 *
 * @throws LabError LAB_LOCKED; EngineError naming what is left
 */
export async function down(name: string, options: DownOptions = {}): Promise<DownResult> {
  const { down: takeDown } = await import('./lab/down.ts');
  return takeDown(name, options);
}

/** What this machine can and cannot run, found by trying it; with a plan only what that lab needs. */
export async function doctor(lab: LabPlan | null = null): Promise<readonly Capability[]> {
  const { doctor: examine } = await import('./lab/doctor.ts');
  return examine(lab);
}
