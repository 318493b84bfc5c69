/** A stop that somebody asked for, or the clock. */
import { LabError } from '../topology/errors.ts';

/** How work ends that was stopped. */
export function interrupted(cause?: unknown): LabError {
  return new LabError({ code: 'INTERRUPTED', message: 'interrupted', hint: '`cnilab down` takes away what was made so far', cause });
}

/** @throws LabError INTERRUPTED */
export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw interrupted(signal.reason);
}

/** Did the clock stop it? Then nobody waits at a terminal, and why it took so long is worth a look. */
export function timedOut(signal: AbortSignal): boolean {
  return signal.aborted && signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
}
