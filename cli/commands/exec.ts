import { operand, type RunCommand } from '../invocation.ts';

/** Runs a program in a namespace of the lab; its exit code is ours. */
export const run: RunCommand = async (invocation) => {
  const { lab, operands, releaseSignals, signal } = invocation;
  const argv = await lab.enterArgv(operand(invocation, 0), operand(invocation, 1), operands.slice(2));
  releaseSignals();
  return lab.runAttached(argv, { signal });
};
