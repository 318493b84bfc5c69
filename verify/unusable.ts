/** Ends whose responder, or whose test of itself, failed: what they send and get says nothing. */
import type { ProbeSummary } from '../engines/port.ts';

/** The first of these ends that could not be used, and why; null where all could. */
export function unusableAmong(unusable: ProbeSummary['unusable'], ids: readonly string[]): string | null {
  const bad = ids.find((id) => unusable[id] !== undefined);
  return bad === undefined ? null : `${bad}: ${unusable[bad] ?? ''}`;
}

/** Says the kernel that a program of the lab has the port already? */
export function isPortTaken(reason: string | null): boolean {
  return reason !== null && /EADDRINUSE|in use|errno 98/i.test(reason);
}
