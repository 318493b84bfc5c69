/**
 * The unit tests of the oracle, tested: each of the edits that would make it blind must make one of their cases fail. The same files run here as by
 * themselves; an edit whose text is no longer in the source is a failure too.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mutations, UNIT_TESTS, type UnitTest } from '../mutations/oracle-mutations.ts';
import { openCases, type Cases } from '../mutations/run-cases.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const fileOf = (test: UnitTest): string => `test/verify/${test}.test.ts`;

let cases: Cases;
beforeAll(async () => {
  cases = await openCases(ROOT);
});
afterAll(async () => await cases[Symbol.asyncDispose]());

describe('the oracle as it is', () => {
  it.each(UNIT_TESTS)(
    'passes %s',
    async (test) => {
      expect(await cases.firstFailure(fileOf(test), null)).toBeNull();
    },
    60_000,
  );
});

describe('an oracle that', () => {
  it('is harmed in at least 30 ways, no two alike', () => {
    expect(mutations.length).toBeGreaterThanOrEqual(30);
    expect(new Set(mutations.map(({ file, text, by }) => `${file} ${text} ${by}`)).size).toBe(mutations.length);
  });

  it.each(mutations.map((one) => [one.file.replace('verify/', ''), one.title, one] as const))('%s: %s, is caught', async (_file, _title, mutation) => {
    const source = readFileSync(`${ROOT}${mutation.file}`, 'utf8');
    expect(source.split(mutation.text).length - 1, 'times that the text to replace is in the source').toBe(1);
    const failures = [];
    for (const test of mutation.tests) {
      const failure = await cases.firstFailure(fileOf(test), mutation);
      if (failure !== null) failures.push(failure);
      if (failures.length > 0) break;
    }
    expect(failures).toHaveLength(1);
  });
});
