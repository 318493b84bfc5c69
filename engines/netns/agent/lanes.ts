/** Runs tasks side by side: at most `width` at a time, those of one lane one after the other, in the order in which they came. */
export interface Lanes {
  start(lane: string | null, task: () => Promise<void>): void;
  /** What has not begun never begins. */
  abandon(): void;
  /** When all are done. @throws the first failure; what had not begun by then never begins */
  settled(): Promise<void>;
}

export function createLanes(width: number): Lanes {
  const waiting: { readonly lane: string | null; readonly task: () => Promise<void> }[] = [];
  const busy = new Set<string>();
  let running = 0;
  let failure: { readonly error: unknown } | null = null;
  let wake: (() => void) | null = null;

  const next = (): void => {
    if (failure !== null) waiting.length = 0;
    while (running < width) {
      const at = waiting.findIndex(({ lane }) => lane === null || !busy.has(lane));
      const [entry] = at < 0 ? [] : waiting.splice(at, 1);
      if (entry === undefined) break;
      void run(entry.lane, entry.task);
    }
    if (running === 0 && waiting.length === 0) wake?.();
  };
  const run = async (lane: string | null, task: () => Promise<void>): Promise<void> => {
    running++;
    if (lane !== null) busy.add(lane);
    try {
      await task();
    } catch (error) {
      failure ??= { error };
    }
    running--;
    if (lane !== null) busy.delete(lane);
    next();
  };

  return {
    start(lane, task): void {
      waiting.push({ lane, task });
      next();
    },
    abandon(): void {
      waiting.length = 0;
    },
    async settled(): Promise<void> {
      if (running > 0 || waiting.length > 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      wake = null;
      if (failure !== null) throw failure.error;
    },
  };
}
