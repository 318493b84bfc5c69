import type { OnEvent } from './port.ts';

/** One step of a longer work, with its time; a failure is told before it is thrown on. `work` may say what it found, shown when it ends. */
export async function step<T>(
  onEvent: OnEvent,
  name: string,
  detail: string,
  work: (progress: (detail: string) => void) => Promise<T>,
  found: (value: T) => string = () => detail,
): Promise<T> {
  const since = performance.now();
  onEvent({ step: name, phase: 'start', detail });
  try {
    const value = await work((text) => onEvent({ step: name, phase: 'progress', detail: text }));
    onEvent({ step: name, phase: 'end', detail: found(value), ms: performance.now() - since });
    return value;
  } catch (error) {
    onEvent({ step: name, phase: 'failed', detail, ms: performance.now() - since });
    throw error;
  }
}
