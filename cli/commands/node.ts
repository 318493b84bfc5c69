import type { NodeAction } from '../../engines/port.ts';
import { operand, type RunCommand } from '../invocation.ts';

const ACTIONS: readonly NodeAction[] = ['stop', 'start', 'reboot', 'cut', 'mend'];

/** Does to a machine what the second word of the command says. */
export const run: RunCommand = async (invocation) => {
  const { command, lab, output, progress, signal } = invocation;
  const name = operand(invocation, 0);
  const action = ACTIONS.find((one) => command === `node ${one}`) ?? 'start';
  const { node, outcome } = await lab.controlNode(name, operand(invocation, 1), action, { onEvent: progress.onEvent, signal });
  progress.stop();
  output.document({ lab: name, node, action, outcome });
  output.note(`${node}: ${outcome}`);
  output.next(`cnilab verify ${name}`);
  return 0;
};
