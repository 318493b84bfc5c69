import { CommandError } from '../../topology/errors.ts';
import type { CommandResult } from '../port.ts';
import type { FinishedCommand } from '../run-command.ts';

/** What a program in a place gave. @throws CommandError TIMEOUT for one that the clock ended: what it would have said is not known */
export function endedByItself({ failure, ...result }: FinishedCommand, place: string, argv: readonly string[]): CommandResult {
  // Not there: 127, as a shell says it.
  if (failure === '' || result.exitCode === 127) return result;
  throw new CommandError({
    code: 'TIMEOUT',
    message: `${argv.join(' ')} in ${place} ${failure}`,
    hint: 'a program that goes on by itself needs other streams: `… >/dev/null 2>&1 &`',
  });
}
