/**
 * From failures to names: the static inventory first, then symptoms and counters for what is left.
 * Pure: the same input gives the same diagnoses in the same order.
 */
import type { NodePlan } from '../../topology/plan.ts';
import type { Diagnosis } from '../report.ts';
import type { Finding } from '../inventory/finding.ts';
import { type Flow, flowsOf } from '../inventory/flow.ts';
import { takeInventory } from '../inventory/index.ts';
import { type LabView, viewLab } from '../inventory/lab-view.ts';
import { type DiagnosisName, diagnosisKind } from './catalogue.ts';
import type { DiagnosisInput } from './input.ts';
import { ruleOut } from './look-alikes.ts';
import { readSymptoms } from './symptoms.ts';

export interface Explanation {
  /** Each distinct cause once, the most certain first. */
  readonly diagnoses: readonly Diagnosis[];
  /** For each failure of the input, in its order, the name of the diagnosis that explains it best, or ''. */
  readonly names: readonly string[];
}

/** The causes of the failures; empty when nothing that was read explains any of them. */
export function diagnose(input: DiagnosisInput): Diagnosis[] {
  return [...explainFailures(input).diagnoses];
}

/** As {@link diagnose}, with the name that belongs to each failure. */
export function explainFailures(input: DiagnosisInput): Explanation {
  const view = viewLab(input.plan, input.snapshot, input.countersBefore ?? null);
  const flows = flowsOf(view, input.failures);
  const found = takeInventory(view, flows);
  const open = flows.filter((flow) => !found.some((finding) => finding.explains(flow)));
  const causes = merge([...found, ...readSymptoms(view, open, flows)], flows);
  const names = new Map<unknown, string>();
  for (const cause of causes) for (const flow of cause.explained) if (!names.has(flow.failure)) names.set(flow.failure, cause.name);
  return {
    diagnoses: causes.map((cause) => toDiagnosis(view, cause, found)),
    names: input.failures.map((failure) => names.get(failure) ?? ''),
  };
}

/** The names of deviations that were read from the kernel, before anything failed. Each once, the worst and most certain first. */
export function explainFindings(view: LabView, findings: readonly Finding[]): readonly Diagnosis[] {
  const byName = new Map<DiagnosisName, Finding[]>();
  for (const finding of findings) byName.set(finding.name, [...(byName.get(finding.name) ?? []), finding]);
  const causes = [...byName].map(([name, all]): Cause => ({ name, findings: all, explained: [], certainty: strongest(all) }));
  return causes
    .map((cause): Diagnosis => ({ ...toDiagnosis(view, cause, findings), severity: diagnosisKind(cause.name).severity }))
    .sort((a, b) => Number(a.severity === 'warn') - Number(b.severity === 'warn') || RANK[a.confidence] - RANK[b.confidence] || compare(a.name, b.name));
}

/**
 * What explains failures, and the deviations that were read before: the latter count as they were read, also where no failure shows them. A name that both have is
 * told once, with the places of both. A name that is told only for the direction that failed is left out when none did but another cause explains the failures.
 */
export function joinDiagnoses(explained: readonly Diagnosis[], read: readonly Diagnosis[]): readonly Diagnosis[] {
  const active = explained.filter((one) => one.severity === 'fail');
  const counted = active.length === 0 ? read : read.filter((one) => !PAIRED.has(one.name as DiagnosisName));
  // What is only possible at a place does not make it one of a diagnosis that is sure.
  const idle = explained.filter((one) => one.severity === 'warn' && one.confidence !== 'possible');
  const known = [...counted, ...idle];
  const joined = [...active, ...counted.filter((one) => !active.some((other) => other.name === one.name))].map((one) =>
    known.reduce((all, other) => (other !== one && other.name === one.name ? withPlacesOf(all, other) : all), one),
  );
  return [...joined, ...explained.filter((one) => !joined.some((other) => other.name === one.name))];
}

/** The first diagnosis, at the places of the second as well. */
function withPlacesOf(one: Diagnosis, other: Diagnosis): Diagnosis {
  const where = unique([...one.where, ...other.where]);
  if (where.length === one.where.length) return one;
  return {
    ...one,
    where,
    evidence: limited(unique([...one.evidence, ...other.evidence])),
    mend: (one.mend.includes(other.mend) ? [one.mend] : other.mend.includes(one.mend) ? [other.mend] : [one.mend, other.mend]).join('; '),
    checks: unique([...one.checks, ...other.checks]),
  };
}

interface Cause {
  readonly name: DiagnosisName;
  readonly findings: readonly Finding[];
  readonly explained: readonly Flow[];
  readonly certainty: Finding['certainty'];
}

/** One cause per name. A deviation that explains no failure is kept as a warning, because what failed may have been a sample. */
function merge(findings: readonly Finding[], flows: readonly Flow[]): readonly Cause[] {
  const byName = new Map<DiagnosisName, Finding[]>();
  for (const finding of findings) byName.set(finding.name, [...(byName.get(finding.name) ?? []), finding]);
  const causes = [...byName].flatMap(([name, all]): readonly Cause[] => {
    const active = all.filter((finding) => flows.some((flow) => finding.explains(flow)));
    const kept = active.length > 0 ? active : all;
    const explained = flows.filter((flow) => active.some((finding) => finding.explains(flow)));
    // The same missing route is also the return route of the other direction: named only where that direction failed.
    if (active.length === 0 && PAIRED.has(name)) return [];
    // What only warns breaks nothing, and is as certain without a failure.
    const idle = explained.length === 0 && diagnosisKind(name).severity === 'fail';
    return [{ name, findings: kept, explained, certainty: idle ? 'possible' : strongest(kept) }];
  });
  return causes.sort(
    (a, b) => severityRank(a) - severityRank(b) || RANK[a.certainty] - RANK[b.certainty] || b.explained.length - a.explained.length || compare(a.name, b.name),
  );
}

const PAIRED: ReadonlySet<DiagnosisName> = new Set<DiagnosisName>(['no-return-route']);
const RANK: Readonly<Record<Finding['certainty'], number>> = { certain: 0, likely: 1, possible: 2 };

function strongest(findings: readonly Finding[]): Finding['certainty'] {
  return findings.reduce<Finding['certainty']>((best, one) => (RANK[one.certainty] < RANK[best] ? one.certainty : best), 'possible');
}

function severityOf(cause: Cause): 'fail' | 'warn' {
  return cause.explained.length === 0 ? 'warn' : diagnosisKind(cause.name).severity;
}

function severityRank(cause: Cause): number {
  return severityOf(cause) === 'fail' ? 0 : 1;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Evidence and commands that a person still reads. */
const EVIDENCE_LIMIT = 10;
const MEND_LIMIT = 3;

function toDiagnosis(view: LabView, cause: Cause, found: readonly Finding[]): Diagnosis {
  const kind = diagnosisKind(cause.name);
  const where = unique(cause.findings.flatMap((finding) => finding.where));
  const evidence = unique(cause.findings.flatMap((finding) => finding.evidence));
  const checks = unique(cause.explained.map((flow) => flow.failure.check));
  return {
    name: cause.name,
    title: kind.title,
    where,
    confidence: cause.certainty,
    evidence: limited(evidence),
    ruledOut: ruleOut(view, cause.name, nodesConcerned(view, where, cause.explained), found),
    mend: unique(cause.findings.map((finding) => finding.mend).filter((mend) => mend !== ''))
      .slice(0, MEND_LIMIT)
      .join('; '),
    severity: severityOf(cause),
    checks: checks.length > 0 ? checks : kind.checks,
  };
}

function limited(evidence: readonly string[]): readonly string[] {
  return evidence.length > EVIDENCE_LIMIT ? [...evidence.slice(0, EVIDENCE_LIMIT), `and ${evidence.length - EVIDENCE_LIMIT} more of the kind`] : evidence;
}

/** The nodes of the diagnosis itself, else those of the failures. */
function nodesConcerned(view: LabView, where: readonly string[], explained: readonly Flow[]): readonly NodePlan[] {
  const named = where.flatMap((id) => view.endpoints.get(id)?.node ?? []);
  return unique(named.length > 0 ? named : explained.flatMap((flow) => [flow.client.node, ...(flow.server === null ? [] : [flow.server.node])]));
}

function unique<T>(items: readonly T[]): readonly T[] {
  return [...new Set(items)];
}
