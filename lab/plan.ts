import type { Diagnostic } from '../topology/diagnostic.ts';
import { SpecError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import { planLab } from '../topology/plan-lab.ts';
import { findingsBesides } from '../topology/salvage.ts';
import { parseLabSpec } from '../topology/schema.ts';
import type { LabSpec } from '../topology/spec.ts';
import { validateSpec } from '../topology/validate.ts';
import { dataFindings } from './data-findings.ts';
import type { LoadedLab } from './load-lab.ts';

export interface PlanLabOptions {
  /** Plan of the running lab: what is still asked for keeps its address and its place. */
  readonly previous?: LabPlan | null;
}

const isError = (diagnostic: Diagnostic): boolean => diagnostic.severity === 'error';

type Checked = { readonly spec: LabSpec; readonly findings: readonly Diagnostic[] } | { readonly spec: null; readonly findings: readonly Diagnostic[] };

function check(loaded: LoadedLab): Checked {
  const parsed = parseLabSpec(loaded.input);
  if (!parsed.ok) return { spec: null, findings: [...parsed.diagnostics, ...findingsBesides(loaded.input, parsed.diagnostics)] };
  return { spec: parsed.spec, findings: dataFindings(parsed.spec, loaded.kind) };
}

/**
 * Every problem of a lab, errors and warnings, without touching the machine: its shape and what it means; when that has no errors,
 * what planning finds.
 */
export function validateLab(loaded: LoadedLab): readonly Diagnostic[] {
  const { spec, findings } = check(loaded);
  if (spec === null) return findings;
  const meant = [...findings, ...validateSpec(spec)];
  if (meant.some(isError)) return meant;
  try {
    // The findings of a plan begin with those of the rules.
    return [...findings, ...planLab(spec).findings];
  } catch (error) {
    if (error instanceof SpecError) return [...findings, ...error.diagnostics];
    throw error;
  }
}

/** What a lab is called in messages: its file, else its own name. */
function sourceOf({ path, input }: LoadedLab): string {
  if (path !== '') return path;
  return typeof input === 'object' && input !== null && 'name' in input && typeof input.name === 'string' ? input.name : 'the lab';
}

/**
 * Plans a lab file.
 *
 * @throws SpecError with every diagnostic
 */
export function planLabFile(loaded: LoadedLab, options: PlanLabOptions = {}): LabPlan {
  const { spec, findings } = check(loaded);
  if (spec === null) throw new SpecError(findings, sourceOf(loaded));
  if (findings.some(isError)) throw new SpecError([...findings, ...validateSpec(spec)], sourceOf(loaded));
  try {
    return planLab(spec, options);
  } catch (error) {
    if (error instanceof SpecError) throw new SpecError(error.diagnostics, sourceOf(loaded));
    throw error;
  }
}
