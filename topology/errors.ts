import type { Diagnostic } from './diagnostic.ts';

/** The closed list of error codes; each has a section in docs/errors.md. */
export type LabErrorCode =
  | 'LAB_INVALID'
  | 'LAB_FILE_NOT_FOUND'
  | 'LAB_FILE_THROWS'
  | 'LAB_FILE_EXPORTS_NOTHING'
  | 'LAB_FILE_TIMEOUT'
  | 'LAB_FILE_SYNTAX'
  | 'LAB_UNKNOWN'
  | 'LAB_EXISTS'
  | 'LAB_LOCKED'
  | 'LAB_LOST'
  | 'TARGET_UNKNOWN'
  | 'REPLACE_NEEDED'
  | 'STATE_NEWER'
  | 'STATE_BROKEN'
  | 'USAGE'
  | 'ENVIRONMENT_LACKS'
  | 'COMMAND_FAILED'
  | 'ENGINE_STEP_FAILED'
  | 'ENGINE_UNSUPPORTED'
  | 'ENGINE_GONE'
  | 'FAULT_UNKNOWN'
  | 'FAULT_NOT_APPLICABLE'
  | 'CLUSTER_UNREACHABLE'
  | 'FORBIDDEN_BY_CLUSTER'
  | 'KUBECONFIG_INVALID'
  | 'NOT_READY'
  | 'CLEANUP_FAILED'
  | 'NAME_TAKEN'
  | 'CIDR_COLLISION'
  | 'IMAGE_MISSING'
  | 'OUTPUT_REFUSED'
  | 'OUTPUT_FAILED'
  | 'UPSTREAM_MISSING'
  | 'UPSTREAM_DIGEST'
  | 'UPSTREAM_UNPINNED'
  | 'UPSTREAM_UNEXPECTED'
  | 'LOCK_INVALID'
  | 'CNI_LIST_INVALID'
  | 'LESSON_MISSING'
  | 'LESSON_TEMPLATE'
  | 'LESSON_COMMAND_FAILED'
  | 'EXERCISE_REFUSED'
  | 'STEP_REFUSED'
  | 'TIMEOUT'
  | 'INTERRUPTED'
  | 'INTERNAL';

export interface LabErrorInit {
  readonly code: LabErrorCode;
  readonly message: string;
  /** The next step, in the imperative. */
  readonly hint: string;
  readonly docs?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Every failure that a user sees. `code` is stable; `hint` says what to do next. */
export class LabError extends Error {
  readonly code: LabErrorCode;
  readonly hint: string;
  readonly docs: string;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(init: LabErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = new.target.name;
    this.code = init.code;
    this.hint = init.hint;
    this.docs = init.docs ?? `docs/errors.md#${init.code.toLowerCase()}`;
    this.details = init.details ?? {};
  }
}

/** The lab file is wrong: carries every diagnostic. */
export class SpecError extends LabError {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[], source: string) {
    const errors = diagnostics.filter((d) => d.severity === 'error').length;
    super({
      code: 'LAB_INVALID',
      message: `${source}: ${errors} ${errors === 1 ? 'problem' : 'problems'}`,
      hint: 'mend each line above; `cnilab validate` checks again without touching the machine',
      details: { diagnostics },
    });
    this.diagnostics = diagnostics;
  }
}

/** This machine lacks something. */
export class EnvironmentError extends LabError {}

/** A process that cnilab ran failed. */
export class CommandError extends LabError {}

/** An engine could not carry out a step. */
export class EngineError extends LabError {}

/** A bug of cnilab itself. */
export class InternalError extends LabError {
  constructor(message: string, cause?: unknown) {
    super({ code: 'INTERNAL', message, hint: 'this is a bug of cnilab: please report it with the command and the lab file', cause });
  }
}
