import { operand, usageError, type RunCommand } from '../invocation.ts';

/** An interactive shell in a namespace of the lab: $SHELL, else /bin/sh. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, releaseSignals, signal, streams } = invocation;
  if (!streams.interactive) throw usageError('shell needs a terminal', `use: cnilab exec ${operand(invocation, 0)} ${operand(invocation, 1)} -- COMMAND`);
  const shell = streams.env['SHELL'] ?? '';
  const argv = await lab.enterArgv(operand(invocation, 0), operand(invocation, 1), [shell === '' ? '/bin/sh' : shell]);
  output.note(`network of ${operand(invocation, 1)} in ${operand(invocation, 0)}; the files are this machine's. \`exit\` leaves.`);
  releaseSignals();
  return lab.runAttached(argv, { signal, env: { ...streams.env, CNILAB_LAB: operand(invocation, 0), CNILAB_TARGET: operand(invocation, 1) } });
};
