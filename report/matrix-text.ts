/** The nodes × nodes matrix: a row per client's node, a column per server's node. */
import type { MatrixCell } from '../verify/report.ts';
import { counted, pad, visibleWidth } from './layout.ts';
import type { Style } from './style.ts';

/** More rows than this are not readable; rows that pass are left out first. */
const ROW_LIMIT = 40;

export interface MatrixOptions {
  readonly width: number;
  readonly style: Style;
  /** List the failing pairs of pods under the matrix. @default false */
  readonly pods?: boolean;
}

/** Renders the matrix; nothing when it has no cell. Wide matrices are cut into blocks of columns, large ones to the rows that do not pass. */
export function renderMatrix(cells: readonly MatrixCell[], options: MatrixOptions): string[] {
  if (cells.length === 0) return [];
  const { style } = options;
  const byPair = new Map(cells.map((cell) => [`${cell.clientNode} ${cell.serverNode}`, cell]));
  const servers = unique(cells.map((cell) => cell.serverNode));
  const clients = unique(cells.map((cell) => cell.clientNode));
  const odd = cells.filter((cell) => cell.verdict === 'fail' || cell.verdict === 'inconclusive');
  const heading = `${style.strong('from row to column')}  ${legend(style)}`;
  const lines = visibleWidth(heading) <= options.width ? [heading] : [style.strong('from row to column'), `  ${legend(style)}`];

  const crowded = Math.max(clients.length, servers.length) > ROW_LIMIT;
  if (crowded && odd.length === 0) {
    return [`${style.pass(style.symbols.pass)} all ${String(clients.length)} ${style.symbols.times} ${String(servers.length)} node pairs pass`];
  }
  const rows = (crowded ? clients.filter((id) => odd.some((cell) => cell.clientNode === id)) : clients).slice(0, ROW_LIMIT);
  const columns = (crowded ? servers.filter((id) => odd.some((cell) => cell.serverNode === id)) : servers).slice(0, ROW_LIMIT);

  const short = shortNames([...clients, ...servers]);
  const name = (id: string): string => short.get(id) ?? id;
  const labelWidth = Math.max(...rows.map((id) => visibleWidth(name(id)))) + 2;
  for (const block of blocks(columns, name, options.width - labelWidth)) {
    const headings = block.map((id) => (block.length === columns.length || visibleWidth(name(id)) <= NAME_WIDTH ? name(id) : name(id).slice(-NAME_WIDTH)));
    const widths = headings.map((heading) => Math.max(visibleWidth(heading), 4));
    lines.push(`  ${' '.repeat(labelWidth)}${headings.map((heading, i) => pad(heading, widths[i] ?? 0)).join('  ')}`.trimEnd());
    for (const client of rows) {
      const marks = block.map((server, i) => pad(mark(byPair.get(`${client} ${server}`), style), widths[i] ?? 0));
      lines.push(`  ${pad(name(client), labelWidth)}${marks.join('  ')}`.trimEnd());
    }
  }
  if (rows.length < clients.length || columns.length < servers.length) {
    lines.push(style.dim(`  ${counted(clients.length, 'node')} in all: rows and columns without a deviation are left out`));
  }
  if (options.pods === true) lines.push(...failingPairs(odd, name, options));
  return lines;
}

const NAME_WIDTH = 14;

function mark(cell: MatrixCell | undefined, style: Style): string {
  const { symbols } = style;
  switch (cell?.verdict) {
    case 'pass':
      return style.pass(symbols.pass);
    case 'fail':
      return style.fail(`${symbols.fail}${String(cell.failed)}`);
    case 'inconclusive':
      return style.warn(symbols.inconclusive);
    case 'empty':
    case undefined:
      return style.dim(symbols.empty);
  }
}

function legend(style: Style): string {
  const { symbols } = style;
  return style.dim(`${symbols.pass} pass  ${symbols.fail}n failed pairs  ${symbols.inconclusive} inconclusive  ${symbols.empty} no pair`);
}

function failingPairs(odd: readonly MatrixCell[], name: (id: string) => string, { style, width }: MatrixOptions): string[] {
  const { arrow } = style.symbols;
  if (odd.length === 0) return [style.dim('  no pair of pods to expand: every cell passes')];
  return odd.flatMap((cell) => {
    const unlisted = cell.failed - cell.failedPairs.length;
    return [
      `  ${name(cell.clientNode)} ${arrow} ${name(cell.serverNode)}  ${cell.verdict === 'fail' ? `${String(cell.failed)} of ${counted(cell.pairs, 'pair')} failed` : 'inconclusive'}`,
      ...cell.failedPairs.map((pair) => {
        const line = `    ${pair.client} ${arrow} ${pair.server}  ${pair.protocols.join(' ')}`;
        return visibleWidth(line) <= width ? line : `    ${pair.client} ${arrow}\n      ${pair.server}  ${pair.protocols.join(' ')}`;
      }),
      ...(unlisted > 0 && cell.failedPairs.length > 0 ? [style.dim(`    ${style.symbols.ellipsis} and ${String(unlisted)} more`)] : []),
    ].flatMap((line) => line.split('\n'));
  });
}

/** Leaves the cluster out of `cluster/node` when there is only one. */
function shortNames(ids: readonly string[]): Map<string, string> {
  const prefixes = new Set(ids.map((id) => (id.includes('/') ? id.slice(0, id.indexOf('/') + 1) : '')));
  const [only] = prefixes;
  return new Map(ids.map((id) => [id, prefixes.size === 1 && only !== undefined ? id.slice(only.length) : id]));
}

function blocks(columns: readonly string[], name: (id: string) => string, width: number): string[][] {
  const whole = columns.reduce((sum, id) => sum + Math.max(4, visibleWidth(name(id))) + 2, 0);
  if (whole <= width) return [[...columns]];
  const out: string[][] = [[]];
  let used = 0;
  for (const id of columns) {
    const cell = Math.min(NAME_WIDTH, Math.max(4, visibleWidth(name(id)))) + 2;
    if (used + cell > width && used > 0) {
      out.push([]);
      used = 0;
    }
    out.at(-1)?.push(id);
    used += cell;
  }
  return out;
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
