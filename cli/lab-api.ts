/** The functions under the CLI, each loaded when it is first called. Tests hand in their own. */

export interface LabApi {
  readonly loadLab: typeof import('../lab/load-lab.ts').loadLab;
  readonly validateLab: (...args: Parameters<typeof import('../lab/plan.ts').validateLab>) => Promise<Awaited<ReturnType<typeof import('../lab/plan.ts').validateLab>>>;
  readonly planLabFile: (...args: Parameters<typeof import('../lab/plan.ts').planLabFile>) => Promise<Awaited<ReturnType<typeof import('../lab/plan.ts').planLabFile>>>;
  readonly diffLab: (...args: Parameters<typeof import('../lab/diff.ts').diffLab>) => Promise<Awaited<ReturnType<typeof import('../lab/diff.ts').diffLab>>>;
  readonly up: typeof import('../lab/up.ts').up;
  readonly listLabs: typeof import('../lab/read.ts').listLabs;
  readonly readLab: typeof import('../lab/read.ts').readLab;
  readonly verify: typeof import('../lab/verify.ts').verify;
  readonly down: typeof import('../lab/down.ts').down;
  readonly downAll: typeof import('../lab/down.ts').downAll;
  readonly enterArgv: typeof import('../lab/exec.ts').enterArgv;
  readonly doctor: typeof import('../lab/doctor.ts').doctor;
  readonly initLab: typeof import('../lab/init.ts').initLab;
  readonly listFaults: typeof import('../lab/fault.ts').listFaults;
  readonly injectFault: typeof import('../lab/fault.ts').injectFault;
  readonly undoFaults: typeof import('../lab/fault.ts').undoFaults;
  readonly runAttached: typeof import('../engines/run-attached.ts').runAttached;
}

/** The real ones. */
export const labApi: LabApi = {
  loadLab: async (...args) => (await import('../lab/load-lab.ts')).loadLab(...args),
  validateLab: async (...args) => (await import('../lab/plan.ts')).validateLab(...args),
  planLabFile: async (...args) => (await import('../lab/plan.ts')).planLabFile(...args),
  diffLab: async (...args) => (await import('../lab/diff.ts')).diffLab(...args),
  up: async (...args) => (await import('../lab/up.ts')).up(...args),
  listLabs: async (...args) => (await import('../lab/read.ts')).listLabs(...args),
  readLab: async (...args) => (await import('../lab/read.ts')).readLab(...args),
  verify: async (...args) => (await import('../lab/verify.ts')).verify(...args),
  down: async (...args) => (await import('../lab/down.ts')).down(...args),
  downAll: async (...args) => (await import('../lab/down.ts')).downAll(...args),
  enterArgv: async (...args) => (await import('../lab/exec.ts')).enterArgv(...args),
  doctor: async (...args) => (await import('../lab/doctor.ts')).doctor(...args),
  initLab: async (...args) => (await import('../lab/init.ts')).initLab(...args),
  listFaults: async (...args) => (await import('../lab/fault.ts')).listFaults(...args),
  injectFault: async (...args) => (await import('../lab/fault.ts')).injectFault(...args),
  undoFaults: async (...args) => (await import('../lab/fault.ts')).undoFaults(...args),
  runAttached: async (...args) => (await import('../engines/run-attached.ts')).runAttached(...args),
};

