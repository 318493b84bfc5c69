import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadLab } from '../../lab/load-lab.ts';
import { validateLab } from '../../lab/plan.ts';
import { useScratch } from '../lab/scratch.ts';

const scratch = useScratch();
const rooms = fileURLToPath(new URL('../../constructs', import.meta.url));

/** The code blocks under every `@example` of a file. */
function examplesOf(file: string): readonly string[] {
  return [...readFileSync(file, 'utf8').matchAll(/ \* @example\n \* ```ts\n(?<code>(?: \*.*\n)*?) \* ```\n/g)].map((match) =>
    (match.groups?.['code'] ?? '')
      .split('\n')
      .map((line) => line.replace(/^ \* ?/, ''))
      .join('\n'),
  );
}

const files = readdirSync(rooms, { recursive: true, encoding: 'utf8' })
  // synth/ is made of plans, not by authors.
  .filter((file) => file.endsWith('.ts') && !file.startsWith('synth/'))
  .sort();
const examples = files.flatMap((file) => examplesOf(join(rooms, file)).map((code) => ({ file, code })));

describe('examples in the documentation of constructs', () => {
  it('are there for everything that an author creates', () => {
    const creates = files.filter((file) => /^export class /m.test(readFileSync(join(rooms, file), 'utf8')));
    expect(examples.map((example) => example.file)).toEqual(creates);
  });

  it.each(examples)('$file is a valid lab', async ({ code }) => {
    const file = join(scratch.folder, 'example', 'lab.ts');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, code);
    expect(validateLab(await loadLab(file)).filter((diagnostic) => diagnostic.severity === 'error')).toEqual([]);
  });
});
