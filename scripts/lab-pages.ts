/** The pages of the labs: docs/labs/NAME.md for each that has a lesson, and docs/labs/README.md. */
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asLoaded } from '../lab/api.ts';
import { cardOf, madeOf, type LabCard } from '../lab/shipped.ts';
import { pickLab } from '../lab/pick-lab.ts';
import { planLabFile } from '../lab/plan.ts';
import { labIndex, type ListedLab } from '../report/lesson/index-page.ts';
import { lessonPage } from '../report/lesson/page.ts';
import { SpecError } from '../topology/errors.ts';
import type { LessonSpec } from '../topology/lesson/lesson.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { LabSpec } from '../topology/spec.ts';
import { fill } from '../verify/lesson/fill.ts';
import { valuesOf } from '../verify/lesson/values.ts';

export interface ShippedLab extends ListedLab {
  /** Name of its file, without the ending. */
  readonly file: string;
  readonly card: LabCard;
  /** null: it has none. */
  readonly lesson: LessonSpec | null;
  readonly spec: LabSpec;
  readonly plan: LabPlan;
}

const folder = new URL('../labs/', import.meta.url);

async function read(file: string): Promise<ShippedLab> {
  const picked = await pickLab((await import(new URL(file, folder).href)) as Readonly<Record<string, unknown>>);
  if (!picked.ok) throw new Error(picked.message);
  // Type assertion: planLabFile checks it, and throws for what is none.
  const loaded = await asLoaded(picked.input as LabSpec);
  const plan = planLabFile(loaded);
  const { name, description = '', lesson = null } = loaded.spec;
  return { file: basename(file, '.ts'), name, description, lesson, plan, spec: loaded.spec, card: cardOf(loaded.spec) };
}

function reasonOf(error: unknown): string {
  if (error instanceof SpecError) return error.diagnostics.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  return error instanceof Error ? error.message : String(error);
}

export interface ShippedLabs {
  readonly labs: readonly ShippedLab[];
  /** Files that are no labs, with the reason. */
  readonly broken: readonly string[];
}

/** Every lab of the folder labs/, planned. They are imported into this process: they are ours, and many. */
export async function shippedLabs(): Promise<ShippedLabs> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const all = await Promise.all(files.map(async (file) => await read(file).catch((error: unknown) => `labs/${file}: ${reasonOf(error)}`)));
  return { labs: all.filter((one) => typeof one !== 'string'), broken: all.filter((one) => typeof one === 'string') };
}

export interface LabPages {
  /** Path in the repository → text. */
  readonly pages: Readonly<Record<string, string>>;
  readonly broken: readonly string[];
}

/** A page for each lab that has a lesson, and the list of all. */
export async function labPages(): Promise<LabPages> {
  const { labs, broken } = await shippedLabs();
  const wrong: string[] = [...broken];
  const cards = Object.fromEntries(labs.map(({ file, card }) => [`${file}.ts`, { made: madeOf(fileURLToPath(new URL(`${file}.ts`, folder))), card }]));
  const pages: Record<string, string> = { 'docs/labs/README.md': labIndex(labs), 'docs/labs/labs.json': `${JSON.stringify(cards, null, 2)}\n` };
  for (const { name, file, lesson, plan } of labs) {
    if (lesson === null) continue;
    const values = valuesOf(plan);
    try {
      pages[`docs/labs/${name}.md`] = lessonPage({ lesson, plan, fill: (text) => fill(text, values) });
    } catch (error) {
      wrong.push(`labs/${file}.ts: ${reasonOf(error)}`);
    }
  }
  return { pages, broken: wrong };
}
