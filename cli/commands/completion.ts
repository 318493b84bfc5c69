import { completionScript, isShell, shells } from '../completion.ts';
import { operand, usageError, type RunCommand } from '../invocation.ts';

/** Prints a completion script. */
export const run: RunCommand = async (invocation) => {
  const { output } = invocation;
  const shell = operand(invocation, 0);
  if (!isShell(shell)) throw usageError(`no completion for ${shell}`, `known shells: ${shells.join(', ')}`);
  const script = completionScript(shell);
  output.document({ shell, script });
  output.data(script);
  return Promise.resolve(0);
};
