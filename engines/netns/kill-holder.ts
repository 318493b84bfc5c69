/** Ending a holder, and proof that it has ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../topology/errors.ts';
import type { HolderProcess } from './holder.ts';
import { bootId, isAlive, processStat } from '../proc-stat.ts';

/**
 * SIGKILL to the holder, PID 1 of its namespace: the kernel ends every process in it before it ends itself, so when it is gone all are gone. Its parent
 * (`unshare`) ends with it. Fine when it is gone already.
 *
 * @throws EngineError when it is still there after 10 s
 */
export async function killHolder({ pid, startTime, bootId: boot }: HolderProcess): Promise<void> {
  const stat = processStat(pid);
  if (stat === null || stat.startTime !== startTime || boot !== bootId()) return;
  const parent = processStat(stat.parent);
  try {
    process.kill(pid, 'SIGKILL');
  } catch (cause) {
    if (isAlive(pid, startTime)) throw remains(pid, `cannot be killed: ${String(cause)}`, cause);
  }
  await untilGone(pid, startTime);
  if (parent !== null && parent.name === 'unshare') await untilGone(parent.pid, parent.startTime);
}

async function untilGone(pid: number, startTime: number): Promise<void> {
  const deadline = performance.now() + KILL_TIMEOUT_MS;
  while (isAlive(pid, startTime)) {
    if (performance.now() > deadline) throw remains(pid, `still there ${KILL_TIMEOUT_MS / 1000} s after SIGKILL`);
    await sleep(1);
  }
}

const KILL_TIMEOUT_MS = 10_000;

function remains(pid: number, what: string, cause?: unknown): EngineError {
  return new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `the lab's holder, process ${pid}, ${what}`,
    hint: `look at \`cat /proc/${pid}/status\`; a holder of another user (root?) needs that user to end it`,
    details: { step: 'destroy', remains: [`process ${pid}`] },
    ...(cause === undefined ? {} : { cause }),
  });
}
