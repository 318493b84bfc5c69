/**
 * Runs the self-test, every fault in every lab of it that can show it, and keeps what it found in docs/kill-matrix.json, from which docs/kill-matrix.md is made.
 * Nothing is kept of a run in which a fault was not found or not tried. Run by `npm run kill-matrix`; takes some minutes and needs root or user namespaces.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { selfTest } from '../lab/selftest.ts';
import { plainStyle } from '../report/style.ts';
import { renderSelfTest } from '../report/selftest-text.ts';
import type { KeptMatrix } from './kill-matrix-page.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const report = await selfTest({
  everywhere: true,
  signal: stop.signal,
  onEvent: ({ phase, step, detail = '' }) => {
    if (phase === 'failed' || phase === 'end') process.stderr.write(`${phase === 'failed' ? 'FAILED ' : ''}${step} ${detail}\n`);
  },
});
process.stdout.write(renderSelfTest(report, plainStyle));
if (report.verdict === 'pass' && report.untried.length === 0 && report.matrix.every((row) => row.verdict === 'found')) {
  const kept: KeptMatrix = {
    labs: report.labs.map((lab) => lab.name),
    rows: report.matrix.map(({ fault, layer, check, diagnosis, failed, labs }) => ({ fault, layer, check, diagnosis, failed: failed.toSorted(), labs })),
  };
  writeFileSync(fileURLToPath(new URL('../docs/kill-matrix.json', import.meta.url)), `${JSON.stringify(kept, null, 1)}\n`);
  process.stdout.write('kept in docs/kill-matrix.json; `npm run docs` makes the page\n');
} else {
  process.stdout.write('not kept\n');
  process.exitCode = 1;
}
