/**
 * A vitest matcher: `expectLab(await verify('my-lab')).toSatisfyNetworkModel()`.
 * Import it as `cnilab/vitest`; vitest itself comes from the project that runs the test.
 */
import { expect } from 'vitest';
import type { Report } from './report.ts';

/** A report, or something that carries one. */
export type LabTarget = Report | { readonly report: Report };

export interface LabExpectation {
  /** Passes when the verdict of the report is pass: R1, R2, R3 and the controls hold. An inconclusive report does not pass. */
  toSatisfyNetworkModel(): void;
}

/**
 * Expectations about a verified lab.
 * @example
 * ```ts
 * import { verify } from 'cnilab';
 * import { expectLab } from 'cnilab/vitest';
 * expectLab(await verify('three-requirements')).toSatisfyNetworkModel();
 * ```
 */
export function expectLab(target: LabTarget): LabExpectation & { readonly not: LabExpectation } {
  const report = reportOf(target);
  return {
    toSatisfyNetworkModel: () => expect(report).toSatisfyNetworkModel(),
    not: { toSatisfyNetworkModel: () => expect(report).not.toSatisfyNetworkModel() },
  };
}

/** As {@link expectLab}, for running labs: `verify` is called with the name of each, so that a test can hold a lab's state. */
export function expectLabWith(verify: (name: string) => Promise<Report>): (target: LabTarget | { readonly name: string }) => {
  toSatisfyNetworkModel(): Promise<void>;
  readonly not: { toSatisfyNetworkModel(): Promise<void> };
} {
  return (target) => {
    const report = async (): Promise<Report> => (hasReport(target) ? reportOf(target) : verify((target as { readonly name: string }).name));
    return {
      toSatisfyNetworkModel: async () => expectLab(await report()).toSatisfyNetworkModel(),
      not: { toSatisfyNetworkModel: async () => expectLab(await report()).not.toSatisfyNetworkModel() },
    };
  };
}

/** Failures first, then what is inconclusive, then the causes. */
export function describeReport(report: Report): string {
  const lines: string[] = [];
  for (const check of report.checks.filter((one) => one.verdict === 'fail')) {
    lines.push(`${check.id}: ${check.pairs.failed} of ${check.pairs.planned} fail`);
    const shown = check.failures.slice(0, SHOWN);
    for (const failure of shown) {
      const pair = failure.server === '' ? failure.client : `${failure.client} → ${failure.server}`;
      lines.push(`  ${pair}${failure.protocol === null ? '' : ` ${failure.protocol}`}: ${failure.saw}; expected ${failure.expected}`);
      if (failure.next !== '') lines.push(`    next: ${failure.next}`);
    }
    if (check.failuresTotal > shown.length) lines.push(`  and ${check.failuresTotal - shown.length} more`);
  }
  for (const check of report.checks.filter((one) => one.verdict === 'inconclusive')) lines.push(`${check.id} is inconclusive: ${check.reason}`);
  for (const diagnosis of report.diagnoses.filter((one) => one.severity === 'fail'))
    lines.push(`cause: ${diagnosis.name} at ${diagnosis.where.join(', ')}: ${diagnosis.title}`);
  return lines.join('\n');
}

const SHOWN = 5;

function hasReport(target: unknown): target is LabTarget {
  return typeof target === 'object' && target !== null && ('report' in target || 'requirements' in target);
}

function reportOf(target: LabTarget): Report {
  const report = 'report' in target ? target.report : target;
  if (report?.schema?.startsWith('cnilab.report/') === true) return report;
  throw new TypeError('expectLab takes a report of `verify`, or an object with a `report`; verify a running lab first: expectLab(await verify(name))');
}

expect.extend({
  toSatisfyNetworkModel(received: unknown) {
    const report = reportOf(received as LabTarget);
    const pass = report.verdict === 'pass';
    return {
      pass,
      message: () =>
        pass
          ? `lab ${report.lab} satisfies the network model (${report.totals.probes} probes), and was expected not to`
          : `lab ${report.lab} does not satisfy the network model: ${report.verdict}\n${describeReport(report)}`,
    };
  },
});

declare module 'vitest' {
  // oxlint-disable-next-line typescript/no-explicit-any -- a merged declaration must have vitest's own type parameters
  interface Matchers<T = any> {
    /** Passes for a report of `verify` whose verdict is pass. */
    toSatisfyNetworkModel(): T;
  }
}
