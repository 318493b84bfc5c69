/** YAML labs: data, read without running anything, with the place of every value. */
import { Composer, isAlias, isMap, isNode, isPair, isScalar, isSeq, Lexer, LineCounter, Parser, visit, type CST, type Document, type Node } from 'yaml';
import type { Diagnostic } from '../topology/diagnostic.ts';

/** A place in a file; both count from 1. */
export interface YamlPosition {
  readonly line: number;
  readonly column: number;
}

/** A problem of the text itself; its message begins with `file:line:column`. */
export interface YamlDiagnostic extends Diagnostic, YamlPosition {}

type Path = readonly (string | number)[];

export type ParsedYamlLab =
  | {
      readonly ok: true;
      readonly value: unknown /** Place of a value's key, or of a list's item; null when the path leads nowhere. */;
      readonly positionOf: (path: Path) => YamlPosition | null;
    }
  | { readonly ok: false; readonly diagnostics: readonly YamlDiagnostic[] };

/** Most characters of a lab file: far above any lab, far below what would stall the parser. */
const MAX_CHARACTERS = 4_000_000;
/** How often anchors may be used, expanded ones counted: above it the text is a bomb (the default of the yaml package). */
const MAX_ALIAS_COUNT = 100;

/** Deepest nesting: a NetworkPolicy in a lab reaches 12. */
const MAX_DEPTH = 64;

/** What to do about the parser's commonest complaints, by its code. */
const HINTS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'keep one of the two fields',
  TAB_AS_INDENT: 'indent with spaces: YAML allows no tabs there',
  BAD_INDENT: 'align the line with its neighbours',
  MISSING_CHAR: 'close the quote or bracket, or add the ":"',
  BLOCK_AS_IMPLICIT_KEY: 'put the text into quotes: it holds ": "',
  TAG_RESOLVE_FAILED: 'remove the tag: labs are plain data',
};

/**
 * Reads the text of a YAML lab (YAML 1.2, core schema): one document, unique keys, no tags, no alias bombs, no cycles.
 *
 * @param fileName as the user named it; it begins every message
 */
export function parseYamlLab(text: string, fileName: string): ParsedYamlLab {
  const lines = new LineCounter();
  const fail = (code: string, offset: number, message: string, hint: string): YamlDiagnostic => {
    const { line, col } = lines.linePos(offset);
    const place = { line: Math.max(1, line), column: Math.max(1, col) };
    return { severity: 'error', code, path: [], message: `${fileName}:${place.line}:${place.column}: ${message}`, hint, ...place };
  };
  if (text.length > MAX_CHARACTERS)
    return {
      ok: false,
      diagnostics: [
        fail('YAML_TOO_LARGE', 0, `the file has ${text.length} characters; a lab has ${MAX_CHARACTERS} at most`, 'is this the file that you meant?'),
      ],
    };
  const tooDeep = (offset: number): ParsedYamlLab => ({
    ok: false,
    diagnostics: [fail('YAML_TOO_DEEP', offset, `the values are nested deeper than ${MAX_DEPTH} levels`, 'a lab needs no such nesting')],
  });
  const tokens = tokensOf(text, lines);
  if (typeof tokens === 'number') return tooDeep(tokens);
  const parsed = [
    ...new Composer({ lineCounter: lines, version: '1.2', schema: 'core', uniqueKeys: true, prettyErrors: false, logLevel: 'silent' }).compose(tokens),
  ];
  const [document, second] = parsed;
  if (document === undefined) return { ok: false, diagnostics: [fail('YAML_EMPTY', 0, 'the file holds no document', 'write a lab: name: my-lab')] };
  const errors = parsed.flatMap((d) =>
    [...d.errors, ...d.warnings].map((e) => fail('YAML_SYNTAX', e.pos[0], e.message.replace(/\s+/g, ' '), HINTS[e.code] ?? 'mend the syntax at this place')),
  );
  if (second !== undefined)
    errors.push(
      fail(
        'YAML_SEVERAL_DOCUMENTS',
        second.range[0],
        `the file holds ${parsed.length} documents; a lab file holds one`,
        'write one lab per file, without a line of ---',
      ),
    );
  errors.push(
    ...aliasProblems(document).map(({ offset, name, cycle }) =>
      cycle
        ? fail('YAML_ALIAS', offset, `the alias *${name} stands inside of its own anchor: the value would never end`, 'write the value out')
        : fail('YAML_ALIAS', offset, `there is no anchor &${name} before this alias`, 'put the anchor first, or quote the text when no alias is meant'),
    ),
  );
  if (errors.length > 0) return { ok: false, diagnostics: errors };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
    if (isDeeperThan(value, MAX_DEPTH)) return tooDeep(0);
    return { ok: true, value, positionOf: (path) => positionOf(document, lines, path) };
  } catch (error) {
    if (error instanceof ReferenceError)
      return { ok: false, diagnostics: [fail('YAML_ALIAS', 0, `the aliases expand too often: ${MAX_ALIAS_COUNT} times at most`, 'write the values out')] };
    throw error;
  }
}

/**
 * The syntax tree, or the offset at which it becomes too deep. The parser keeps a stack of its own; what comes after it recurses, and a text of
 * thousands of brackets would end the process there, not in an error that can be caught.
 */
function tokensOf(text: string, lines: LineCounter): readonly CST.Token[] | number {
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > MAX_DEPTH + 2) return parser.offset;
  }
  tokens.push(...parser.end());
  return tokens;
}

/** Aliases that name nothing, or the node that they stand in. */
function aliasProblems(document: Document.Parsed): readonly { readonly offset: number; readonly name: string; readonly cycle: boolean }[] {
  const found: { offset: number; name: string; cycle: boolean }[] = [];
  visit(document, {
    Alias: (_key, alias, ancestors) => {
      const target = alias.resolve(document);
      const cycle = target !== undefined && ancestors.includes(target);
      if (cycle || target === undefined) found.push({ offset: alias.range?.[0] ?? 0, name: alias.source, cycle });
    },
  });
  return found;
}

/** Is something nested deeper than that? Aliases are followed; there are no cycles by then. */
function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((item) => isDeeperThan(item, depth - 1));
}

function positionOf(document: Document.Parsed, lines: LineCounter, path: Path): YamlPosition | null {
  let node: unknown = document.contents;
  let offset = document.contents?.range[0] ?? 0;
  for (const step of path) {
    const here: unknown = isAlias(node) ? node.resolve(document) : node;
    if (isMap(here)) {
      const pair = here.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return null;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(here) && typeof step === 'number' && step < here.items.length) {
      node = here.items[step];
      offset = startOf(node) ?? offset;
    } else {
      return null;
    }
  }
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

function startOf(node: unknown): number | null {
  return isNode(node) ? ((node as Node).range?.[0] ?? null) : null;
}
