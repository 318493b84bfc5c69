import { LabError } from '../topology/errors.ts';
import type { Diagnostic } from '../topology/diagnostic.ts';
import type { Positions } from './load-cache.ts';

export interface LoadedData {
  readonly input: unknown;
  readonly positions: Positions;
}

type Path = readonly (string | number)[];

function* pathsOf(value: unknown, path: Path = []): Generator<Path> {
  yield path;
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* pathsOf(item, [...path, index]);
  else if (typeof value === 'object' && value !== null) for (const [key, item] of Object.entries(value)) yield* pathsOf(item, [...path, key]);
}

function syntaxError(file: string, problems: readonly string[], diagnostics: readonly Diagnostic[]): LabError {
  return new LabError({
    code: 'LAB_FILE_SYNTAX',
    message: problems.join('\n'),
    hint: diagnostics[0]?.hint ?? 'mend the syntax at this place',
    details: { file, diagnostics },
  });
}

/** JSON is a part of YAML, and read as such for its places; what YAML allows beyond it is refused first. */
function requireJson(text: string, file: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    const { message } = error as SyntaxError;
    const offset = /position (\d+)/.exec(message)?.[1];
    const before = offset === undefined ? [] : text.slice(0, Number(offset)).split('\n');
    throw syntaxError(file, [`${file}${before.length === 0 ? '' : `:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`}: ${message}`], []);
  }
}

/**
 * Reads a YAML or JSON lab, which is data: nothing in it is run.
 *
 * @throws LabError LAB_FILE_SYNTAX with every problem, each with its line and column
 */
export async function loadData(text: string, file: string, kind: 'yaml' | 'json'): Promise<LoadedData> {
  if (kind === 'json') requireJson(text, file);
  const { parseYamlLab } = await import('./lab-yaml.ts');
  const parsed = parseYamlLab(text, file);
  if (!parsed.ok)
    throw syntaxError(
      file,
      parsed.diagnostics.map((d) => d.message),
      parsed.diagnostics,
    );
  const positions: Record<string, readonly [number, number]> = {};
  for (const path of pathsOf(parsed.value)) {
    const position = parsed.positionOf(path);
    if (position !== null) positions[JSON.stringify(path)] = [position.line, position.column];
  }
  return { input: parsed.value, positions };
}
