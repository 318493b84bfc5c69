#!/usr/bin/env node
// The whole suite, or with --tests-only the tests alone: every gate is run, then the first failure decides. Ends with the line `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => `${root}node_modules/.bin/${name}`;
const args = process.argv.slice(2);
// The long ones have scripts of their own: `npm run test:kind`.
const testsOnly = args.includes('--tests-only');
const chosen = args.filter((arg) => arg !== '--tests-only');
const projects = chosen.includes('--project') ? [] : ['unit', 'contract', 'integration'].flatMap((name) => ['--project', name]);
const folder = mkdtempSync(join(tmpdir(), 'cnilab-test-'));
const results = join(folder, 'vitest.json');

const gates = [
  { name: 'types', argv: [bin('tsc'), '-p', 'tsconfig.json'] },
  { name: 'lint', argv: [bin('oxlint'), '--type-aware', '--quiet'] },
  { name: 'format', argv: [bin('biome'), 'format', '.'] },
  { name: 'unused code', argv: [bin('knip')] },
  {
    name: 'tests',
    argv: [bin('vitest'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`, ...projects, ...chosen],
  },
].filter(({ name }) => !testsOnly || name === 'tests');

/** What failed, once more and in short: the report above it is long, and a log may be cut. */
function failures({ testResults }) {
  const short = (message) => message.split('\n').slice(0, 12).join('\n    ').slice(0, 1500);
  return testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, message, assertionResults }) => {
      const tests = assertionResults
        .filter(({ status }) => status === 'failed')
        .map((test) => `${test.fullName}\n    ${short(test.failureMessages.join('\n'))}`);
      return [`  ${name.replace(root, '')}${message === '' ? '' : `: ${short(message)}`}\n`, ...tests.map((test) => `  - ${test}\n`)];
    })
    .join('');
}

let failed = [];
try {
  for (const { name, argv } of gates) {
    process.stderr.write(`\n== ${name}\n`);
    if (spawnSync(argv[0], argv.slice(1), { cwd: root, stdio: 'inherit' }).status !== 0) failed = [...failed, name];
  }
  const summary = JSON.parse(readFileSync(results, 'utf8'));
  if (failed.length > 0) process.stdout.write(`failed: ${failed.join(', ')}\n${failures(summary)}`);
  process.stdout.write(`${summary.numPassedTests} passed, ${summary.numFailedTests} failed, ${summary.numPendingTests} skipped\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed.length === 0 ? 0 : 1);
