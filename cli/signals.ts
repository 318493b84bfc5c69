/** First Ctrl-C or SIGTERM: stop and save. Second: leave at once. */
import { LabError } from '../topology/errors.ts';
import { exitCodes } from './exit-codes.ts';

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** The part of `process` that is used. */
export interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
}

export interface SignalHandlers {
  readonly first: (reason: LabError) => void;
  readonly second: (exitCode: number) => void;
}

/**
 * Watches until the returned function is called. While {@link Watch.release}d (a program of `exec` owns the terminal) signals are left to that program.
 */
export function watchSignals(source: SignalSource, handlers: SignalHandlers): Watch {
  let seen = 0;
  let released = false;
  const listener = (signal: StopSignal) => (): void => {
    if (released) return;
    seen += 1;
    if (seen === 1) handlers.first(interrupted(signal));
    else handlers.second(signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated);
  };
  const listeners: Record<StopSignal, () => void> = { SIGINT: listener('SIGINT'), SIGTERM: listener('SIGTERM') };
  source.on('SIGINT', listeners.SIGINT);
  source.on('SIGTERM', listeners.SIGTERM);
  return {
    release: () => {
      released = true;
    },
    end: () => {
      source.off('SIGINT', listeners.SIGINT);
      source.off('SIGTERM', listeners.SIGTERM);
    },
  };
}

export interface Watch {
  readonly release: () => void;
  readonly end: () => void;
}

function interrupted(signal: StopSignal): LabError {
  return new LabError({
    code: 'INTERRUPTED',
    message: signal === 'SIGINT' ? 'interrupted' : 'terminated by SIGTERM',
    details: { signal },
    hint: '`cnilab ls` shows what is left of it, if anything; `cnilab down NAME` removes that',
  });
}
