/** A report for people: verdicts, then failures with their cause, then the matrix and what was only observed. */
import type { CheckResult, Report } from '../verify/report.ts';
import { renderFailures } from './failures-text.ts';
import { count, counted, duration, latency, pad, table, textWidth, visibleWidth, wrap } from './layout.ts';
import { renderMatrix } from './matrix-text.ts';
import type { Style } from './style.ts';

export interface TerminalOptions {
  readonly style: Style;
  /** Columns of the terminal; undefined where there is none. */
  readonly columns?: number | undefined;
  /** Expand the matrix to the failing pairs of pods. @default false */
  readonly pods?: boolean;
}

type AnyVerdict = CheckResult['verdict'];

/** Renders a {@link Report} in at most 100 columns, ending with a newline. Commands to be copied are never cut. */
export function renderTerminal(report: Report, options: TerminalOptions): string {
  const { style } = options;
  const width = textWidth(options.columns);
  const sections = [
    wrap(title(report, style), width, 2),
    report.requirements.flatMap((requirement) => requirementLines(report, requirement, style, width)),
    renderFailures(report, style, width),
    renderMatrix(report.matrix, { style, width, pods: options.pods ?? false }),
    checkLines(report.checks, style, width),
    listed(
      'observed, not judged',
      report.observations.map((o) => `${o.title}: ${o.value}`),
      style,
      width,
    ),
    notLookedAt(report, style, width),
    fidelity(report, style, width),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** The word for a verdict, coloured. */
export function verdictWord(verdict: AnyVerdict, style: Style): string {
  switch (verdict) {
    case 'pass':
      return style.pass('pass');
    case 'fail':
      return style.fail('FAIL');
    case 'inconclusive':
      return style.warn('inconclusive');
    case 'skip':
      return style.dim('skipped');
  }
}

function title(report: Report, style: Style): string {
  const dot = ` ${style.symbols.separator} `;
  return [
    `${style.strong(report.lab)} on ${report.engine}`,
    `profile ${report.profile}`,
    `${counted(report.totals.probes, 'probe')} in ${duration(report.elapsedMs)}`,
    verdictWord(report.verdict, style),
  ].join(dot);
}

function requirementLines(report: Report, requirement: Report['requirements'][number], style: Style, width: number): string[] {
  const checks = report.checks.filter((check) => check.requirement === requirement.id && check.verdict !== 'skip');
  const verdictWidth = Math.max(...report.requirements.map((r) => visibleWidth(verdictWord(r.verdict, style))));
  const lead = `  ${style.strong(requirement.id)}  ${pad(verdictWord(requirement.verdict, style), verdictWidth)}  `;
  const facts = measured(checks, report, style);
  const oneLine = `${lead}${requirement.title}  ${facts}`;
  const below = (text: string): string[] =>
    text === '' ? [] : wrap(text, width - visibleWidth(lead)).map((line) => ' '.repeat(visibleWidth(lead)) + style.dim(line));
  const named = wrap(requirement.title, width - visibleWidth(lead)).map((line, i) => (i === 0 ? lead : ' '.repeat(visibleWidth(lead))) + line);
  const head = facts !== '' && visibleWidth(oneLine) <= width ? [oneLine] : [...named, ...below(facts)];
  return [...head, ...below(requirement.detail)];
}

/** `30 pairs × tcp udp icmp × 3 attempts  p50 61 µs  p99 140 µs`, from the checks that decide a requirement. */
function measured(checks: readonly CheckResult[], report: Report, style: Style): string {
  const live = checks.find((check) => check.probes > 0);
  const pairs = (live === undefined ? checks : [live]).reduce((sum, check) => sum + check.pairs.planned, 0);
  if (pairs === 0) return '';
  if (live === undefined) return counted(pairs, 'comparison');
  const { times, micro } = style.symbols;
  const families = report.options.families.length > 1 ? ` ${times} ${report.options.families.join(' ')}` : '';
  const lost = live.lost > 0 ? `, ${count(live.lost)} lost` : '';
  const speed = live.latencyUs === null ? '' : `, p50 ${latency(live.latencyUs.p50, micro)}, p99 ${latency(live.latencyUs.p99, micro)}`;
  return `${counted(pairs, 'pair')} ${times} ${report.options.protocols.join(' ')}${families} ${times} ${counted(report.options.attempts, 'attempt')}${speed}${lost}`;
}

function checkLines(checks: readonly CheckResult[], style: Style, width: number): string[] {
  const rows = checks.map((check) => [
    `  ${verdictWord(check.verdict, style)}`,
    check.id,
    check.verdict === 'skip' ? '' : `${count(check.pairs.passed)}/${count(check.pairs.planned)}`,
    check.latencyUs === null ? '' : `p50 ${latency(check.latencyUs.p50, style.symbols.micro)}  max ${latency(check.latencyUs.max, style.symbols.micro)}`,
    check.lost > 0 ? style.warn(`${count(check.lost)} lost`) : '',
  ]);
  const lines = table([], rows);
  return checks.flatMap((check, i) => [
    lines[i] ?? '',
    ...(check.reason === '' ? [] : wrap(check.reason, width - 6).map((line) => `      ${style.dim(line)}`)),
  ]);
}

function listed(heading: string, items: readonly string[], style: Style, width: number): string[] {
  if (items.length === 0) return [];
  return [style.strong(heading), ...items.flatMap((item) => wrap(item, width - 4, 2).map((line) => `  ${line}`))];
}

function notLookedAt(report: Report, style: Style, width: number): string[] {
  if (report.notLookedAt.length === 0) return [];
  return wrap(`not looked at: ${report.notLookedAt.join('; ')}`, width, 2).map(style.dim);
}

function fidelity(report: Report, style: Style, width: number): string[] {
  const { fidelity: statement } = report;
  const absent = statement.absent.length === 0 ? '' : `; absent: ${statement.absent.join(', ')}`;
  const text = `fidelity of ${statement.engine}: ${String(statement.real.length)} real, ${String(statement.sameMechanism.length)} by the same kernel mechanism${absent}`;
  const [first = '', second] = wrap(text, width - 2);
  return [style.dim(second === undefined ? first : `${first.replace(/[,;]$/, '')} ${style.symbols.ellipsis}`)];
}
