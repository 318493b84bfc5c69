/** Exit codes of the CLI. A failed check outranks an inconclusive one. */
import { LabError, type LabErrorCode } from '../topology/errors.ts';

export const exitCodes = {
  ok: 0,
  checkFailed: 1,
  usage: 2,
  environment: 3,
  engine: 4,
  inconclusive: 5,
  replaceNeeded: 6,
  bug: 70,
  interrupted: 130,
  terminated: 143,
} as const;

/** What help and docs say about each. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'everything asked for was done, every check passed',
  checkFailed: 'a check failed',
  usage: 'wrong usage, an invalid lab, or an unknown lab',
  environment: 'this machine lacks something (cnilab doctor)',
  engine: 'the engine failed, or the time limit was over',
  inconclusive: 'something could not be judged',
  replaceNeeded: 'the change needs --replace',
  bug: 'a bug of cnilab',
  interrupted: 'interrupted (Ctrl-C)',
  terminated: 'terminated (SIGTERM)',
};

const byCode: Readonly<Record<LabErrorCode, number>> = {
  LAB_INVALID: exitCodes.usage,
  LAB_FILE_NOT_FOUND: exitCodes.usage,
  LAB_FILE_THROWS: exitCodes.usage,
  LAB_FILE_EXPORTS_NOTHING: exitCodes.usage,
  LAB_FILE_TIMEOUT: exitCodes.usage,
  LAB_FILE_SYNTAX: exitCodes.usage,
  LAB_UNKNOWN: exitCodes.usage,
  LAB_EXISTS: exitCodes.usage,
  TARGET_UNKNOWN: exitCodes.usage,
  USAGE: exitCodes.usage,
  FAULT_UNKNOWN: exitCodes.usage,
  OUTPUT_REFUSED: exitCodes.usage,
  FAULT_NOT_APPLICABLE: exitCodes.usage,
  KUBECONFIG_INVALID: exitCodes.usage,
  LOCK_INVALID: exitCodes.usage,
  CNI_LIST_INVALID: exitCodes.usage,
  LESSON_MISSING: exitCodes.usage,
  LESSON_TEMPLATE: exitCodes.usage,
  EXERCISE_REFUSED: exitCodes.usage,
  STEP_REFUSED: exitCodes.usage,
  ENVIRONMENT_LACKS: exitCodes.environment,
  UPSTREAM_MISSING: exitCodes.environment,
  UPSTREAM_DIGEST: exitCodes.environment,
  UPSTREAM_UNPINNED: exitCodes.environment,
  UPSTREAM_UNEXPECTED: exitCodes.environment,
  STATE_NEWER: exitCodes.environment,
  ENGINE_UNSUPPORTED: exitCodes.environment,
  OUTPUT_FAILED: exitCodes.environment,
  CLUSTER_UNREACHABLE: exitCodes.environment,
  FORBIDDEN_BY_CLUSTER: exitCodes.environment,
  NAME_TAKEN: exitCodes.environment,
  CIDR_COLLISION: exitCodes.environment,
  IMAGE_MISSING: exitCodes.environment,
  LAB_LOCKED: exitCodes.engine,
  LAB_LOST: exitCodes.engine,
  STATE_BROKEN: exitCodes.engine,
  COMMAND_FAILED: exitCodes.engine,
  ENGINE_STEP_FAILED: exitCodes.engine,
  LESSON_COMMAND_FAILED: exitCodes.engine,
  ENGINE_GONE: exitCodes.engine,
  TIMEOUT: exitCodes.engine,
  NOT_READY: exitCodes.engine,
  CLEANUP_FAILED: exitCodes.engine,
  REPLACE_NEEDED: exitCodes.replaceNeeded,
  INTERRUPTED: exitCodes.interrupted,
  INTERNAL: exitCodes.bug,
};

/** The exit code for whatever a command threw. What is not a {@link LabError} is a bug. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof LabError)) return exitCodes.bug;
  if (error.code === 'INTERRUPTED' && error.details['signal'] === 'SIGTERM') return exitCodes.terminated;
  return byCode[error.code];
}

/** The exit code for a verdict of a verification. */
export function exitCodeOfVerdict(verdict: 'pass' | 'fail' | 'inconclusive'): number {
  return { pass: exitCodes.ok, fail: exitCodes.checkFailed, inconclusive: exitCodes.inconclusive }[verdict];
}
