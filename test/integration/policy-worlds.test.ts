import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { lacking } from '../requires.ts';
import type { WorldsResult } from '../policy-worlds/run.ts';
import { root } from './cnilab.ts';

const why = lacking('netns');
const WORLDS = 500;

describe.skipIf(why !== null)(`NetworkPolicies of random worlds${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it(`mean the same to the evaluator and to the packet filter of the kernel, in ${WORLDS} of them`, async () => {
    const seed = Date.now() % 1_000_000_000;
    const argv = ['--import', 'tsx', 'scripts/policy-worlds.ts', `${WORLDS}`, `${seed}`, '--json'];
    // Exit 1 tells of disagreements, which are in the answer too.
    const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: root, maxBuffer: 1 << 26 }).catch((error: unknown) => {
      if (error instanceof Error && 'stdout' in error && String(error.stdout) !== '') return { stdout: String(error.stdout) };
      throw error;
    });
    const result = JSON.parse(stdout) as WorldsResult;
    expect(result.counterexample, `node --import tsx scripts/policy-worlds.ts ${WORLDS} ${seed}`).toBe('');
    expect(result).toMatchObject({ worlds: WORLDS, disagreements: [] });
    // Worlds in which nothing is tried, or everything is allowed, would prove nothing.
    expect(result.flows).toBeGreaterThan(WORLDS * 50);
    expect(result.allowed / result.flows).toBeGreaterThan(0.5);
    expect(result.allowed / result.flows).toBeLessThan(0.9);
    expect(result.replies).toBeGreaterThan(WORLDS * 5);
  });
});
