/**
 * JUnit XML, in the shape that Jenkins, GitLab and GitHub reporters read (testsuites › testsuite › testcase).
 * A suite for the requirements, one per check, and one for the node pairs; names stay the same from run to run.
 */
import type { CheckResult, Diagnosis, Failure, MatrixCell, Report } from '../verify/report.ts';

/** Above this many node pairs only those that do not pass get a test case of their own. */
export const MATRIX_LIMIT = 2500;

interface Case {
  readonly name: string;
  readonly outcome: 'pass' | 'failure' | 'error' | 'skipped';
  readonly message?: string;
  readonly type?: string;
  readonly text?: string;
}
interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
  readonly properties: Readonly<Record<string, string | number>>;
}

/**
 * Renders a report. A failed requirement or pair is `<failure>`, an inconclusive one `<error>` (it must not turn a build green), a skipped one `<skipped>`.
 * The time of the run stands on the root and on the requirements' suite; single probes have no time of their own.
 */
export function renderJunit(report: Report): string {
  const suites = [requirements(report), ...report.checks.map((check) => checkSuite(check, report)), matrix(report)].filter((suite) => suite.cases.length > 0);
  const seconds = (report.elapsedMs / 1000).toFixed(3);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    tag('testsuites', { name: `cnilab ${report.lab}`, ...totals(suites.flatMap((suite) => suite.cases)), time: seconds }),
  ];
  suites.forEach((suite, i) => {
    lines.push(
      `  ${tag('testsuite', { name: suite.name, ...totals(suite.cases), time: i === 0 ? seconds : '0.000', timestamp: report.startedAt.replace(/\.\d+Z$|Z$/, '') })}`,
    );
    const properties = Object.entries(suite.properties);
    if (properties.length > 0)
      lines.push('    <properties>', ...properties.map(([name, value]) => `      ${tag('property', { name, value }, true)}`), '    </properties>');
    for (const item of suite.cases) lines.push(...testcase(item, `${report.lab}.${suite.name}`));
    lines.push('  </testsuite>');
  });
  lines.push('</testsuites>');
  return `${lines.join('\n')}\n`;
}

function requirements(report: Report): Suite {
  const cases = report.requirements.map(
    (requirement): Case => ({
      name: `${requirement.id} ${requirement.title}`,
      outcome: outcomeOf(requirement.verdict),
      type: requirement.id,
      message: requirement.detail,
      ...(requirement.verdict === 'fail'
        ? {
            text: report.diagnoses
              .filter((d) => d.severity === 'fail')
              .map(diagnosisText)
              .join('\n\n'),
          }
        : {}),
    }),
  );
  const { engine, profile, options } = report;
  return {
    name: 'requirements',
    cases,
    properties: { engine, profile, attempts: options.attempts, protocols: options.protocols.join(' '), families: options.families.join(' ') },
  };
}

function checkSuite(check: CheckResult, report: Report): Suite {
  const cases: Case[] = [];
  if (check.verdict === 'skip') cases.push({ name: check.title, outcome: 'skipped', message: check.reason });
  for (const [name, failures] of byPair(check.failures)) {
    const diagnosis = report.diagnoses.find((d) => failures.some((failure) => failure.diagnosis === d.name));
    cases.push({
      name,
      outcome: 'failure',
      type: failures[0]?.class ?? 'finding',
      message: `${failures[0]?.saw ?? ''} (expected: ${failures[0]?.expected ?? ''})`,
      text: [...failures.map(failureText), ...(diagnosis === undefined ? [] : [diagnosisText(diagnosis)])].join('\n\n'),
    });
  }
  const unlisted = check.failuresTotal - check.failures.length;
  if (unlisted > 0)
    cases.push({ name: 'failures beyond the listed ones', outcome: 'failure', type: 'more', message: `${String(unlisted)} more failures, not listed` });
  if (check.verdict === 'fail' && check.failures.length === 0)
    cases.push({
      name: check.title,
      outcome: 'failure',
      type: 'finding',
      message: check.reason === '' ? `${String(check.pairs.failed)} pairs failed` : check.reason,
    });
  if (check.verdict === 'inconclusive' || check.pairs.inconclusive > 0) {
    cases.push({
      name: 'pairs that could not be judged',
      outcome: 'error',
      type: 'inconclusive',
      message: `${String(check.pairs.inconclusive)} pairs: ${check.reason}`,
    });
  }
  if (check.pairs.passed > 0 || (check.verdict === 'pass' && cases.length === 0)) cases.push({ name: 'pairs that pass', outcome: 'pass' });
  const { planned, passed, failed, inconclusive } = check.pairs;
  const latency = check.latencyUs === null ? {} : { 'latency-p50-us': check.latencyUs.p50, 'latency-p99-us': check.latencyUs.p99 };
  return {
    name: check.id,
    cases,
    properties: {
      title: check.title,
      requirement: check.requirement ?? 'none',
      planned,
      passed,
      failed,
      inconclusive,
      probes: check.probes,
      lost: check.lost,
      ...latency,
    },
  };
}

function matrix(report: Report): Suite {
  const judged = report.matrix.filter((cell) => cell.verdict !== 'empty');
  const listed = judged.length <= MATRIX_LIMIT ? judged : judged.filter((cell) => cell.verdict !== 'pass').slice(0, MATRIX_LIMIT);
  const cases = listed.map(
    (cell): Case => ({
      name: `${cell.clientNode} to ${cell.serverNode}`,
      outcome: outcomeOf(cell.verdict),
      type: cell.verdict,
      message: cellMessage(cell),
      ...(cell.failedPairs.length === 0
        ? {}
        : { text: cell.failedPairs.map((pair) => `${pair.client} -> ${pair.server} ${pair.protocols.join(' ')}`).join('\n') }),
    }),
  );
  return { name: 'node-pairs', cases, properties: { 'node-pairs': judged.length, listed: listed.length } };
}

function cellMessage(cell: MatrixCell): string {
  return cell.verdict === 'fail'
    ? `${String(cell.failed)} of ${String(cell.pairs)} pairs failed`
    : cell.verdict === 'inconclusive'
      ? `some of ${String(cell.pairs)} pairs could not be judged`
      : '';
}

function byPair(failures: readonly Failure[]): Map<string, Failure[]> {
  const out = new Map<string, Failure[]>();
  for (const failure of failures) {
    const name = [failure.client + (failure.server === '' ? '' : ` to ${failure.server}`), failure.protocol ?? '', failure.family ?? '']
      .filter((part) => part !== '')
      .join(' ');
    out.set(name, [...(out.get(name) ?? []), failure]);
  }
  return out;
}

function failureText(failure: Failure): string {
  return [
    `attempt ${String(failure.attempt + 1)}: ${failure.class}`,
    `saw: ${failure.saw}`,
    `expected: ${failure.expected}`,
    ...(failure.diagnosis === '' ? [] : [`diagnosis: ${failure.diagnosis}`]),
    ...(failure.next === '' ? [] : [`next: ${failure.next}`]),
  ].join('\n');
}

function diagnosisText(diagnosis: Diagnosis): string {
  return [
    `${diagnosis.name} (${diagnosis.confidence}) at ${diagnosis.where.join(', ')}: ${diagnosis.title}`,
    ...diagnosis.evidence.map((line) => `evidence: ${line}`),
    ...diagnosis.ruledOut.map((other) => `ruled out: ${other.name}: ${other.because}`),
    ...(diagnosis.mend === '' ? [] : [`mend: ${diagnosis.mend}`]),
  ].join('\n');
}

function outcomeOf(verdict: CheckResult['verdict'] | 'empty'): Case['outcome'] {
  return verdict === 'fail' ? 'failure' : verdict === 'inconclusive' ? 'error' : verdict === 'pass' ? 'pass' : 'skipped';
}

function totals(cases: readonly Case[]): Record<string, number> {
  const n = (outcome: Case['outcome']): number => cases.filter((item) => item.outcome === outcome).length;
  return { tests: cases.length, failures: n('failure'), errors: n('error'), skipped: n('skipped') };
}

function testcase(item: Case, classname: string): string[] {
  const attributes = { name: item.name, classname, time: '0.000' };
  if (item.outcome === 'pass') return [`    ${tag('testcase', attributes, true)}`];
  const type = item.outcome === 'skipped' ? {} : { type: item.type ?? item.outcome };
  const inner = tag(item.outcome, { message: item.message ?? '', ...type }, item.text === undefined);
  return [
    `    ${tag('testcase', attributes)}`,
    `      ${inner}${item.text === undefined ? '' : `${escapeXml(item.text)}</${item.outcome}>`}`,
    '    </testcase>',
  ];
}

function tag(name: string, attributes: Readonly<Record<string, string | number>>, closed = false): string {
  return `<${name}${Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escapeXml(String(value)).replaceAll('\n', '&#10;')}"`)
    .join('')}${closed ? '/' : ''}>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** Escapes markup; characters that XML 1.0 forbids (section 2.2: most control characters, lone surrogates, U+FFFE, U+FFFF) become U+FFFD. */
export function escapeXml(text: string): string {
  return text.replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}').replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}
