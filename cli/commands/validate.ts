import { counted } from '../../report/layout.ts';
import type { Diagnostic } from '../../topology/diagnostic.ts';
import { LabError } from '../../topology/errors.ts';
import { exitCodeOf, exitCodes } from '../exit-codes.ts';
import type { Invocation, RunCommand } from '../invocation.ts';
import { diagnosticLines, errorDocument, shortPath, type DiagnosticSource } from '../output.ts';
import { labFilePath, loadLimit } from './open-lab-file.ts';

interface Checked {
  readonly file: string;
  readonly source: DiagnosticSource | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Why the file could not be read at all. */
  readonly error: LabError | null;
}

/** Every problem of every file at once. The findings are the data of this command: they go to stdout. */
export const run: RunCommand = async (invocation) => {
  const { output, operands, streams } = invocation;
  const checked: Checked[] = [];
  for (const file of operands) checked.push(await check(file, invocation));
  output.document({
    valid: !checked.some(isInvalid),
    files: checked.map((item) => ({
      file: item.file,
      valid: !isInvalid(item),
      error: item.error === null ? null : errorDocument(item.error),
      diagnostics: item.diagnostics.map((d) => ({ ...d, ...item.source?.positionOf(d.path) })),
    })),
  });
  for (const item of checked) output.data((await lines(item, invocation)).join('\n'));
  const errors = checked.reduce((sum, item) => sum + item.diagnostics.filter((d) => d.severity === 'error').length + (item.error === null ? 0 : 1), 0);
  const warnings = checked.reduce((sum, item) => sum + item.diagnostics.filter((d) => d.severity === 'warning').length, 0);
  output.note(`${counted(checked.length, 'file')}: ${counted(errors, 'problem')}, ${counted(warnings, 'warning')}`);
  const first = checked.find((item) => item.error !== null)?.error;
  if (first !== undefined && first !== null) return exitCodeOf(first);
  if (checked.length === 1 && errors === 0 && operands[0] !== undefined) output.next(`cnilab plan ${shortPath(operands[0], streams.cwd)}`);
  return errors > 0 ? exitCodes.usage : exitCodes.ok;
};

async function check(file: string, { lab, streams, timeoutMs }: Invocation): Promise<Checked> {
  try {
    const loaded = await lab.loadLab(labFilePath(file, streams.cwd), loadLimit(timeoutMs));
    return { file, source: loaded, diagnostics: await lab.validateLab(loaded), error: null };
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    const diagnostics = error.details['diagnostics'];
    return Array.isArray(diagnostics)
      ? { file, source: null, diagnostics: diagnostics as Diagnostic[], error: null }
      : { file, source: null, diagnostics: [], error };
  }
}

function isInvalid({ error, diagnostics }: Checked): boolean {
  return error !== null || diagnostics.some((d) => d.severity === 'error');
}

async function lines(item: Checked, { output, streams }: Invocation): Promise<string[]> {
  const { style } = output;
  if (item.error !== null) return [`${item.file}  ${style.fail(item.error.code)}  ${item.error.message}  hint: ${item.error.hint}`];
  if (item.diagnostics.length === 0) return [`${item.file}  ${style.pass('ok')}`];
  const source = item.source ?? { path: labFilePath(item.file, streams.cwd), input: null, positionOf: () => null };
  return diagnosticLines(item.diagnostics, source, streams.cwd);
}
