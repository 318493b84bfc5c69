/** Two plans → what turns the running lab of the first into the second, touching nothing that stays as it is. Pure. */
import type { LabPlan } from '../../topology/plan.ts';
import { compile } from './compile.ts';
import { staleNeighbours } from './compile-neighbours.ts';
import type { CompileOptions } from './compile-options.ts';
import { aliasesOf, isReplacedByApply, keyOf, leansOn, livesIn, outlivesNamespace } from './op-objects.ts';
import type { Op, OpsDelta, Stage } from './ops.ts';
import { staleFlowStages } from './services/stale-flows.ts';

export function reconcile(from: LabPlan, to: LabPlan, options: CompileOptions = {}): OpsDelta {
  const delta = reconcileStages(compile(from, options), compile(to, options));
  return { undo: [...delta.undo, ...staleNeighbours(from, to)], stages: [...delta.stages, ...staleFlowStages(from, to)] };
}

/**
 * The delta between two op sets. Removed objects are undone in reverse order of making, except those that vanish with what they live in; changed ones are
 * undone and made again, or just applied where that replaces them; whatever lived in or leaned on a removed object is made again.
 */
export function reconcileStages(from: readonly Stage[], to: readonly Stage[]): OpsDelta {
  const before = from.flatMap((stage) => stage.ops);
  const after = new Map(to.flatMap((stage) => stage.ops).map((op) => [keyOf(op), op]));
  const gone = removals(before, after);
  const had = new Map(before.filter((op) => !gone.all.has(keyOf(op))).map((op) => [keyOf(op), canonical(op)]));
  const stages = to
    .map((stage) => ({ ...stage, ops: stage.ops.filter((op) => had.get(keyOf(op)) !== canonical(op) || refreshed(op, gone.addressless)) }))
    .filter((stage) => stage.ops.length > 0);
  return { undo: gone.undo.reverse(), stages };
}

interface Removals {
  /** Keys of objects that will not exist when the new ones are made. */
  readonly all: ReadonlySet<string>;
  /** In the order in which they were made. */
  readonly undo: Op[];
  /** `ns dev` of links that lose an address: the kernel flushes the routes of a link with its last one. */
  readonly addressless: ReadonlySet<string>;
}

/** One pass suffices: ops are listed after what they live in and lean on. */
function removals(before: readonly Op[], after: ReadonlyMap<string, Op>): Removals {
  const all = new Set<string>();
  const names = new Set<string>();
  const undo: Op[] = [];
  const addressless = new Set<string>();
  const retired = unplugged(before, after);
  for (const op of before) {
    const key = keyOf(op);
    const wanted = op.op === 'netns' && retired.has(op.ns) ? undefined : after.get(key);
    const changed = wanted !== undefined && canonical(wanted) !== canonical(op);
    const swept = livesIn(op).some((parent) => names.has(parent));
    const cutOff = leansOn(op).some((support) => names.has(support));
    const replaced = changed && isReplacedByApply(op) && !swept;
    if (wanted !== undefined && !swept && !cutOff && (!changed || replaced)) continue;
    all.add(key);
    for (const name of aliasesOf(op)) names.add(name);
    if (op.op === 'address') addressless.add(`${op.ns} ${op.dev}`);
    if (op.op === 'sysctl' || op.op === 'await-routes') continue;
    if (!swept || outlivesNamespace(op) || crossesOut(op, names)) undo.push(op);
  }
  return { all, undo, addressless };
}

/**
 * Namespaces that plugins attached and that will be attached without them: made anew, since a runtime's DEL also takes the loopback down. (A pod would be
 * restarted, too.)
 */
function unplugged(before: readonly Op[], after: ReadonlyMap<string, Op>): ReadonlySet<string> {
  const plugged = new Set([...after.values()].flatMap((op) => (op.op === 'cni' ? [op.ns] : [])));
  return new Set(before.flatMap((op) => (op.op === 'cni' && !plugged.has(op.ns) ? [op.ns] : [])));
}

/** A veth whose near end stays is removed by name: its port and its name are free at once. */
function crossesOut(op: Op, names: ReadonlySet<string>): boolean {
  return op.op === 'veth' && !names.has(`netns ${op.ns}`);
}

function refreshed(op: Op, addressless: ReadonlySet<string>): boolean {
  return op.op === 'route' && op.dev !== null && addressless.has(`${op.ns} ${op.dev}`);
}

/** JSON with sorted keys: two ops are the same when these are. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}
