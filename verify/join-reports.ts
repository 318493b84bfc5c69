/** Two verifications of one lab as one report. Pure. */
import { worst } from './report-builder.ts';
import type { Report } from './report.ts';
import type { Suite } from './suites.ts';

/**
 * The checks of both, in their order; requirements, the matrix and what describes the lab are those of the first, the network's. What one left to the other
 * was not left out, and what the lab lacks is for the second to say, which knows its Services.
 */
export function joinReports(network: Report, other: Report, suites: readonly Suite[]): Report {
  const checks = [...network.checks, ...other.checks];
  const left = new Set(suites.map((suite) => `the suite ${suite}: not asked for`));
  const notLookedAt = [...network.notLookedAt.filter((line) => !line.endsWith(': the lab has none of its own')), ...other.notLookedAt];
  const sum = (key: keyof Report['totals']): number => network.totals[key] + other.totals[key];
  return {
    ...network,
    checks,
    verdict: worst([...checks, ...network.requirements].map((one) => one.verdict)) ?? 'inconclusive',
    diagnoses: [...network.diagnoses, ...other.diagnoses],
    observations: [...network.observations, ...other.observations],
    notLookedAt: [...new Set(notLookedAt)].filter((line) => !left.has(line)),
    totals: { probes: sum('probes'), ok: sum('ok'), failed: sum('failed'), inconclusive: sum('inconclusive') },
  };
}
