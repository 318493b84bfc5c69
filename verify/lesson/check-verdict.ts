import type { VerdictCheckSpec } from '../../topology/lesson/lesson.ts';
import { listed } from '../../topology/listed.ts';
import { SUITES } from '../suites.ts';
import type { Report } from '../report.ts';
import type { VerifyOptions } from '../options.ts';
import type { Finding, LessonContext } from './check.ts';

const SHOWN = 5;
const REQUIREMENT = /^R[123]$/;

/** Names of suites, or expressions over the ids of checks; a requirement (R1) is meant by the ids that begin with it. */
function selection(only: readonly string[] | undefined): Pick<VerifyOptions, 'suites' | 'only'> {
  if (only === undefined) return {};
  const suites = SUITES.filter((suite) => only.includes(suite));
  const checks = only.filter((word) => !SUITES.some((suite) => suite === word)).map((word) => (REQUIREMENT.test(word) ? `^${word.toLowerCase()}` : word));
  return {
    ...(suites.length === 0 ? {} : { suites }),
    ...(checks.length === 0 ? {} : { only: checks.length === 1 ? (checks[0] ?? '') : checks.map((one) => `(?:${one})`).join('|') }),
  };
}

function seenIn(report: Report): string {
  const failed = report.checks.filter((check) => check.verdict === 'fail').map((check) => check.id);
  const found = report.diagnoses.map((one) => one.name);
  return [
    `verdict ${report.verdict}`,
    ...(failed.length === 0 ? [] : [`failed: ${listed(failed, SHOWN)}`]),
    ...(found.length === 0 ? [] : [`diagnosed: ${listed(found, SHOWN)}`]),
  ].join('; ');
}

/** Does the verifier say of the lab what it should? @throws LabError USAGE for checks that there are not */
export async function checkVerdict({ verify, signal }: LessonContext, check: VerdictCheckSpec): Promise<Finding> {
  const wanted = check.verdict ?? 'pass';
  const report = await verify({ ...selection(check.only), ...(signal === undefined ? {} : { signal }) });
  const missing = (check.diagnoses ?? []).filter((id) => !report.diagnoses.some((one) => one.name === id));
  const expected = [`the verifier says ${wanted}`, ...(check.diagnoses === undefined ? [] : [`and finds ${check.diagnoses.join(', ')}`])].join(' ');
  const verdict = report.verdict === wanted && missing.length === 0 ? 'pass' : report.verdict === 'inconclusive' ? 'inconclusive' : 'fail';
  return { verdict, expected, seen: seenIn(report) };
}
