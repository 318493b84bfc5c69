/** What a client's errno means. Numbers index OUTCOMES, because they go into a column. */
import { OUTCOMES, type Outcome } from '../../../topology/outcome.ts';
import { ERRNO } from './sys.ts';

const indexOf = (outcome: Outcome): number => OUTCOMES.indexOf(outcome);

export const OK: number = indexOf('ok');
export const SILENT: number = indexOf('silent');
export const STALLED: number = indexOf('stalled');
export const ERROR: number = indexOf('error');
export const NOT_RUN: number = indexOf('not-run');
/** Not an outcome: the probe is still under way. */
export const WAITING = -1;
/** Not an outcome: there is no descriptor left for its socket. */
export const NO_DESCRIPTOR = -2;

/** A router answers EHOSTUNREACH at once; neighbour discovery that finds nobody takes three seconds (three solicitations, one second apart). */
const AT_ONCE_MS = 1500;

/**
 * @param afterMs since the probe began
 * @param connected true when a TCP handshake was complete
 */
export function outcomeOf(errno: number, afterMs: number, connected: boolean): number {
  switch (errno) {
    case ERRNO.ECONNREFUSED:
      return indexOf('refused');
    case ERRNO.ENETUNREACH:
      return indexOf('no-route');
    case ERRNO.EHOSTUNREACH:
      return indexOf(afterMs < AT_ONCE_MS ? 'unreachable' : 'no-host');
    case ERRNO.EMSGSIZE:
      return indexOf('too-big');
    case ERRNO.ETIMEDOUT:
      return connected ? STALLED : SILENT;
    default:
      return ERROR;
  }
}
