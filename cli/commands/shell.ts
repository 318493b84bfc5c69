import { DEFAULT_ENGINE } from '../../lab/load-engine.ts';
import { operand, usageError, type RunCommand } from '../invocation.ts';

/** An interactive shell in a place of the lab: $SHELL where its files are this machine's, else /bin/sh. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, releaseSignals, signal, streams } = invocation;
  if (!streams.interactive) throw usageError('shell needs a terminal', `use: cnilab exec ${operand(invocation, 0)} ${operand(invocation, 1)} -- COMMAND`);
  const { engine } = await lab.readLab(operand(invocation, 0));
  const ownFiles = engine !== DEFAULT_ENGINE;
  const shell = ownFiles ? '' : (streams.env['SHELL'] ?? '');
  const argv = await lab.enterArgv(operand(invocation, 0), operand(invocation, 1), [shell === '' ? '/bin/sh' : shell]);
  output.note(
    ownFiles
      ? `${operand(invocation, 1)} in ${operand(invocation, 0)}. \`exit\` leaves.`
      : `network of ${operand(invocation, 1)} in ${operand(invocation, 0)}; the files are this machine's. \`exit\` leaves.`,
  );
  releaseSignals();
  return lab.runAttached(argv, { signal, env: { ...streams.env, CNILAB_LAB: operand(invocation, 0), CNILAB_TARGET: operand(invocation, 1) } });
};
