/** The functions under the CLI, each loaded when it is first called. Tests hand in their own. */
import type { runAttached } from '../engines/run-attached.ts';
import type { capture } from '../lab/capture.ts';
import type { checkAttachments } from '../lab/check.ts';
import type { cniByHand } from '../lab/cni.ts';
import type { compare } from '../lab/compare.ts';
import type { diagnose } from '../lab/diagnose.ts';
import type { diffLab } from '../lab/diff.ts';
import type { doctor } from '../lab/doctor.ts';
import type { down, downAll } from '../lab/down.ts';
import type { collectEvidence } from '../lab/evidence.ts';
import type { enterArgv } from '../lab/exec.ts';
import type { explain } from '../lab/explain.ts';
import type { injectFault, listFaults, undoFaults } from '../lab/fault.ts';
import type { graphLab, graphLabFile } from '../lab/graph.ts';
import type { initLab } from '../lab/init.ts';
import type { kubeconfigOf } from '../lab/kubeconfig.ts';
import type { checkLesson } from '../lab/lesson/check.ts';
import type { beginExercise, giveHint, listExercises } from '../lab/lesson/exercise.ts';
import type { readGrades } from '../lab/lesson/grade.ts';
import type { solveExercise } from '../lab/lesson/solve.ts';
import type { lessonStanding } from '../lab/lesson/standing.ts';
import type { takeSteps } from '../lab/lesson/steps.ts';
import type { undoStep } from '../lab/lesson/undo-step.ts';
import type { loadLab } from '../lab/load-lab.ts';
import type { needsOf } from '../lab/needs.ts';
import type { controlNode } from '../lab/node.ts';
import type { pinUpstream } from '../lab/pin-upstream.ts';
import type { planLabFile, validateLab } from '../lab/plan.ts';
import type { listLabs, readLab } from '../lab/read.ts';
import type { selfTest } from '../lab/selftest.ts';
import type { synthesize, synthesizeLab } from '../lab/synth.ts';
import type { up } from '../lab/up.ts';
import type { verify } from '../lab/verify.ts';
import type { examineExisting, removeLeftovers, verifyExisting } from '../lab/verify-existing.ts';
import type { writeArtifacts } from '../lab/write-artifacts.ts';

/** A function that is loaded first, and so answers later. */
type Later<F extends (...args: never[]) => unknown> = (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>;

export interface LabApi {
  readonly loadLab: Later<typeof loadLab>;
  readonly validateLab: Later<typeof validateLab>;
  readonly planLabFile: Later<typeof planLabFile>;
  readonly needsOf: Later<typeof needsOf>;
  readonly pinUpstream: Later<typeof pinUpstream>;
  readonly diffLab: Later<typeof diffLab>;
  readonly synthesize: Later<typeof synthesize>;
  readonly synthesizeLab: Later<typeof synthesizeLab>;
  readonly writeArtifacts: Later<typeof writeArtifacts>;
  readonly up: Later<typeof up>;
  readonly listLabs: Later<typeof listLabs>;
  readonly readLab: Later<typeof readLab>;
  readonly verify: Later<typeof verify>;
  readonly compare: Later<typeof compare>;
  readonly diagnose: Later<typeof diagnose>;
  readonly explain: Later<typeof explain>;
  readonly collectEvidence: Later<typeof collectEvidence>;
  readonly takeSteps: Later<typeof takeSteps>;
  readonly undoStep: Later<typeof undoStep>;
  readonly lessonStanding: Later<typeof lessonStanding>;
  readonly checkLesson: Later<typeof checkLesson>;
  readonly listExercises: Later<typeof listExercises>;
  readonly beginExercise: Later<typeof beginExercise>;
  readonly giveHint: Later<typeof giveHint>;
  readonly solveExercise: Later<typeof solveExercise>;
  readonly readGrades: Later<typeof readGrades>;
  readonly cniByHand: Later<typeof cniByHand>;
  readonly capture: Later<typeof capture>;
  readonly graphLab: Later<typeof graphLab>;
  readonly graphLabFile: Later<typeof graphLabFile>;
  readonly examineExisting: Later<typeof examineExisting>;
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
  readonly controlNode: Later<typeof controlNode>;
  readonly selfTest: Later<typeof selfTest>;
  readonly runAttached: Later<typeof runAttached>;
}

/** The real ones. */
export const labApi: LabApi = {
  loadLab: async (...args) => (await import('../lab/load-lab.ts')).loadLab(...args),
  validateLab: async (...args) => (await import('../lab/plan.ts')).validateLab(...args),
  planLabFile: async (...args) => (await import('../lab/plan.ts')).planLabFile(...args),
  needsOf: async (...args) => (await import('../lab/needs.ts')).needsOf(...args),
  pinUpstream: async (...args) => (await import('../lab/pin-upstream.ts')).pinUpstream(...args),
  diffLab: async (...args) => (await import('../lab/diff.ts')).diffLab(...args),
  synthesize: async (...args) => (await import('../lab/synth.ts')).synthesize(...args),
  synthesizeLab: async (...args) => (await import('../lab/synth.ts')).synthesizeLab(...args),
  writeArtifacts: async (...args) => (await import('../lab/write-artifacts.ts')).writeArtifacts(...args),
  up: async (...args) => (await import('../lab/up.ts')).up(...args),
  listLabs: async (...args) => (await import('../lab/read.ts')).listLabs(...args),
  readLab: async (...args) => (await import('../lab/read.ts')).readLab(...args),
  verify: async (...args) => (await import('../lab/verify.ts')).verify(...args),
  compare: async (...args) => (await import('../lab/compare.ts')).compare(...args),
  diagnose: async (...args) => (await import('../lab/diagnose.ts')).diagnose(...args),
  explain: async (...args) => (await import('../lab/explain.ts')).explain(...args),
  collectEvidence: async (...args) => (await import('../lab/evidence.ts')).collectEvidence(...args),
  takeSteps: async (...args) => (await import('../lab/lesson/steps.ts')).takeSteps(...args),
  undoStep: async (...args) => (await import('../lab/lesson/undo-step.ts')).undoStep(...args),
  lessonStanding: async (...args) => (await import('../lab/lesson/standing.ts')).lessonStanding(...args),
  checkLesson: async (...args) => (await import('../lab/lesson/check.ts')).checkLesson(...args),
  listExercises: async (...args) => (await import('../lab/lesson/exercise.ts')).listExercises(...args),
  beginExercise: async (...args) => (await import('../lab/lesson/exercise.ts')).beginExercise(...args),
  giveHint: async (...args) => (await import('../lab/lesson/exercise.ts')).giveHint(...args),
  solveExercise: async (...args) => (await import('../lab/lesson/solve.ts')).solveExercise(...args),
  readGrades: async (...args) => (await import('../lab/lesson/grade.ts')).readGrades(...args),
  cniByHand: async (...args) => (await import('../lab/cni.ts')).cniByHand(...args),
  capture: async (...args) => (await import('../lab/capture.ts')).capture(...args),
  graphLab: async (...args) => (await import('../lab/graph.ts')).graphLab(...args),
  graphLabFile: async (...args) => (await import('../lab/graph.ts')).graphLabFile(...args),
  examineExisting: async (...args) => (await import('../lab/verify-existing.ts')).examineExisting(...args),
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
  controlNode: async (...args) => (await import('../lab/node.ts')).controlNode(...args),
  selfTest: async (...args) => (await import('../lab/selftest.ts')).selfTest(...args),
  runAttached: async (...args) => (await import('../engines/run-attached.ts')).runAttached(...args),
};
