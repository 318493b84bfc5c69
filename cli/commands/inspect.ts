import { renderLab } from '../../report/state-text.ts';
import { operand, type RunCommand } from '../invocation.ts';

/** One lab: its state and its plan. */
export const run: RunCommand = async (invocation) => {
  const { lab, output } = invocation;
  const state = await lab.readLab(operand(invocation, 0));
  output.document(state);
  output.data(renderLab(state, output.style, Date.now()));
  const machine = state.plan.clusters[0]?.nodes[0]?.name ?? state.plan.machines[0]?.name;
  if (state.status !== 'up') output.next(`cnilab down ${state.name}`);
  else if (machine !== undefined) output.next(`cnilab shell ${state.name} ${machine}`);
  return 0;
};
