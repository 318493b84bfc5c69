/** Running labs for people: the list, and one lab in detail. */
import type { LabPlan } from '../topology/plan.ts';
import { counted, table } from './layout.ts';
import { renderPlan } from './plan-text.ts';
import type { Style } from './style.ts';

/** What of a lab's state is shown; a structural part of lab/'s own types. */
export interface LabRow {
  readonly name: string;
  readonly engine: string;
  readonly status: string;
  readonly nodes: number;
  readonly pods: number;
  readonly cnis: readonly string[];
  readonly createdAt: string;
  readonly source: string;
}

export interface LabDetail {
  readonly name: string;
  readonly engine: string;
  readonly status: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly source: { readonly path: string; readonly sha256: string };
  readonly directory: string;
  readonly plan: LabPlan;
  /** As it is, where the engine and not the plan chooses names and addresses. */
  readonly observed?: LabPlan;
  readonly faults: readonly { readonly id: string; readonly where: string }[];
  /** How far its lesson is; null where it has none. */
  readonly standing: LessonDetail | null;
}

export interface LessonDetail {
  readonly title: string;
  readonly steps: { readonly done: number; readonly total: number };
  readonly exercise: { readonly name: string; readonly hints: { readonly given: number; readonly total: number } } | null;
}

/** Table of labs; `now` (ms since the epoch) dates their age. */
export function renderLabList(labs: readonly LabRow[], style: Style, now: number): string {
  if (labs.length === 0) return '';
  const rows = labs.map((lab) => [
    lab.name,
    statusWord(lab.status, style),
    lab.engine,
    String(lab.nodes),
    String(lab.pods),
    lab.cnis.join(' '),
    age(now - Date.parse(lab.createdAt)),
    lab.source === '' ? '-' : lab.source,
  ]);
  const [header = '', ...lines] = table(['name', 'status', 'engine', 'nodes', 'pods', 'cni', 'age', 'source'], rows, { right: [3, 4] });
  return `${[style.dim(header), ...lines].join('\n')}\n`;
}

/** One lab: its state, injected faults, then its plan. */
export function renderLab(lab: LabDetail, style: Style, now: number): string {
  const facts = [
    ['status', statusWord(lab.status, style)],
    ['engine', lab.engine],
    ['created', `${lab.createdAt} (${age(now - Date.parse(lab.createdAt))} ago)`],
    ['updated', lab.updatedAt],
    ['source', lab.source.path === '' ? 'brought up through the API' : `${lab.source.path}  sha256 ${lab.source.sha256.slice(0, 12)}`],
    ['directory', lab.directory],
    ...lab.faults.map((fault, i) => [i === 0 ? 'faults' : '', style.warn(`${fault.id} at ${fault.where}`)]),
    ...(lab.standing === null ? [] : [['lesson', lessonText(lab.standing)]]),
  ];
  return `${[style.strong(lab.name), ...table([], facts, { indent: 2 })].join('\n')}\n\n${renderPlan(lab.observed ?? lab.plan, style)}`;
}

function lessonText({ title, steps, exercise }: LessonDetail): string {
  return [
    title,
    ...(steps.total === 0 ? [] : [`${String(steps.done)} of ${counted(steps.total, 'step')} done`]),
    ...(exercise === null ? [] : [`exercise ${exercise.name} under way, ${String(exercise.hints.given)} of ${counted(exercise.hints.total, 'hint')} given`]),
  ].join('; ');
}

/** The word for a status, coloured. */
export function statusWord(status: string, style: Style): string {
  return status === 'up' ? style.pass(status) : status === 'lost' || status === 'failed' ? style.fail(status) : style.warn(status);
}

/** `40 s`, `5 min`, `3 h`, `2 days`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (Number.isNaN(seconds)) return '?';
  if (seconds < 120) return `${String(seconds)} s`;
  if (seconds < 7200) return `${String(Math.round(seconds / 60))} min`;
  if (seconds < 172_800) return `${String(Math.round(seconds / 3600))} h`;
  return counted(Math.round(seconds / 86_400), 'day');
}
