/**
 * The cases of NetworkPolicy on the netns engine, with their times.
 *
 *   node --import tsx scripts/policy-cases.ts [calico|weave|kindnet] [--json]
 *
 * Needs what the engine needs, and a build. Exit 1 when evaluator and kernel disagree.
 */
import { fields } from '../test/policy-cases/cases.ts';
import { runCases } from '../test/policy-cases/run.ts';

const [name = 'calico'] = process.argv.slice(2).filter((a) => !a.startsWith('-'));
const field = Object.entries(fields).find(([known]) => known === name)?.[1];
if (field === undefined) throw new Error(`usage: policy-cases.ts [${Object.keys(fields).join('|')}] [--json]`);
const result = await runCases(field);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ cni: name, ...result })}\n`);
else {
  for (const line of result.disagreements) process.stdout.write(`${line}\n`);
  process.stdout.write(
    `${name}: ${result.cases} cases, ${result.steps} steps, ${result.cells} cells (${result.allowed} allowed), ${result.disagreements.length} disagreements, ${result.repeated} looked at again; ${seconds(result.ms)}, per step ${result.medianMs.toFixed(0)} ms in the median, ${result.p95Ms.toFixed(0)} ms at 95 %\n`,
  );
}
process.exit(result.disagreements.length === 0 ? 0 : 1);
