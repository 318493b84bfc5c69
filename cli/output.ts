/** The only place that writes: stdout carries the data of the command, stderr what people read. */
import { relative } from 'node:path';
import type { Diagnostic } from '../topology/diagnostic.ts';
import { LabError } from '../topology/errors.ts';
import { colorWanted, createStyle, unicodeWanted, type Style } from '../report/style.ts';
import { printable } from '../report/layout.ts';
import type { Streams } from './streams.ts';

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

export interface Output extends OutputOptions {
  /** How stdout is dressed; stderr may differ when only one of them is a terminal. */
  readonly style: Style;
  readonly peopleStyle: Style;
  /** Columns of stdout; undefined when it is not a terminal. */
  readonly columns: number | undefined;
  /** Data as text; nothing with --json. */
  data(text: string): void;
  /** Data as the one JSON document; nothing without --json. */
  document(value: unknown): void;
  /** A line for people; a JSON line with --json; nothing with -q. */
  note(text: string): void;
  /** A warning: as a note, with its label. */
  warn(text: string): void;
  /** The command to type next. */
  next(command: string): void;
  /** One error, with its diagnostics, hint and page; said even with -q. */
  error(error: unknown): Promise<void>;
  /** Where the diagnostics of later errors point into. */
  locate(source: DiagnosticSource): void;
}

/** A loaded lab file, as far as messages need it. */
export interface DiagnosticSource {
  readonly path: string;
  readonly input: unknown;
  readonly positionOf: (path: readonly (string | number)[]) => { readonly line: number; readonly column: number } | null;
}

/** Makes the output of one command. */
export function createOutput(streams: Streams, options: OutputOptions): Output {
  const { stdout, stderr, env } = streams;
  const unicode = unicodeWanted(env);
  const dressed = (isTTY: boolean | undefined): Style => createStyle({ color: !options.json && colorWanted(env, isTTY === true), unicode });
  const style = dressed(stdout.isTTY);
  const peopleStyle = dressed(stderr.isTTY);
  let source: DiagnosticSource | undefined;

  const people = (kind: 'note' | 'warning' | 'next', text: string): void => {
    if (options.quiet) return;
    const label = { note: '', warning: `${peopleStyle.warn('warning:')} `, next: `${peopleStyle.dim('next:')} ` }[kind];
    stderr.write(options.json ? `${JSON.stringify({ [kind]: text })}\n` : `${label}${kind === 'next' ? peopleStyle.command(text) : text}\n`);
  };
  return {
    ...options,
    style,
    peopleStyle,
    columns: stdout.isTTY === true ? stdout.columns : undefined,
    data: (text) => {
      if (!options.json && text !== '') stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    },
    document: (value) => {
      if (options.json) stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    note: (text) => {
      people('note', text);
    },
    warn: (text) => {
      people('warning', text);
    },
    next: (command) => {
      people('next', command);
    },
    locate: (at) => {
      source = at;
    },
    error: async (error) => {
      stderr.write(
        options.json
          ? `${JSON.stringify({ error: errorDocument(error) })}\n`
          : await errorText(error, { style: peopleStyle, verbose: options.verbose, cwd: streams.cwd, source }),
      );
    },
  };
}

/** What `--json` says of an error. */
export function errorDocument(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof LabError) return { code: error.code, message: error.message, hint: error.hint, docs: error.docs, details: error.details };
  const { message, stack } = asError(error);
  return { code: 'INTERNAL', message, hint: BUG_HINT, docs: 'docs/errors.md#internal', details: { stack: stack ?? '' } };
}

const BUG_HINT = 'this is a bug of cnilab: please report it with the command and the lab file';

interface ErrorTextOptions {
  readonly style: Style;
  readonly verbose: boolean;
  readonly cwd: string;
  readonly source: DiagnosticSource | undefined;
}

async function errorText(error: unknown, { style, verbose, cwd, source }: ErrorTextOptions): Promise<string> {
  const known = error instanceof LabError ? error : undefined;
  const plain = asError(error);
  const lines = [`${style.fail('error:')} ${printable(plain.message)}`];
  const diagnostics = known?.details['diagnostics'];
  if (Array.isArray(diagnostics)) lines.push(...(await diagnosticLines(diagnostics as Diagnostic[], source, cwd)));
  else if (known !== undefined) lines.push(...detailLines(known.details));
  lines.push(`${style.dim('hint:')} ${printable(known?.hint ?? BUG_HINT).replaceAll('\n', '\n      ')}`);
  if (known !== undefined) lines.push(style.dim(`see ${known.docs}`));
  if (verbose || known === undefined || known.code === 'INTERNAL') lines.push(style.dim(stackOf(plain)));
  return `${lines.join('\n')}\n`;
}

/** Diagnostics as text, one a line, with file and line where they are known. */
export async function diagnosticLines(diagnostics: readonly Diagnostic[], source: DiagnosticSource | undefined, cwd: string): Promise<string[]> {
  const { formatDiagnostic } = await import('../topology/format-diagnostic.ts');
  return diagnostics.map((diagnostic) => {
    const position = source?.positionOf(diagnostic.path) ?? null;
    return formatDiagnostic(diagnostic, {
      source: source === undefined ? 'lab' : shortPath(source.path, cwd),
      ...(position === null ? {} : { position }),
      ...(source === undefined ? {} : { spec: source.input }),
    });
  });
}

/** Relative where that is shorter and stays below the working directory. */
export function shortPath(path: string, cwd: string): string {
  const near = relative(cwd, path);
  return near === '' || near.startsWith('..') ? path : near;
}

/** Details that say more than the message: the command to paste, the captured end of stderr, what is left behind. */
function detailLines(details: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(details).flatMap(([key, value]) => {
    if (key === 'command' && typeof value === 'string') return [`  ran: ${printable(value)}`];
    if (key === 'stderr' && typeof value === 'string' && value !== '')
      return value
        .trimEnd()
        .split('\n')
        .map((line) => `  | ${printable(line)}`);
    if (key === 'remains') return (Array.isArray(value) ? value : [value]).map((line) => `  remains: ${printable(String(line))}`);
    return [];
  });
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return (error.stack ?? error.message) + cause;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
