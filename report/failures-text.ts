/** Failures grouped by what explains them: what was seen, what was expected, the cause with its evidence, and the next command. */
import type { Diagnosis, Failure, Report } from '../verify/report.ts';
import { count, counted, field, visibleWidth } from './layout.ts';
import type { Style } from './style.ts';

/** Distinct failures shown per cause; the report in JSON holds up to a hundred per check. */
const SHOWN_PER_CAUSE = 3;
const SHOWN_UNEXPLAINED = 8;
const LABEL = 9;

/** The part of a document that tells of failures. */
type Told = Pick<Report, 'lab' | 'checks' | 'diagnoses'>;

/** Renders failures and diagnoses; nothing when there are none. */
export function renderFailures(report: Told, style: Style, width: number): string[] {
  const failures = report.checks.flatMap((check) => check.failures);
  const blocks: string[][] = [];
  const explained = new Set<string>();
  for (const diagnosis of report.diagnoses) {
    explained.add(diagnosis.name);
    blocks.push(
      causeBlock(
        diagnosis,
        failures.filter((failure) => failure.diagnosis === diagnosis.name),
        report,
        style,
        width,
      ),
    );
  }
  const rest = failures.filter((failure) => !explained.has(failure.diagnosis));
  if (rest.length > 0) {
    blocks.push([
      style.fail('FAIL') + (report.diagnoses.length === 0 ? '  no known cause explains this' : '  not explained by the causes above'),
      ...examples(rest, SHOWN_UNEXPLAINED, report, style, width),
    ]);
  }
  return blocks.flatMap((block, i) => (i === 0 ? block : ['', ...block]));
}

function causeBlock(diagnosis: Diagnosis, failures: readonly Failure[], report: Told, style: Style, width: number): string[] {
  const lead = diagnosis.severity === 'fail' ? style.fail('FAIL') : style.warn('warn');
  const where = diagnosis.where.length === 0 ? '' : `at ${few(diagnosis.where, 4, style)}`;
  const lines = [
    ...field(0, lead, 4, `${style.strong(diagnosis.name)} (${diagnosis.confidence}) ${where}`.trimEnd(), width),
    ...examples(failures, SHOWN_PER_CAUSE, report, style, width, false),
    ...field(2, 'cause', LABEL, diagnosis.title, width),
    ...diagnosis.evidence.flatMap((line, i) => field(2, i === 0 ? 'evidence' : '', LABEL, line, width)),
    ...diagnosis.ruledOut.flatMap((other, i) => field(2, i === 0 ? 'ruled out' : '', LABEL, `${other.name}: ${other.because}`, width)),
  ];
  if (diagnosis.mend !== '') lines.push(`  mend       ${style.command(diagnosis.mend)}`);
  const next = failures.find((failure) => failure.next !== '')?.next ?? '';
  if (next !== '' && next !== diagnosis.mend) lines.push(`  next       ${style.command(next)}`);
  return lines;
}

function examples(failures: readonly Failure[], limit: number, report: Told, style: Style, width: number, next = true): string[] {
  const distinct = mergeProtocols(failures);
  const lines = distinct.slice(0, limit).flatMap(({ failure, protocols, times }) => {
    const repeated = times > protocols.length ? `  ${style.symbols.times}${String(times)}` : '';
    const pair = `${failure.client}${failure.server === '' ? '' : ` ${style.symbols.arrow} ${failure.server}`}`;
    const kind = [[...protocols, failure.family ?? ''].join(' ').trim() + repeated, style.dim(`${failure.check}: ${failure.class}`)]
      .filter((part) => part !== '')
      .join('  ');
    return [
      ...(2 + visibleWidth(pair) + 2 + visibleWidth(kind) <= width ? [`  ${pair}  ${kind}`] : [`  ${pair}`, `    ${kind}`]),
      ...field(4, 'saw', LABEL - 1, failure.saw, width),
      ...field(4, 'expected', LABEL - 1, failure.expected, width),
      ...(next && failure.next !== '' ? [`    next      ${style.command(failure.next)}`] : []),
    ];
  });
  if (distinct.length > limit)
    lines.push(style.dim(`  ${style.symbols.ellipsis} and ${count(distinct.length - limit)} more like it: cnilab verify ${report.lab} --json`));
  const total = report.checks.filter((check) => failures.some((failure) => failure.check === check.id)).reduce((sum, check) => sum + check.failuresTotal, 0);
  if (total > failures.length && total > limit) lines.push(style.dim(`  ${counted(total, 'failure')} in all in these checks`));
  return lines;
}

/** One line per pair and check: its protocols and attempts are told together. */
function mergeProtocols(failures: readonly Failure[]): { failure: Failure; protocols: string[]; times: number }[] {
  const merged = new Map<string, { failure: Failure; protocols: string[]; times: number }>();
  for (const failure of failures) {
    const key = [failure.check, failure.client, failure.server, failure.family, failure.class].join(' ');
    const known = merged.get(key) ?? { failure, protocols: [], times: 0 };
    known.times += 1;
    if (failure.protocol !== null && !known.protocols.includes(failure.protocol)) known.protocols.push(failure.protocol);
    merged.set(key, known);
  }
  return [...merged.values()];
}

function few(items: readonly string[], limit: number, style: Style): string {
  return items.length <= limit ? items.join(', ') : `${items.slice(0, limit).join(', ')} ${style.symbols.ellipsis} and ${String(items.length - limit)} more`;
}
