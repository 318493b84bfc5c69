import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { visibleWidth } from '../../report/layout.ts';
import { createStyle, plainStyle } from '../../report/style.ts';
import { renderTerminal } from '../../report/terminal.ts';
import { check, diagnosis, failReport, failure, inconclusiveReport, passReport } from './report-fixture.ts';

const plain = { style: plainStyle } as const;

describe('renderTerminal', () => {
  it.each([
    ['pass', passReport()],
    ['fail', failReport()],
    ['inconclusive', inconclusiveReport()],
  ])('%s', async (name, report) => {
    await expect(renderTerminal(report, plain)).toMatchFileSnapshot(`golden/terminal-${name}.txt`);
  });

  it('shows failures before the matrix, with what was seen, the cause and the next command', () => {
    const text = renderTerminal(failReport(), plain);
    const order = [
      'R1  FAIL',
      'FAIL  pod-source-rewritten',
      'saw ',
      'expected ',
      'cause ',
      'evidence ',
      'ruled out',
      'mend ',
      'next ',
      'from row to column',
      'observed',
      'not looked at',
      'fidelity',
    ];
    const places = order.map((part) => text.indexOf(part));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('expands to the failing pairs of pods only when asked', () => {
    const pair = 'c1/default/web-worker1-2 → c1/default/web-worker2-1  udp\n';
    expect(renderTerminal(failReport(), { ...plain, pods: true })).toContain(`    ${pair}`);
    expect(renderTerminal(failReport(), plain)).not.toContain(`    ${pair}`);
  });

  it.each([60, 80, 100, 300])('fits into %i columns, commands excepted', (columns) => {
    for (const report of [passReport(), failReport(), inconclusiveReport()]) {
      const wide = renderTerminal(report, { ...plain, columns, pods: true })
        .split('\n')
        .filter((line) => visibleWidth(line) > Math.min(columns, 100) && !line.includes('cnilab exec'));
      expect(wide).toEqual([]);
    }
  });

  it('writes ASCII where the locale has no UTF-8', () => {
    const text = renderTerminal(failReport(), { style: createStyle({ color: false, unicode: false }), pods: true });
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
    expect(text).toContain('x2');
  });

  it('colours only what it is told to', () => {
    expect(renderTerminal(failReport(), plain)).not.toContain('\u001B');
    const coloured = renderTerminal(failReport(), { style: createStyle({ color: true, unicode: true }) });
    expect(coloured).toContain('\u001B[31m');
    expect(stripVTControlCharacters(coloured)).toBe(renderTerminal(failReport(), plain));
  });

  it('says how much it leaves out, and never hides that a failure has no known cause', () => {
    const failures = Array.from({ length: 50 }, (_, i) => failure({ client: `c1/default/web-${String(i)}`, diagnosis: '' }));
    const text = renderTerminal(passReport({ verdict: 'fail', checks: [check('r1-pod-to-pod', { verdict: 'fail', failures, failuresTotal: 4000 })] }), plain);
    expect(text).toContain('no known cause');
    expect(text).toContain('and 42 more like it: cnilab verify three --json');
    expect(text).toContain('4 000 failures in all');
    expect(text.split('\n').length).toBeLessThan(70);
  });

  it('reports a warning that explains no failure as a warning', () => {
    const text = renderTerminal(passReport({ diagnoses: [{ ...diagnosis, severity: 'warn', confidence: 'possible' }] }), plain);
    expect(text).toContain('warn  pod-source-rewritten (possible) at c1/worker1');
    expect(text).not.toContain('FAIL');
  });
});
