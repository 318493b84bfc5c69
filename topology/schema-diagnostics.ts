/** Words for what the schema found: from an issue to a diagnostic with place, reason and next step. */
import type { Diagnostic } from './diagnostic.ts';
import { nearest } from './names.ts';

/** The part of a schema issue that diagnostics are made of. */
export interface SchemaIssue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly expected?: string;
  /** unrecognized_keys: the unknown names; `message` then holds the known ones. */
  readonly keys?: readonly string[];
  /** invalid_value: what is allowed. */
  readonly values?: readonly unknown[];
  /** invalid_union by a discriminator: what is allowed. */
  readonly options?: readonly unknown[];
  readonly errors?: readonly (readonly SchemaIssue[])[];
  readonly origin?: string;
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
}

type Path = readonly (string | number)[];

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping of fields',
  record: 'a mapping',
  array: 'a list',
};

/** Values that were right once: what to write today. */
const SUCCESSORS: Readonly<Record<string, string>> = {
  kubenet: 'kubenet was removed in Kubernetes 1.24: use bridge, which keeps its data path (bridge, host-local, routes)',
  wireguard: 'encryption is not part of these data paths: use vxlan',
};

/** Fields whose absence is best answered by an example. */
const EXAMPLES: Readonly<Record<string, string>> = {
  name: 'name: my-lab',
  cni: 'cni: { type: flannel }',
  type: 'type: flannel',
  cidr: 'cidr: 192.168.1.0/24',
  via: 'via: 192.168.1.1',
  to: 'to: 192.168.2.0/24',
};

/** The diagnostics of one issue: one, or one per unknown field. `input` is the whole lab as it was read. */
export function diagnosticOfIssue(issue: SchemaIssue, input: unknown): readonly Diagnostic[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const value = valueAt(input, path);
  if (issue.code === 'unrecognized_keys') return (issue.keys ?? []).map((key) => unknownField(key, path, issue.message.split(' ')));
  const allowed = issue.code === 'invalid_union' ? issue.options : issue.values;
  if (value === undefined) return [missing(path, allowed)];
  if (allowed !== undefined) return [notAllowed(path, value, allowed)];
  if (issue.code === 'invalid_union') return ofUnion(issue, path, input);
  if (issue.code === 'invalid_type') return [wrongType(path, value, [issue.expected ?? 'string'])];
  if (issue.code === 'too_small' || issue.code === 'too_big') return [outOfBounds(issue, path, value)];
  return [error('FIELD_VALUE', path, `${shortForm(value)} cannot be used: ${issue.message}`, 'change the value')];
}

function error(code: string, path: Path, message: string, hint: string): Diagnostic {
  return { severity: 'error', code, path, message, hint };
}

/** What a place is called: its field, or `item 2 of clusters`. */
function fieldName(path: Path): string {
  const last = path.at(-1);
  return typeof last === 'number' ? `item ${last + 1} of ${String(path.at(-2) ?? 'the list')}` : (last ?? 'a lab');
}

function unknownField(key: string, path: Path, all: readonly string[]): Diagnostic {
  const known = all.filter((field) => !field.startsWith('$'));
  const near = nearest(key, known);
  return error(
    'FIELD_UNKNOWN',
    [...path, key],
    `there is no field "${key}" here; the fields are ${known.join(', ')}`,
    near === null ? `remove ${key}, or use one of the fields above` : `did you mean ${near}?`,
  );
}

function missing(path: Path, allowed: readonly unknown[] | undefined): Diagnostic {
  const field = fieldName(path);
  const example = allowed === undefined ? (EXAMPLES[field] ?? `${field}: …`) : `${field}: ${allowed.join(' | ')}`;
  return error('FIELD_MISSING', path, path.length === 0 ? 'the lab is empty' : `${field} is missing`, `add ${example}`);
}

function notAllowed(path: Path, value: unknown, allowed: readonly unknown[]): Diagnostic {
  const words = allowed.map(String);
  const given = typeof value === 'string' ? value : '';
  const near = nearest(given, words);
  return error(
    'FIELD_VALUE',
    path,
    `${fieldName(path)} is ${shortForm(value)}; allowed: ${words.join(', ')}`,
    SUCCESSORS[given] ?? (near === null ? `use one of ${words.join(', ')}` : `did you mean ${near}?`),
  );
}

/** One of several shapes: the problems of the branch that was meant, which is the one with the fewest. */
function ofUnion(issue: SchemaIssue, path: Path, input: unknown): readonly Diagnostic[] {
  const branches = issue.errors ?? [];
  const [meant] = branches
    .filter((branch) => branch.every((inner) => inner.path.length > 0 || inner.code !== 'invalid_type'))
    .sort((a, b) => problemsOf(a) - problemsOf(b));
  if (meant !== undefined) return meant.flatMap((inner) => diagnosticOfIssue({ ...inner, path: [...issue.path, ...inner.path] }, input));
  return [
    wrongType(
      path,
      valueAt(input, path),
      branches.flatMap((branch) => branch.flatMap((inner) => inner.expected ?? [])),
    ),
  ];
}

const problemsOf = (branch: readonly SchemaIssue[]): number => branch.reduce((sum, issue) => sum + (issue.keys?.length ?? 1), 0);

function wrongType(path: Path, value: unknown, expected: readonly string[]): Diagnostic {
  const words = [...new Set(expected.map((type) => TYPE_WORDS[type] ?? type))].join(' or ');
  return error('FIELD_TYPE', path, `${fieldName(path)} must be ${words}, not ${typeWord(value)}`, typeHint(path, value, expected));
}

function typeHint(path: Path, value: unknown, expected: readonly string[]): string {
  if (path.at(-1) === 'kubernetesVersion') return 'write the version in quotes, as "1.37": without them YAML reads 1.30 as the number 1.3';
  if (value === null) return 'give it a value, or leave the field out';
  if (expected.includes('string') && (typeof value === 'number' || typeof value === 'boolean')) return `write it in quotes: "${String(value)}"`;
  if (typeof value === 'string' && value.trim() !== '' && expected.some((e) => e === 'int' || e === 'number') && Number.isInteger(Number(value)))
    return `write it without quotes: ${value}`;
  if (typeof value === 'string' && expected.includes('boolean')) return 'write true or false, without quotes';
  if (expected.includes('array') && !expected.includes('string')) return 'write a list: each item begins with "- " in YAML, or stands in [ ]';
  return `write ${expected.map((type) => TYPE_WORDS[type] ?? type).join(' or ')} here`;
}

function outOfBounds(issue: SchemaIssue, path: Path, value: unknown): Diagnostic {
  const field = fieldName(path);
  const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  return issue.origin === 'array'
    ? error('FIELD_VALUE', path, `${field} has ${Array.isArray(value) ? value.length : 0} items; it must have ${bound}`, 'add an item, or leave the field out')
    : error('FIELD_VALUE', path, `${field} is ${shortForm(value)}; it must be ${bound}`, `use a number that is ${bound}`);
}

function typeWord(value: unknown): string {
  if (value === null) return 'empty (null)';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return `text (${shortForm(value)})`;
  return typeof value === 'object' ? 'a mapping of fields' : `a ${typeof value} (${String(value)})`;
}

function shortForm(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, step) ? (value as Record<string | number, unknown>)[step] : undefined,
    input,
  );
}
