import { describe, expect, it, vi } from 'vitest';
import { createProgress, type ProgressOptions } from '../../cli/progress.ts';
import { createStyle } from '../../report/style.ts';

function written(isTTY: boolean, options: Partial<ProgressOptions>, play: (progress: ReturnType<typeof createProgress>) => void): string {
  let text = '';
  const stream = {
    write: (chunk: string) => {
      text += chunk;
      return true;
    },
    isTTY,
    columns: 40,
  };
  const progress = createProgress(stream, { json: false, quiet: false, verbose: false, style: createStyle({ color: false, unicode: true }), ...options });
  play(progress);
  progress.stop();
  return text;
}

const run = (progress: ReturnType<typeof createProgress>): void => {
  progress.onEvent({ step: 'nodes', phase: 'start', detail: '3 nodes' });
  progress.onEvent({ step: 'nodes', phase: 'progress', detail: '2 of 3' });
  progress.onEvent({ step: 'nodes', phase: 'end', ms: 12.3 });
  progress.onEvent({ step: 'pods', phase: 'failed', detail: 'no plugin' });
};

describe('createProgress', () => {
  it('writes a plain line per finished step where there is no terminal', () => {
    expect(written(false, {}, run)).toBe(' • nodes  12 ms\n ✗ pods no plugin\n');
  });

  it('tells more with -v', () => {
    expect(written(false, { verbose: true }, run)).toBe(' • nodes 2 of 3\n • nodes  12 ms\n ✗ pods no plugin\n');
  });

  it('writes JSON lines with --json, nothing with -q', () => {
    expect(
      written(true, { json: true }, run)
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown)[2],
    ).toEqual({ event: { step: 'nodes', phase: 'end', ms: 12.3 } });
    expect(written(true, { quiet: true }, run)).toBe('');
  });

  it('spins on a terminal, within its width, and takes the spinner away', () => {
    vi.useFakeTimers();
    try {
      const text = written(true, {}, (progress) => {
        progress.onEvent({ step: 'connecting', phase: 'start', detail: 'x'.repeat(100) });
        vi.advanceTimersByTime(200);
        progress.onEvent({ step: 'connecting', phase: 'end', ms: 200 });
        vi.advanceTimersByTime(1000);
      });
      const frames = text.split('\r\u001B[2K');
      expect(frames).toHaveLength(5);
      expect(Math.max(...frames.slice(1, -1).map((frame) => frame.length))).toBe(39);
      expect(frames.at(-1)).toBe(' ✓ connecting  200 ms\n');
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
