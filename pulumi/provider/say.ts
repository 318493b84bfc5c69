/** Errors as Pulumi shows them: a text with what to do next, no stack, no secret. */
import { formatDiagnostic } from '../../topology/format-diagnostic.ts';
import { LabError, SpecError } from '../../topology/errors.ts';
import { withoutSecrets } from '../secrets.ts';

/** The text of an error; a stack only for what is no {@link LabError}: a bug. */
export function textOf(error: unknown): string {
  if (!(error instanceof LabError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const findings = error instanceof SpecError ? error.diagnostics.map((one) => formatDiagnostic(one, { source: 'lab' })) : [];
  const evidence = ['stderr', 'evidence'].flatMap((key) => {
    const detail = error.details[key];
    return typeof detail === 'string' && detail !== '' ? [`${key}: ${detail}`] : [];
  });
  return [`${error.code}: ${error.message}`, ...findings, ...evidence, `hint: ${error.hint}`, `see ${error.docs}`].join('\n');
}

/** The same error for the engine of Pulumi, which prints the stack of what a provider throws. */
export function said(error: unknown, ...specs: readonly string[]): Error {
  const told = new Error(withoutSecrets(textOf(error), ...specs), { cause: error });
  told.stack = told.message;
  return told;
}

/** Something exists, and is not as it should be: Pulumi keeps it in its state, so that the next update mends it and `destroy` removes it. */
export class PartialError extends Error {
  readonly id: string;
  readonly properties: object;
  readonly reasons: string[];

  constructor(id: string, properties: object, message: string) {
    super(message);
    this.id = id;
    this.properties = properties;
    this.reasons = [message];
    this.stack = message;
  }
}
