import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../../topology/errors.ts';
import type { WireCheckSpec } from '../../topology/lesson/lesson.ts';
import { parseFilter } from '../capture/filter.ts';
import type { Finding, LessonContext } from './check.ts';
import { fill } from './fill.ts';
import { missingProgram, runCommand, type Ran } from './run-command.ts';

const BYTES = 256;
/** Packets are told of some ten milliseconds after they passed. */
const SETTLE_MS = 150;
const ENODEV = 19;

/** Do packets pass on a device, while something goes on? @throws LabError LESSON_TEMPLATE, TARGET_UNKNOWN; USAGE for a filter that is none */
export async function checkWire(context: LessonContext, check: WireCheckSpec): Promise<Finding> {
  const { session, values } = context;
  const at = fill(check.at, values);
  const filter = fill(check.filter, values);
  const dev = check.interface === undefined ? null : fill(check.interface, values);
  const wanted = check.seen ?? true;
  const where = dev === null ? at : `${dev} of ${at}`;
  const expected = `${wanted ? 'packets' : 'no packet'} on ${where}: ${filter}`;
  if (session.follow === undefined) return { verdict: 'inconclusive', expected, seen: 'packets cannot be captured on this engine' };
  const passes = parseFilter(filter);
  const { netns } = context.placeOf(at);
  const end = new AbortController();
  let [matched, seen] = [0, 0];
  let onStart: () => void = () => undefined;
  const started = new Promise<void>((resolve) => {
    onStart = resolve;
  });
  const following = session.follow(
    { netns, dev, bytes: BYTES },
    {
      onStart,
      onPackets: (packets) => {
        seen += packets.length;
        matched += packets.filter((packet) => passes(packet)).length;
      },
      signal: end.signal,
    },
  );
  let ran: Ran;
  let dropped: number;
  try {
    // Where it cannot start, it ends.
    await Promise.race([started, following]);
    ran = await runCommand(context, check.during);
    await sleep(SETTLE_MS);
    end.abort('done');
    dropped = await following;
  } catch (error) {
    if (dev !== null && error instanceof LabError && error.details['errno'] === ENODEV) return { verdict: 'fail', expected, seen: `there is no device ${dev}` };
    throw error;
  } finally {
    end.abort('done');
    await following.catch(() => 0);
  }
  const missing = missingProgram(ran);
  if (missing !== null) return { verdict: 'inconclusive', expected, seen: `${missing} is not on this machine` };
  if (matched === 0 && dropped > 0)
    return { verdict: 'inconclusive', expected, seen: `0 of ${seen} packets, and the kernel had no room for ${dropped} more, of which nothing is known` };
  return { verdict: matched > 0 === wanted ? 'pass' : 'fail', expected, seen: `${matched} of ${seen} packets, while \`${ran.run}\` ran on ${ran.on}` };
}
