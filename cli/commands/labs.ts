import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { cardOf, shippedCard, shippedCards, shippedFolder, type LabCard, type LabCards } from '../../lab/shipped.ts';
import { table } from '../../report/layout.ts';
import { byTopic } from '../../report/lesson/index-page.ts';
import { TOPIC_TITLES } from '../../report/lesson/words.ts';
import { textOption, usageError, type Invocation, type RunCommand } from '../invocation.ts';
import { shortPath } from '../output.ts';
import { loadLimit } from './open-lab-file.ts';

interface Definition extends LabCard {
  readonly file: string;
  readonly error: string | null;
}

const LAB_FILE = /(?<!\.d)\.(ts|mts|js|mjs|ya?ml|json)$/;
/** Lab files read at once; each TypeScript file that has changed is a process. */
const AT_ONCE = 4;

/** Lists labs: those with a lesson by topic, the others after them. One that does not load is listed with its reason. */
export const run: RunCommand = async (invocation) => {
  const { output, streams, operands } = invocation;
  const directory = folderOf(operands[0], streams.cwd);
  const names = await readdir(directory).catch(() => {
    throw usageError(`there is no folder ${shortPath(directory, streams.cwd)}`, 'name the folder: cnilab labs DIRECTORY; or make a lab: cnilab init my-lab');
  });
  const files = names
    .filter((name) => LAB_FILE.test(name) && !/^(package|tsconfig)/.test(name))
    .sort()
    .map((name) => join(directory, name));
  const cards = directory === shippedFolder ? shippedCards() : {};
  const all: Definition[] = [];
  for (let i = 0; i < files.length; i += AT_ONCE) all.push(...(await Promise.all(files.slice(i, i + AT_ONCE).map((file) => define(file, cards, invocation)))));
  const [topic, level] = [textOption(invocation, 'topic'), textOption(invocation, 'level')];
  const found = all.filter(({ lesson }) => (topic === undefined || lesson?.topic === topic) && (level === undefined || lesson?.level === level));
  output.document({ directory, labs: found });
  if (found.length > 0) output.data(listing(found, directory, invocation));
  else
    output.note(
      all.length === 0 ? `no lab file in ${shortPath(directory, streams.cwd)}` : `no lab of that topic and level in ${shortPath(directory, streams.cwd)}`,
    );
  const first = byTopic(found)[0]?.[1][0];
  if (first !== undefined) output.next(`cnilab up ${wordOf(first, streams.cwd)}`);
  return 0;
};

/** As named; else the folder labs here; else the labs of the package. */
function folderOf(operand: string | undefined, cwd: string): string {
  const here = resolve(cwd, operand ?? 'labs');
  return operand === undefined && !existsSync(here) ? shippedFolder : here;
}

/** What `cnilab up` takes: a lab of the package by its name. */
const wordOf = ({ file, name }: Definition, cwd: string): string =>
  dirname(file) === shippedFolder && file.endsWith(`/${name}.ts`) ? name : shortPath(file, cwd);

function listing(found: readonly Definition[], directory: string, { output, streams }: Invocation): string {
  const { dim, fail, strong } = output.style;
  const topics = byTopic(found);
  const rows = topics.flatMap(([, labs]) =>
    labs.map((lab) => [
      `  ${lab.name}`,
      ...(directory === shippedFolder ? [] : [shortPath(lab.file, streams.cwd)]),
      lab.lesson.level,
      lab.lesson.title,
      lab.lesson.engines.join(' '),
    ]),
  );
  const header = ['  name', ...(directory === shippedFolder ? [] : ['file']), 'level', 'what it shows', 'engines'];
  const [head = '', ...lines] = rows.length === 0 ? [] : table(header, rows);
  const sections = topics.map(([topic, labs], index) => {
    const before = topics.slice(0, index).reduce((sum, [, own]) => sum + own.length, 0);
    return [`${strong(TOPIC_TITLES[topic])}  ${dim(`--topic ${topic}`)}`, ...lines.slice(before, before + labs.length)].join('\n');
  });
  const others = found.filter(({ lesson }) => lesson === null);
  if (others.length === 0) return [dim(head), ...sections].join('\n');
  const [otherHead = '', ...otherLines] = table(
    ['  name', 'file', 'cni', 'nodes', 'description'],
    others.map((lab) => [
      `  ${lab.name}`,
      shortPath(lab.file, streams.cwd),
      lab.cnis.join(' '),
      lab.error === null ? String(lab.nodes) : '-',
      lab.error === null ? lab.description : fail(lab.error),
    ]),
    { right: [3] },
  );
  const rest = [...(sections.length === 0 ? [] : [strong('Without a lesson')]), dim(otherHead), ...otherLines].join('\n');
  return [...(sections.length === 0 ? [] : [dim(head), ...sections]), rest].join('\n');
}

async function define(file: string, cards: LabCards, { lab, timeoutMs }: Invocation): Promise<Definition> {
  const kept = shippedCard(file, cards);
  if (kept !== null) return { ...kept, file, error: null };
  try {
    const { input } = await lab.loadLab(file, loadLimit(timeoutMs));
    return { ...cardOf(input), file, error: null };
  } catch (error) {
    return { ...cardOf(null), file, error: (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '' };
  }
}
