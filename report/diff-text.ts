/** What a changed lab file would do to a running lab: + added, - removed, ~ changed, each with how and why. */
import type { PlanChange, PlanDiff } from '../topology/diff.ts';
import { counted, MAX_WIDTH, visibleWidth, wrap } from './layout.ts';
import type { Style } from './style.ts';

const SIGNS = { add: '+', remove: '-', change: '~' } as const satisfies Record<PlanChange['kind'], string>;
/** Changes listed; `--json` has them all. */
export const CHANGES_LISTED = 60;

/** Renders a {@link PlanDiff}, ending with a newline. Changes that need a replacement come first; `how` says how one is had. */
export function renderDiff(lab: string, diff: PlanDiff, style: Style, how = ': add --replace'): string {
  if (diff.empty) return `${style.strong(lab)}: no change\n`;
  const ordered = [...diff.changes].sort((a, b) => Number(a.inPlace) - Number(b.inPlace));
  const lines = ordered.slice(0, CHANGES_LISTED).flatMap((change) => changeLines(change, style));
  if (ordered.length > CHANGES_LISTED)
    lines.push(style.dim(`  ${style.symbols.ellipsis} and ${counted(ordered.length - CHANGES_LISTED, 'more change')} (--json lists all)`));
  const n = (kind: PlanChange['kind']): number => diff.changes.filter((change) => change.kind === kind).length;
  const summary = `${String(n('add'))} added, ${String(n('remove'))} removed, ${String(n('change'))} changed`;
  const blockers = counted(diff.changes.filter((change) => !change.inPlace).length, 'change');
  const verdict = diff.replace ? style.fail(`needs a replacement (${blockers} not possible in place)${how}`) : style.pass('all in place');
  return `${[style.strong(lab), ...lines, `${summary}; ${verdict}`].join('\n')}\n`;
}

function changeLines(change: PlanChange, style: Style): string[] {
  const colour = { add: style.pass, remove: style.fail, change: style.warn }[change.kind];
  const how = change.inPlace ? style.dim('in place') : style.fail('replacement');
  const head = `  ${colour(`${SIGNS[change.kind]} ${change.object} ${change.id}`)}  ${how}`;
  const why = [change.reason, values(change, style)].filter((part) => part !== '').join(': ');
  if (why === '') return [head];
  if (visibleWidth(head) + 2 + visibleWidth(why) <= MAX_WIDTH) return [`${head}  ${style.dim(why)}`];
  return [head, ...wrap(why, MAX_WIDTH - 6).map((line) => `      ${style.dim(line)}`)];
}

/** `1450 → 1500`; of objects only the fields that differ. */
function values({ from, to }: PlanChange, style: Style): string {
  if (from === to) return '';
  const { arrow } = style.symbols;
  const [before, after] = [asObject(from), asObject(to)];
  if (before === null || after === null) return `${from ?? '(none)'} ${arrow} ${to ?? '(none)'}`;
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => shown(before[key]) !== shown(after[key]));
  return keys.map((key) => `${key} ${shown(before[key])} ${arrow} ${shown(after[key])}`).join(', ');
}

function asObject(text: string | undefined): Readonly<Record<string, unknown>> | null {
  if (text?.startsWith('{') !== true) return null;
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
}

function shown(value: unknown): string {
  return value === undefined ? '(none)' : typeof value === 'string' ? value : JSON.stringify(value);
}
