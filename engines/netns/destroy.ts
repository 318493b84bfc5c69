/** Taking a lab down: the holder, then the incarnation's directory. Needs either of the two, tolerates that both are gone, proves that both are. */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HolderProcess, mayBeStarting, recordedHolder } from './holder.ts';
import { killHolder } from './kill-holder.ts';

/** @throws EngineError when the holder does not end */
export async function endHolder(holder: HolderProcess | null, directory: string): Promise<void> {
  if (holder !== null) await killHolder(holder);
  const doomed = `${directory}.removing`;
  if (existsSync(directory)) {
    // `up` was killed at the very moment at which its holder starts: give it the time to say who it is.
    for (const deadline = performance.now() + STARTING_MS; mayBeStarting(directory) && performance.now() < deadline; ) await sleep(2);
    // From here on a holder that has not written its pid finds no directory, and ends by itself.
    await rm(doomed, { recursive: true, force: true });
    await rename(directory, doomed);
  }
  const recorded = recordedHolder(doomed);
  if (recorded !== null) await killHolder(recorded);
  await rm(doomed, { recursive: true, force: true });
}

/** A holder is ready after 20 ms; on a busy machine later. */
const STARTING_MS = 300;
