import { given, operand, textOption, type RunCommand } from '../invocation.ts';

/** The kubeconfig of a cluster, to stdout: for a file, or for $KUBECONFIG of one command. */
export const run: RunCommand = async (invocation) => {
  const { lab, output } = invocation;
  const found = await lab.kubeconfigOf(operand(invocation, 0), given('cluster', textOption(invocation, 'cluster')));
  output.document(found);
  output.data(found.text);
  return 0;
};
