/** Progress on stderr: a spinner on a terminal, a plain line per finished step elsewhere, JSON lines with --json, nothing with -q. */
import { duration } from '../report/layout.ts';
import type { Style } from '../report/style.ts';
import type { OutStream } from './streams.ts';

/** An engine's or a verification's event. */
export interface ProgressEvent {
  readonly step: string;
  readonly phase: 'start' | 'progress' | 'end' | 'failed';
  readonly detail?: string;
  readonly ms?: number;
}

export interface Progress {
  readonly onEvent: (event: ProgressEvent) => void;
  /** Takes the spinner away; later events start it again. */
  readonly stop: () => void;
}

export interface ProgressOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly style: Style;
}

const FRAME_MS = 80;

/** Makes the progress of one command. Its timer never keeps the process alive. */
export function createProgress(stream: OutStream, { json, quiet, verbose, style }: ProgressOptions): Progress {
  if (quiet) return { onEvent: () => undefined, stop: () => undefined };
  if (json)
    return {
      onEvent: (event) => {
        stream.write(`${JSON.stringify({ event })}\n`);
      },
      stop: () => undefined,
    };
  const spinning = stream.isTTY === true;
  const frames = style.unicode ? ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] : ['|', '/', '-', '\\'];
  let timer: NodeJS.Timeout | undefined;
  let frame = 0;
  let text = '';

  // A pseudo-terminal that was never told its size says 0.
  const width = (): number => (stream.columns === undefined || stream.columns <= 0 ? 80 : stream.columns);
  const erase = (): void => {
    if (timer !== undefined) stream.write('\r\u001B[2K');
  };
  const draw = (): void => {
    const line = ` ${frames[frame++ % frames.length] ?? ''} ${text}`;
    stream.write(`\r\u001B[2K${line.slice(0, width() - 1)}`);
  };
  const stop = (): void => {
    erase();
    clearInterval(timer);
    timer = undefined;
  };
  const say = (sign: string, event: ProgressEvent): void => {
    stop();
    const detail = event.detail === undefined || event.detail === '' ? '' : ` ${style.dim(event.detail)}`;
    stream.write(` ${sign} ${event.step}${detail}${event.ms === undefined ? '' : `  ${style.dim(duration(event.ms))}`}\n`);
  };
  const onEvent = (event: ProgressEvent): void => {
    if (event.phase === 'end') say(spinning ? style.pass(style.symbols.pass) : style.symbols.step, event);
    else if (event.phase === 'failed') say(style.fail(style.symbols.fail), event);
    else if (spinning) {
      text = event.step + (event.detail === undefined || event.detail === '' ? '' : ` ${event.detail}`);
      timer ??= setInterval(draw, FRAME_MS).unref();
      draw();
    } else if (verbose && event.phase === 'progress') say(style.symbols.step, event);
  };
  return { onEvent, stop };
}
