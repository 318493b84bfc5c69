import type { CheckResult, Diagnosis, Failure } from '../report.ts';

/** Nothing came through: what else the path would do to a packet cannot be seen. */
const STOPPED: ReadonlySet<Failure['class']> = new Set<Failure['class']>(['refused', 'silent', 'no-route', 'unreachable', 'no-host', 'stalled']);
/** Ways that a person still reads. */
const SHOWN = 4;

/**
 * What a verification could not see because of what it found: one sentence per cause that stops packets, with the ways that it stops. Another fault
 * behind it (translation, sizes, loss, a policy) shows only once it is mended.
 *
 * @param names for each failure, in its order, the name of the diagnosis that explains it
 * @param checks what the checks came to: one that could not be judged for a place that a cause is at is hidden by that cause
 */
export function hiddenBehind(
  diagnoses: readonly Diagnosis[],
  failures: readonly Failure[],
  names: readonly string[],
  checks: readonly Pick<CheckResult, 'id' | 'verdict' | 'reason'>[],
): readonly string[] {
  return diagnoses
    .filter((one) => one.severity === 'fail')
    .flatMap(({ name, where }) => {
      const stopped = failures.filter((failure, at) => names[at] === name && failure.server !== '' && STOPPED.has(failure.class));
      const ways = [...new Set(stopped.map((failure) => `${failure.clientNode} to ${failure.serverNode}`))];
      const unjudged = checks.filter((check) => check.verdict === 'inconclusive' && where.some((id) => check.reason.includes(id))).map((check) => check.id);
      const more = ways.length > SHOWN ? ` and ${ways.length - SHOWN} more ways` : '';
      const hidden = [
        ...(ways.length === 0 ? [] : [`on the way from ${ways.slice(0, SHOWN).join(', ')}${more} packets were stopped`]),
        ...(unjudged.length === 0 ? [] : [`${unjudged.join(', ')} could not be judged`]),
      ];
      return hidden.length === 0 ? [] : [`what is behind ${name} at ${where.join(', ')}, which shows when it is mended: ${hidden.join('; ')}`];
    });
}
