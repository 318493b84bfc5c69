/** What a changed lab file would do to a running lab: + added, - removed, ~ changed, each with how and why. */
import type { PlanChange, PlanDiff } from '../topology/diff.ts';
import { counted, wrap, MAX_WIDTH } from './layout.ts';
import type { Style } from './style.ts';

const SIGNS = { add: '+', remove: '-', change: '~' } as const satisfies Record<PlanChange['kind'], string>;

/** Renders a {@link PlanDiff}, ending with a newline. Changes that need a replacement come first. */
export function renderDiff(lab: string, diff: PlanDiff, style: Style): string {
  if (diff.empty) return `${style.strong(lab)}: no change\n`;
  const ordered = [...diff.changes].sort((a, b) => Number(a.inPlace) - Number(b.inPlace));
  const lines = ordered.flatMap((change) => {
    const colour = { add: style.pass, remove: style.fail, change: style.warn }[change.kind];
    const values = change.from === undefined && change.to === undefined ? '' : `  ${shown(change.from)} ${style.symbols.arrow} ${shown(change.to)}`;
    const how = change.inPlace ? style.dim('in place') : style.fail('replacement');
    return [
      `  ${colour(`${SIGNS[change.kind]} ${change.object} ${change.id}`)}${values}  ${how}`,
      ...(change.reason === '' ? [] : wrap(change.reason, MAX_WIDTH - 6).map((line) => `      ${style.dim(line)}`)),
    ];
  });
  const n = (kind: PlanChange['kind']): number => diff.changes.filter((change) => change.kind === kind).length;
  const summary = `${String(n('add'))} added, ${String(n('remove'))} removed, ${String(n('change'))} changed`;
  const blockers = counted(diff.changes.filter((change) => !change.inPlace).length, 'change');
  const verdict = diff.replace ? style.fail(`needs a replacement (${blockers} not possible in place): add --replace`) : style.pass('all in place');
  return `${[style.strong(lab), ...lines, `${summary}; ${verdict}`].join('\n')}\n`;
}

function shown(value: unknown): string {
  if (value === undefined) return '(none)';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
