import type { CniSpec } from '../../topology/spec.ts';
import { policyCases } from './cases.ts';
import { openField } from './field.ts';

export interface CasesResult {
  readonly cases: number;
  readonly steps: number;
  readonly cells: number;
  readonly allowed: number;
  /** `family, case, step: what`. */
  readonly disagreements: readonly string[];
  readonly repeated: number;
  /** Of all, without making the lab. */
  readonly ms: number;
  readonly medianMs: number;
  readonly p95Ms: number;
}

/** Runs every case in one lab of that CNI. */
export async function runCases(cni: CniSpec): Promise<CasesResult> {
  await using field = await openField(cni);
  const started = performance.now();
  const disagreements: string[] = [];
  const times: number[] = [];
  let [cells, allowed, repeated] = [0, 0, 0];
  for (const { family, title, steps } of policyCases) {
    for (const step of steps) {
      const result = await field.check(step);
      cells += result.cells;
      allowed += result.allowed;
      if (result.repeated) repeated += 1;
      times.push(result.ms);
      disagreements.push(...result.disagreements.map((what) => `${family}, ${title}, ${step.title}: ${what}`));
    }
  }
  const ms = performance.now() - started;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? 0;
  return { cases: policyCases.length, steps: times.length, cells, allowed, disagreements, repeated, ms, medianMs: at(0.5), p95Ms: at(0.95) };
}
