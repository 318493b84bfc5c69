/** The functions under the CLI, each loaded when it is first called. Tests hand in their own. */
import type { runAttached } from '../engines/run-attached.ts';
import type { checkAttachments } from '../lab/check.ts';
import type { diffLab } from '../lab/diff.ts';
import type { doctor } from '../lab/doctor.ts';
import type { down, downAll } from '../lab/down.ts';
import type { enterArgv } from '../lab/exec.ts';
import type { injectFault, listFaults, undoFaults } from '../lab/fault.ts';
import type { initLab } from '../lab/init.ts';
import type { kubeconfigOf } from '../lab/kubeconfig.ts';
import type { loadLab } from '../lab/load-lab.ts';
import type { pinUpstream } from '../lab/pin-upstream.ts';
import type { planLabFile, validateLab } from '../lab/plan.ts';
import type { listLabs, readLab } from '../lab/read.ts';
import type { synthesize, synthesizeLab } from '../lab/synth.ts';
import type { up } from '../lab/up.ts';
import type { verify } from '../lab/verify.ts';
import type { removeLeftovers, verifyExisting } from '../lab/verify-existing.ts';
import type { writeArtifacts } from '../lab/write-artifacts.ts';

/** A function that is loaded first, and so answers later. */
type Later<F extends (...args: never[]) => unknown> = (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>;

export interface LabApi {
  readonly loadLab: Later<typeof loadLab>;
  readonly validateLab: Later<typeof validateLab>;
  readonly planLabFile: Later<typeof planLabFile>;
  readonly pinUpstream: Later<typeof pinUpstream>;
  readonly diffLab: Later<typeof diffLab>;
  readonly synthesize: Later<typeof synthesize>;
  readonly synthesizeLab: Later<typeof synthesizeLab>;
  readonly writeArtifacts: Later<typeof writeArtifacts>;
  readonly up: Later<typeof up>;
  readonly listLabs: Later<typeof listLabs>;
  readonly readLab: Later<typeof readLab>;
  readonly verify: Later<typeof verify>;
  readonly verifyExisting: Later<typeof verifyExisting>;
  readonly removeLeftovers: Later<typeof removeLeftovers>;
  readonly checkAttachments: Later<typeof checkAttachments>;
  readonly down: Later<typeof down>;
  readonly downAll: Later<typeof downAll>;
  readonly enterArgv: Later<typeof enterArgv>;
  readonly kubeconfigOf: Later<typeof kubeconfigOf>;
  readonly doctor: Later<typeof doctor>;
  readonly initLab: Later<typeof initLab>;
  readonly listFaults: Later<typeof listFaults>;
  readonly injectFault: Later<typeof injectFault>;
  readonly undoFaults: Later<typeof undoFaults>;
  readonly runAttached: Later<typeof runAttached>;
}

/** The real ones. */
export const labApi: LabApi = {
  loadLab: async (...args) => (await import('../lab/load-lab.ts')).loadLab(...args),
  validateLab: async (...args) => (await import('../lab/plan.ts')).validateLab(...args),
  planLabFile: async (...args) => (await import('../lab/plan.ts')).planLabFile(...args),
  pinUpstream: async (...args) => (await import('../lab/pin-upstream.ts')).pinUpstream(...args),
  diffLab: async (...args) => (await import('../lab/diff.ts')).diffLab(...args),
  synthesize: async (...args) => (await import('../lab/synth.ts')).synthesize(...args),
  synthesizeLab: async (...args) => (await import('../lab/synth.ts')).synthesizeLab(...args),
  writeArtifacts: async (...args) => (await import('../lab/write-artifacts.ts')).writeArtifacts(...args),
  up: async (...args) => (await import('../lab/up.ts')).up(...args),
  listLabs: async (...args) => (await import('../lab/read.ts')).listLabs(...args),
  readLab: async (...args) => (await import('../lab/read.ts')).readLab(...args),
  verify: async (...args) => (await import('../lab/verify.ts')).verify(...args),
  verifyExisting: async (...args) => (await import('../lab/verify-existing.ts')).verifyExisting(...args),
  removeLeftovers: async (...args) => (await import('../lab/verify-existing.ts')).removeLeftovers(...args),
  checkAttachments: async (...args) => (await import('../lab/check.ts')).checkAttachments(...args),
  down: async (...args) => (await import('../lab/down.ts')).down(...args),
  downAll: async (...args) => (await import('../lab/down.ts')).downAll(...args),
  enterArgv: async (...args) => (await import('../lab/exec.ts')).enterArgv(...args),
  kubeconfigOf: async (...args) => (await import('../lab/kubeconfig.ts')).kubeconfigOf(...args),
  doctor: async (...args) => (await import('../lab/doctor.ts')).doctor(...args),
  initLab: async (...args) => (await import('../lab/init.ts')).initLab(...args),
  listFaults: async (...args) => (await import('../lab/fault.ts')).listFaults(...args),
  injectFault: async (...args) => (await import('../lab/fault.ts')).injectFault(...args),
  undoFaults: async (...args) => (await import('../lab/fault.ts')).undoFaults(...args),
  runAttached: async (...args) => (await import('../engines/run-attached.ts')).runAttached(...args),
};
