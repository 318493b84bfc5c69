import { describe, expect, it } from 'vitest';
import { visibleWidth } from '../../report/layout.ts';
import { renderMatrix } from '../../report/matrix-text.ts';
import { plainStyle } from '../../report/style.ts';
import type { MatrixCell } from '../../verify/report.ts';
import { failReport } from './report-fixture.ts';

const options = { width: 100, style: plainStyle } as const;

function square(n: number, over: (client: number, server: number) => Partial<MatrixCell> = () => ({})): MatrixCell[] {
  return Array.from({ length: n * n }, (_, i) => {
    const [client, server] = [Math.floor(i / n), i % n];
    return {
      clientNode: `c1/worker${String(client)}`,
      serverNode: `c1/worker${String(server)}`,
      verdict: 'pass',
      pairs: 4,
      failed: 0,
      p50Us: 60,
      failedPairs: [],
      ...over(client, server),
    };
  });
}

describe('renderMatrix', () => {
  it('has a row per client node and a column per server node', () => {
    expect(renderMatrix(failReport().matrix, options)).toMatchInlineSnapshot(`
      [
        "from row to column  ✓ pass  ✗n failed pairs  ? inconclusive  · no pair",
        "                  control-plane1  worker1  worker2",
        "  control-plane1  ✓               ✓        ✓",
        "  worker1         ✓               ✓        ✗2",
        "  worker2         ✓               ✓        ✓",
      ]
    `);
  });

  it('leaves a plain pass of many nodes in one line', () => {
    expect(renderMatrix(square(50), options)).toEqual(['✓ all 50 × 50 node pairs pass']);
  });

  it('of many nodes shows only rows and columns that deviate', () => {
    const lines = renderMatrix(
      square(50, (client, server) => (client === 7 && server > 30 ? { verdict: 'fail', failed: 4 } : {})),
      options,
    );
    expect(lines.filter((line) => line.startsWith('  worker'))).toHaveLength(lines.filter((line) => line.startsWith('  worker7')).length);
    expect(lines.at(-1)).toContain('50 nodes in all');
    expect(lines.join('\n').match(/✗4/g)).toHaveLength(19);
  });

  it('cuts wide matrices into blocks that fit', () => {
    const lines = renderMatrix(square(30), { ...options, width: 60 });
    expect(Math.max(...lines.map(visibleWidth))).toBeLessThanOrEqual(60);
    expect(lines.join('\n').match(/✓/g)).toHaveLength(900 + 1);
  });

  it('keeps the cluster in the names when there are several', () => {
    const cells = [...square(1), ...square(1).map((cell) => ({ ...cell, clientNode: 'c2/worker0', serverNode: 'c2/worker0' }))];
    expect(renderMatrix(cells, options).join('\n')).toMatch(/c1\/worker0\s+✓\s+·\n\s+c2\/worker0\s+·\s+✓/);
  });

  it('says how many failing pairs of a cell are not listed', () => {
    const pairs = [{ client: 'c1/default/a', server: 'c1/default/b', protocols: ['tcp'] as const }];
    const lines = renderMatrix(
      square(2, (client, server) => (client !== server ? { verdict: 'fail', failed: 3, failedPairs: pairs } : {})),
      { ...options, pods: true },
    );
    expect(lines).toContain('    c1/default/a → c1/default/b  tcp');
    expect(lines).toContain('    … and 2 more');
  });

  it('is empty for a lab without pairs', () => {
    expect(renderMatrix([], options)).toEqual([]);
  });
});
