/** kind's own progress, read from its error output: ` • Preparing nodes 📦 ...` when a step begins, ` ✓ Preparing nodes 📦` or ` ✗ …` when it ends. */
import type { EngineEvent, OnEvent } from '../port.ts';

export interface KindLine {
  readonly phase: 'start' | 'end' | 'failed';
  readonly step: string;
}

const SIGNS: Readonly<Record<string, KindLine['phase']>> = { '•': 'start', '✓': 'end', '✗': 'failed' };

/** null for a line that is no step. */
export function parseKindLine(line: string): KindLine | null {
  const [, sign = '', text = ''] = /^ ([•✓✗]) (.*)$/u.exec(line) ?? [];
  const phase = SIGNS[sign];
  // What follows the words is an emoji per node, and dots.
  const step = text.replaceAll(/[^\p{L}\p{N}\p{P}\s]|\u200D|\uFE0F/gu, '').replace(/[.\s]+$/, '');
  return phase === undefined || step === '' ? null : { phase, step };
}

/** Turns kind's lines into events of well nested steps; `finish` ends a step that kind left open. */
export function kindSteps(cluster: string, onEvent: OnEvent): { readonly onLine: (line: string) => void; readonly finish: () => void } {
  let open: { readonly step: string; readonly since: number } | null = null;
  const close = (phase: EngineEvent['phase']): void => {
    if (open === null) return;
    onEvent({ step: open.step, phase, detail: cluster, ms: performance.now() - open.since });
    open = null;
  };
  return {
    onLine: (line) => {
      const read = parseKindLine(line);
      if (read === null) return;
      if (read.phase !== 'start') return close(read.phase);
      close('end');
      open = { step: lowerFirst(read.step), since: performance.now() };
      onEvent({ step: open.step, phase: 'start', detail: cluster });
    },
    finish: () => close('failed'),
  };
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
