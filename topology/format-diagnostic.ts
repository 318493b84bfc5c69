import type { Diagnostic } from './diagnostic.ts';

export interface DiagnosticContext {
  /** The lab file, as the user named it. */
  readonly source: string;
  /** Where in the file; both count from 1. */
  readonly position?: { readonly line: number; readonly column: number } | null;
  /** The lab as it was read: names of its elements replace their numbers. */
  readonly spec?: unknown;
}

/** A place in words: `clusters.c1.nodes.worker1.address`; an element without a name keeps its number, as in `routes[0]`. */
export function formatPath(path: Diagnostic['path'], spec?: unknown): string {
  let value = spec;
  let text = '';
  for (const step of path) {
    value = typeof value === 'object' && value !== null && Object.hasOwn(value, step) ? (value as Record<string | number, unknown>)[step] : undefined;
    const name = typeof step === 'number' ? nameOf(value) : String(step);
    text += name === null ? `[${step}]` : `${text === '' ? '' : '.'}${printable(name)}`;
  }
  return text;
}

/**
 * One diagnostic as one line: `labs/x.yaml:12:5 › clusters.c1.podCIDR  CIDR_OVERLAP  message  hint: …`. Control characters of the lab's own
 * texts are shown, not sent to the terminal.
 */
export function formatDiagnostic(diagnostic: Diagnostic, { source, position, spec }: DiagnosticContext): string {
  const place = position === undefined || position === null ? source : `${source}:${position.line}:${position.column}`;
  const path = formatPath(diagnostic.path, spec);
  const severity = diagnostic.severity === 'error' ? '' : `${diagnostic.severity}: `;
  return `${place}${path === '' ? '' : ` › ${path}`}  ${diagnostic.code}  ${severity}${printable(diagnostic.message)}  hint: ${printable(diagnostic.hint)}`;
}

/** The name of an element of a list: its own, or a Kubernetes object's. */
function nameOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const { name, metadata } = value as { readonly name?: unknown; readonly metadata?: unknown };
  if (typeof name === 'string' && name !== '') return name;
  return metadata === undefined ? null : nameOf(metadata);
}

function printable(text: string): string {
  return text.replace(/\p{C}/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}
