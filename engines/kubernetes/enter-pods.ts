/** Programs in pods that run already, by the API. */
import { LabError } from '../../topology/errors.ts';
import type { Kubectl } from './kubectl.ts';

export interface Entry {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly argv: readonly string[];
  readonly input: string;
  readonly timeoutMs: number;
}

/** kubectl processes at once: each pod probes by eight processes of its own. */
const LANES = 3;

/** The longest that {@link enterPods} may take, in milliseconds: no lane is free while another pod waits. */
export function longestMs(entries: readonly Pick<Entry, 'timeoutMs'>[]): number {
  const limits = entries.map((entry) => entry.timeoutMs);
  return Math.ceil(limits.reduce((sum, ms) => sum + ms, 0) / LANES) + Math.max(0, ...limits);
}

/**
 * Runs a program in each pod. What they printed, joined; of a pod that cannot be entered, or whose program does not end well or in time, `onTrouble` is told
 * why, and what it printed counts. Returns when no program is waited for any more.
 *
 * @throws {LabError} INTERRUPTED
 */
export async function enterPods(
  kubectl: Kubectl,
  entries: readonly Entry[],
  { signal, onTrouble }: { readonly signal: AbortSignal; readonly onTrouble: (entry: Entry, why: string) => void },
): Promise<string> {
  const printed: string[] = [];
  const rest = entries.values();
  const lanes = await Promise.allSettled(
    Array.from({ length: LANES }, async () => {
      for (const entry of rest) {
        const { namespace, pod, container, argv, input, timeoutMs } = entry;
        // A request without an end of its own: the session lasts as long as the program.
        const args = ['exec', '--stdin', '--request-timeout=0', '--namespace', namespace, pod, '--container', container, '--', ...argv];
        try {
          const { exitCode, stdout, stderr } = await kubectl.run(args, { input, timeoutMs, signal, unfinished: true });
          printed.push(stdout);
          if (exitCode !== 0) onTrouble(entry, stderr.trim().split('\n').at(-1) || `exit code ${exitCode}`);
        } catch (error) {
          if (!(error instanceof LabError) || error.code === 'INTERRUPTED') throw error;
          onTrouble(entry, error.message);
        }
      }
    }),
  );
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
  return printed.join('\n');
}
