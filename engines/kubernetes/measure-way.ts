/** Measures one way between places of a cluster's nodes and pods by two programs, one at either end, which start for it. */
import { randomBytes } from 'node:crypto';
import { LabError } from '../../topology/errors.ts';
import type { CommandResult, Measurement, MeasureRequest } from '../port.ts';
import { MEASURE_SCRIPT } from './measure-script.ts';
import { endAllWith } from './time-limit.ts';
import { START_MS, type RunInPlace } from './try-ways.ts';

interface Told {
  readonly what: string;
  readonly words: readonly string[];
}

/**
 * Carries out a request as `engines/port.ts` says. A place that cannot be entered, or has no perl, is a way that failed, with the reason.
 *
 * @param slowness by how much everything takes longer in these places: `run` makes its time limits longer by as much
 */
export async function measureWay(run: RunInPlace, request: MeasureRequest, slowness = 1): Promise<Measurement> {
  const { from, to, family, roundTrips, streamMs, deadlineMs } = request;
  const nonce = randomBytes(8).toString('hex');
  const address = to.addresses.find((one) => one.family === family)?.address ?? '';
  const argv = (mode: 'listen' | 'dial', port: string, ms: number): readonly string[] =>
    ['perl', '-', mode, family, address, port, nonce, (ms * slowness) / 1000, roundTrips, streamMs / 1000].map(String);
  let onPort: (port: string) => void = () => undefined;
  const port = new Promise<string>((resolve) => {
    onPort = resolve;
  });
  // Longer than the other end takes to start and to give up.
  const listensMs = deadlineMs + START_MS;
  const listening = told(
    run(to.netns, argv('listen', '0', listensMs), {
      input: MEASURE_SCRIPT,
      timeoutMs: listensMs + streamMs + START_MS,
      onStderrLine: (line) => {
        if (line.startsWith('port ')) onPort(line.slice('port '.length));
      },
    }),
  );
  const open = await Promise.race([port, listening]);
  if (typeof open !== 'string') return failure(open);
  const dialled = await told(
    run(from.netns, argv('dial', open, deadlineMs), { input: MEASURE_SCRIPT, timeoutMs: (2 + roundTrips) * deadlineMs + streamMs + START_MS }),
  );
  // Nobody is coming: it would listen until its time is up.
  if (dialled.what !== 'trips') await Promise.allSettled([run(to.netns, endAllWith(nonce), { timeoutMs: START_MS })]);
  const listened = await listening;
  if (dialled.what !== 'trips') return failure(dialled);
  const [bytes, us] = listened.words.map(Number);
  const measured = { ...NOTHING, roundTripsUs: dialled.words.map(Number) };
  if (streamMs === 0) return measured;
  if (listened.what !== 'streamed') return { ...failure(listened), roundTripsUs: measured.roundTripsUs };
  return { ...measured, streamedBytes: bytes ?? 0, streamedMs: (us ?? 0) / 1000, failed: (bytes ?? 0) === 0 ? 'stalled' : '' };
}

const NOTHING = { by: 'programs', roundTripsUs: [], streamedBytes: 0, streamedMs: 0, failed: '' } as const satisfies Measurement;

function failure({ what, words }: Told): Measurement {
  return { ...NOTHING, failed: words.join(' ') || `the program said ${what === '' ? 'nothing' : what}` };
}

async function told(running: Promise<CommandResult>): Promise<Told> {
  try {
    const { exitCode, stdout, stderr } = await running;
    const [what = '', ...words] = stdout.trim().split('\t');
    if (what !== '') return { what, words };
    return { what, words: [`no program could be started: ${stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`}`] };
  } catch (error) {
    if (!(error instanceof LabError) || error.code === 'INTERRUPTED') throw error;
    return { what: '', words: [error.message] };
  }
}
