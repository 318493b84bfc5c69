import { LabError } from '../topology/errors.ts';
import { diffPlans, type PlanDiff } from '../topology/diff.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { LabState } from './lab-state.ts';

/** What would change if the running lab became this plan. */
export function diffLab(state: LabState, plan: LabPlan): PlanDiff {
  return diffPlans(state.plan, plan);
}

/** The same diff, with what follows from moving to another engine: everything is built anew. */
export function engineDiffers(diff: PlanDiff, running: LabState, engine: string): PlanDiff {
  if (running.engine === engine) return diff;
  const move = {
    kind: 'change',
    object: 'lab',
    id: running.name,
    inPlace: false,
    reason: 'a running lab cannot move to another engine',
    from: running.engine,
    to: engine,
  } as const;
  return { ...diff, changes: [move, ...diff.changes], replace: true, empty: false };
}

/** A change that the plans allow in place, and the engine does not. */
export function engineRefuses(diff: PlanDiff, lab: string, reasons: readonly string[]): PlanDiff {
  if (reasons.length === 0) return diff;
  const changes = reasons.map((reason) => ({ kind: 'change', object: 'lab', id: lab, inPlace: false, reason }) as const);
  return { ...diff, changes: [...changes, ...diff.changes], replace: true, empty: false };
}

/** The refusal of a change that cannot be made in place, with every reason. */
export function replaceNeeded(name: string, diff: PlanDiff): LabError {
  const reasons = diff.changes.filter((change) => !change.inPlace);
  const lines = reasons.map(
    ({ object, id, reason, from, to }) => `  ${object} ${id}: ${reason}${from === undefined || to === undefined ? '' : ` (${from} → ${to})`}`,
  );
  return new LabError({
    code: 'REPLACE_NEEDED',
    message: [`lab ${name} cannot become what its file says while it runs:`, ...lines].join('\n'),
    hint: `\`cnilab up --replace\` takes ${name} down and brings it up anew; \`cnilab plan\` shows all changes`,
    details: { changes: diff.changes },
  });
}
