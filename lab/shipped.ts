/** The labs that come with the package. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Level, Topic } from '../topology/lesson/lesson.ts';
import type { LabSpec } from '../topology/spec.ts';
import { packageRoot } from './installation.ts';
import { sha256 } from './load-cache.ts';

/** A lab as a list shows it. */
export interface LabCard {
  readonly name: string;
  readonly description: string;
  /** Each once. */
  readonly cnis: readonly string[];
  readonly nodes: number;
  /** null: it has no lesson. */
  readonly lesson: { readonly title: string; readonly topic: Topic; readonly level: Level; readonly order: number; readonly engines: readonly string[] } | null;
}

/** Cards by the name of the lab's file, each valid for what the lab was made of. */
export interface LabCards {
  readonly [file: string]: { readonly made: string; readonly card: LabCard };
}

/** The folder of the labs that come with the package. */
export const shippedFolder: string = join(packageRoot, 'labs');

const cardsFile = join(packageRoot, 'docs/labs/labs.json');

/** What `cnilab init` and the docs call a lab: no path, no ending. */
const NAME = /^[a-z0-9-]+$/;

/** The file of the lab of that name that comes with the package; null: there is none. */
export function shippedLab(name: string): string | null {
  const file = join(shippedFolder, `${name}.ts`);
  return NAME.test(name) && existsSync(file) ? file : null;
}

/** A network configuration list as files are called: no path. */
const CONFLIST = /^[a-z0-9-]+\.conflist$/;

/** The network configuration list of that name that comes with the package; null: there is none. */
export function shippedConflist(name: string): string | null {
  const file = join(shippedFolder, name);
  return CONFLIST.test(name) && existsSync(file) ? file : null;
}

/** What a lab that has been read, but not checked, says of itself. */
export function cardOf(input: unknown): LabCard {
  const spec = (typeof input === 'object' && input !== null ? input : {}) as Partial<LabSpec>;
  const clusters = Array.isArray(spec.clusters) ? spec.clusters : [];
  const { lesson } = spec;
  return {
    name: spec.name ?? '?',
    description: spec.description ?? '',
    cnis: [...new Set(clusters.map((cluster) => cluster.cni?.type ?? '?'))],
    nodes: clusters.reduce((sum, cluster) => sum + (cluster.nodes?.length ?? (cluster.controlPlanes ?? 1) + (cluster.workers ?? 2)), 0),
    lesson:
      lesson === undefined
        ? null
        : { title: lesson.title, topic: lesson.topic, level: lesson.level, order: lesson.order, engines: lesson.engines ?? ['netns'] },
  };
}

/** Of a lab file of the package and its lesson: they import nothing else of their own. */
export function madeOf(file: string): string {
  const lesson = join(shippedFolder, 'lessons', basename(file));
  return sha256([file, lesson].map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')).join('\0'));
}

/** The card of a lab file of the package, kept from when its page was written: reading forty of them takes a while. null where that is not current. */
export function shippedCard(file: string, cards: LabCards): LabCard | null {
  const kept = cards[basename(file)];
  return kept !== undefined && kept.made === madeOf(file) ? kept.card : null;
}

/** The cards that the docs keep; none where they cannot be read. */
export function shippedCards(): LabCards {
  try {
    return JSON.parse(readFileSync(cardsFile, 'utf8')) as LabCards;
  } catch {
    return {};
  }
}
