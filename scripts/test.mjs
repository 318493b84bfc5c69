#!/usr/bin/env node
// The whole suite: every gate is run, then the first failure decides. Ends with the line `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => `${root}node_modules/.bin/${name}`;
const only = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'cnilab-test-'));
const results = join(folder, 'vitest.json');

const gates = [
  { name: 'types', argv: [bin('tsc'), '-p', 'tsconfig.json'] },
  { name: 'lint', argv: [bin('oxlint'), '--type-aware', '--quiet'] },
  { name: 'format', argv: [bin('biome'), 'format', '.'] },
  { name: 'unused code', argv: [bin('knip')] },
  { name: 'tests', argv: [bin('vitest'), 'run', '--coverage', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`, ...only] },
];

let failed = [];
try {
  for (const { name, argv } of gates) {
    process.stderr.write(`\n== ${name}\n`);
    if (spawnSync(argv[0], argv.slice(1), { cwd: root, stdio: 'inherit' }).status !== 0) failed = [...failed, name];
  }
  const summary = JSON.parse(readFileSync(results, 'utf8'));
  if (failed.length > 0) process.stdout.write(`failed: ${failed.join(', ')}\n`);
  process.stdout.write(`${summary.numPassedTests} passed, ${summary.numFailedTests} failed, ${summary.numPendingTests} skipped\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed.length === 0 ? 0 : 1);
