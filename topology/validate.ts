import type { Diagnostic } from './diagnostic.ts';
import { rules } from './rules/index.ts';
import type { LabSpec } from './spec.ts';

/**
 * Everything that is wrong or surprising in a lab whose shape is right, found without touching a machine: all of it at once, in the order of the
 * rules, each finding once. The same spec gives the same list.
 */
export function validateSpec(spec: LabSpec): readonly Diagnostic[] {
  const findings = new Map<string, Diagnostic>();
  for (const rule of Object.values(rules)) {
    for (const finding of rule(spec)) {
      const key = JSON.stringify([finding.code, finding.path, finding.message]);
      if (!findings.has(key)) findings.set(key, finding);
    }
  }
  return [...findings.values()];
}
