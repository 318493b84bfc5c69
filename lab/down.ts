import { access, writeFile } from 'node:fs/promises';
import type { OnEvent } from '../engines/port.ts';
import { EngineError } from '../topology/errors.ts';
import { destroyIncarnation } from './destroy.ts';
import { labDirectory } from './directories.ts';
import { incarnationsOf } from './incarnation.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { lockLab, sweepLockDrafts } from './lock.ts';
import { labNames, removalMark, removeLabDirectory } from './state-file.ts';

export interface DownOptions {
  readonly onEvent?: OnEvent;
  /** How long a living `up` of the same lab is waited for, in milliseconds. @default 5000 */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

export interface DownResult {
  /** Was there anything of the lab? */
  readonly existed: boolean;
  readonly elapsedMs: number;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Takes a lab down, whatever is left of it: no lab file is needed, nor a readable state. Fine when there is no such lab. The engine proves that
 * nothing is left before the lab's directory is removed.
 *
 * @throws LabError LAB_UNKNOWN for what can be no lab's name; LAB_LOCKED naming the process that works on it; EngineError naming what is left
 */
export async function down(name: string, options: DownOptions = {}): Promise<DownResult> {
  const startedAt = performance.now();
  const elapsedMs = (): number => performance.now() - startedAt;
  const directory = labDirectory(name);
  const onEvent = options.onEvent ?? ((): void => undefined);
  const lock = await lockLab(name, { doing: 'down', waitMs: options.waitMs ?? 5000, ...(options.signal === undefined ? {} : { signal: options.signal }) });
  try {
    await sweepLockDrafts(name);
    if (!(await exists(directory))) return { existed: false, elapsedMs: elapsedMs() };
    onEvent({ step: 'down', phase: 'start', detail: name });
    await writeFile(removalMark(name), '', { mode: 0o600 });
    for (const incarnation of await incarnationsOf(name)) await destroyIncarnation(incarnation, options.loadEngine ?? loadEngine);
    await removeLabDirectory(name);
    onEvent({ step: 'down', phase: 'end', detail: name, ms: elapsedMs() });
    return { existed: true, elapsedMs: elapsedMs() };
  } finally {
    await lock.release();
  }
}

/**
 * Takes every lab down; one that fails does not keep the others up.
 *
 * @returns the names of the labs that were taken down
 * @throws EngineError naming the labs that could not be
 */
export async function downAll(options: DownOptions = {}): Promise<readonly string[]> {
  const names = await labNames();
  const results = await Promise.allSettled(names.map((name) => down(name, options)));
  const failed = results.flatMap((result, index) => (result.status === 'rejected' ? [`${names[index] ?? ''}: ${(result.reason as Error).message}`] : []));
  if (failed.length === 0) return names;
  throw new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: [`${failed.length} of ${names.length} labs could not be taken down:`, ...failed.map((line) => `  ${line}`)].join('\n'),
    hint: '`cnilab down NAME` tries one again',
    details: { failed },
  });
}
