/** A diagnosis for people: what was found and how it is mended, then how it was looked for. */
import type { CounterRise, DiagnosisReport, InventoryStage, Rung } from '../verify/diagnosis/document.ts';
import { renderFailures } from './failures-text.ts';
import { count, counted, duration, field, table, textWidth, wrap } from './layout.ts';
import type { Style } from './style.ts';
import { verdictWord } from './terminal.ts';

export interface DiagnosisTextOptions {
  readonly style: Style;
  /** Columns of the terminal; undefined where there is none. */
  readonly columns?: number | undefined;
}

const COUNTERS = 24;
const PACKETS = 14;

/** Renders a {@link DiagnosisReport} in at most 100 columns, ending with a newline. Commands to be copied are never cut. */
export function renderDiagnosis(report: DiagnosisReport, { style, columns }: DiagnosisTextOptions): string {
  const width = textWidth(columns);
  const sections = [
    wrap(title(report, style), width, 2),
    report.inventory === null ? [] : inventoryLines(report.inventory, style, width),
    ladderLines(report.ladder, style, width),
    renderFailures(report, style, width),
    counterLines(report.counters, style, width),
    captureLines(report, style, width),
    report.notLookedAt.length === 0 ? [] : wrap(`not looked at: ${report.notLookedAt.join('; ')}`, width, 2).map(style.dim),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function title(report: DiagnosisReport, style: Style): string {
  const way = report.from === null ? 'the whole mesh' : `${report.from} ${style.symbols.arrow} ${report.to ?? ''}`;
  const causes = report.diagnoses.length;
  const works = report.ladder.every((rung) => rung.verdict !== 'fail');
  const unjudged = report.ladder.some((rung) => rung.verdict === 'inconclusive');
  const found = !report.found
    ? unjudged
      ? style.warn('nothing found, and not everything could be judged')
      : style.pass('nothing found')
    : causes === 0
      ? style.fail('it fails, and no known cause explains it')
      : style.fail(`${counted(causes, 'cause')} found${works ? ', and probes come through' : ''}`);
  return [`${style.strong(report.lab)} on ${report.engine}`, way, duration(report.elapsedMs), found].join(` ${style.symbols.separator} `);
}

function inventoryLines(stage: InventoryStage, style: Style, width: number): string[] {
  const head =
    style.strong('state against the plan') + style.dim(`  ${counted(stage.namespaces, 'namespace')} read in ${duration(stage.elapsedMs)}, no packet sent`);
  const bad = stage.rules.filter((rule) => rule.findings > 0);
  const good = stage.rules.filter((rule) => rule.findings === 0).map((rule) => rule.id.replace('inventory-', ''));
  return [
    head,
    ...bad.map((rule) => `  ${style.fail('FAIL')}  ${rule.id}: ${counted(rule.findings, 'deviation')}`),
    ...(good.length === 0 ? [] : field(2, style.pass('ok'), 4, good.join(', '), width)),
    ...stage.rules.flatMap((rule) => rule.remarks.flatMap((remark) => field(2, style.dim('note'), 4, remark, width))),
  ];
}

function ladderLines(ladder: readonly Rung[], style: Style, width: number): string[] {
  if (ladder.length === 0) return [];
  const lines = table(
    [],
    ladder.map((rung) => [`  ${verdictWord(rung.verdict, style)}`, rung.title, rung.verdict === 'skip' ? '' : style.dim(duration(rung.elapsedMs))]),
  );
  return [
    style.strong('ladder of probes'),
    ...ladder.flatMap((rung, at) => [lines[at] ?? '', ...(rung.detail === '' ? [] : wrap(rung.detail, width - 6).map((line) => `      ${style.dim(line)}`))]),
  ];
}

function counterLines(counters: readonly CounterRise[], style: Style, width: number): string[] {
  if (counters.length === 0) return [];
  const places = [...new Set(counters.map(({ where }) => where))];
  const shown = counters.slice(0, COUNTERS);
  const left = counters.length - shown.length;
  return [
    style.strong('what moved in the kernels around one failing probe'),
    ...places.flatMap((place) => {
      const own = shown.filter(({ where }) => where === place).map(({ counter, by }) => `${counter} +${count(by)}`);
      return own.length === 0 ? [] : [`  ${place}`, ...own.flatMap((line) => wrap(line, width - 4, 2).map((part) => `    ${part}`))];
    }),
    ...(left > 0 ? [style.dim(`  ${style.symbols.ellipsis} and ${left} more: --json`)] : []),
  ];
}

function captureLines({ capture }: DiagnosisReport, style: Style, width: number): string[] {
  if (capture === null) return [];
  const way = capture.passed.length === 0 ? 'nowhere' : capture.passed.join(` ${style.symbols.arrow} `);
  const rows = capture.packets.slice(0, PACKETS).map(({ afterUs, where, text }) => `${`+${(afterUs / 1000).toFixed(3)} ms`.padStart(12)}  ${where}: ${text}`);
  const left = capture.packetsTotal - rows.length;
  return [
    style.strong(`its packets, ${capture.client} ${style.symbols.arrow} ${capture.server}`),
    ...field(2, 'seen at', 9, way, width),
    ...(capture.unseen.length === 0 ? [] : field(2, 'not seen', 9, capture.unseen.join(', '), width)),
    ...rows.flatMap((row) => wrap(row, width - 2, 16).map((line) => style.dim(`  ${line}`))),
    ...(left > 0 ? [style.dim(`  ${style.symbols.ellipsis} and ${left} more`)] : []),
    ...(capture.dropped > 0 ? [style.warn(`  ${counted(capture.dropped, 'packet')} found no room in the buffer`)] : []),
  ];
}
