import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LabApi } from '../../cli/lab-api.ts';
import type { ComparedLab, ComparedWay, Comparison } from '../../verify/compare/document.ts';
import { runCli } from './run-cli.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cnilab-compare-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const figure = { value: null, ratio: null };
const way: ComparedWay = { from: '', to: '', by: null, roundTripUs: figure, bitsPerSecond: figure, reason: 'the lab has no cluster' };
const labOf = (name: string, verdict?: 'pass' | 'fail' | 'inconclusive'): ComparedLab => ({
  name,
  engine: 'netns',
  nodes: 0,
  pods: 0,
  verification: verdict === undefined ? null : { verdict, requirements: [] },
  cluster: null,
  oneNode: way,
  twoNodes: way,
  twoToOne: { roundTrip: null, throughput: null },
});
const comparisonOf = (...labs: readonly ComparedLab[]): Comparison => ({
  schema: 'cnilab.comparison/1',
  startedAt: '2026-01-01T00:00:00.000Z',
  elapsedMs: 1,
  rounds: 10,
  seconds: 1,
  labs,
});

type Asked = Parameters<LabApi['compare']>;

/** A lab API that compares as told, and what it was asked. */
function comparing(...labs: readonly ComparedLab[]): { readonly lab: Partial<LabApi>; readonly asked: Asked[] } {
  const asked: Asked[] = [];
  return {
    asked,
    lab: {
      compare: (...args) => {
        asked.push(args);
        return Promise.resolve(comparisonOf(...labs));
      },
    },
  };
}

describe('compare', () => {
  it('hands on the labs and the seconds, and prints one table', async () => {
    const { lab, asked } = comparing(labOf('a'), labOf('b'));
    const { code, stdout, stderr } = await runCli(['compare', 'a', 'b', '--seconds', '0.5'], { lab });
    expect(code).toBe(0);
    expect(asked[0]?.[0]).toEqual(['a', 'b']);
    expect(asked[0]?.[1]).toMatchObject({ seconds: 0.5, verify: false });
    expect(stdout).toMatch(/^ +a +b$/m);
    expect(stderr).toContain('next: cnilab compare a b --verify');
  });

  it('takes lab files for the labs of their names', async () => {
    const file = join(folder, 'lab.yaml');
    writeFileSync(file, 'name: b\n');
    const { lab, asked } = comparing(labOf('a'), labOf('b'));
    const loaded = { path: file, input: {}, positionOf: () => null };
    const { code } = await runCli(['compare', 'a', file], {
      lab: { ...lab, loadLab: () => Promise.resolve(loaded as never), planLabFile: () => Promise.resolve({ name: 'b' } as never) },
    });
    expect(code).toBe(0);
    expect(asked[0]?.[0]).toEqual(['a', 'b']);
  });

  it('with --json is the document, and nothing else on stdout', async () => {
    const { stdout } = await runCli(['compare', 'a', 'b', '--json'], comparing(labOf('a'), labOf('b')));
    expect(JSON.parse(stdout)).toEqual(comparisonOf(labOf('a'), labOf('b')));
  });

  it.each([
    [['pass', 'pass'], 0, undefined],
    [['pass', 'inconclusive'], 5, undefined],
    [['inconclusive', 'fail'], 1, 'next: cnilab diagnose b'],
  ] as const)('of labs that %j exits with %d', async ([one, two], exit, next) => {
    const { lab, asked } = comparing(labOf('a', one), labOf('b', two));
    const { code, stderr } = await runCli(['compare', 'a', 'b', '--verify'], { lab });
    expect(code).toBe(exit);
    expect(asked[0]?.[1]).toMatchObject({ verify: true });
    if (next === undefined) expect(stderr).not.toContain('next:');
    else expect(stderr).toContain(next);
  });

  it('writes the document where -o says, and nothing over a file that exists, which it finds out first', async () => {
    const out = join(folder, 'compared.json');
    const { lab, asked } = comparing(labOf('a'), labOf('b'));
    const first = await runCli(['compare', 'a', 'b', '-o', out], { lab });
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('wrote ')]);
    expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual(comparisonOf(labOf('a'), labOf('b')));
    const second = await runCli(['compare', 'a', 'b', '-o', out], { lab });
    expect([second.code, second.stderr]).toEqual([2, expect.stringContaining('--force writes over it')]);
    expect(asked).toHaveLength(1);
    expect((await runCli(['compare', 'a', 'b', '-o', out, '--force'], { lab })).code).toBe(0);
  });

  it('needs a name', async () => {
    expect((await runCli(['compare'])).code).toBe(2);
  });
});
