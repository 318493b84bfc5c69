import { operand, type RunCommand } from '../invocation.ts';

/** Mends what was injected: one fault, or all. */
export const run: RunCommand = async (invocation) => {
  const { lab, operands, output } = invocation;
  const name = operand(invocation, 0);
  const undone = await lab.undoFaults(name, operands[1]);
  output.document({ lab: name, undone });
  for (const fault of undone)
    output.note(`${fault.id} at ${fault.where} undone${fault.gone === undefined ? '' : `; ${fault.gone.join(', ')} is gone, with what it had`}`);
  if (undone.length === 0) output.note(`nothing was injected into ${name}`);
  else output.next(`cnilab verify ${name}`);
  return 0;
};
