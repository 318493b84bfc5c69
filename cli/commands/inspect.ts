import { renderLab } from '../../report/state-text.ts';
import { flag, operand, type RunCommand } from '../invocation.ts';

/** One lab: its state and its plan. */
export const run: RunCommand = async (invocation) => {
  const { lab, output } = invocation;
  const state = await lab.readLab(operand(invocation, 0));
  const checked = flag(invocation, 'check') ? await lab.checkAttachments(state.name) : null;
  const lesson = await lab.lessonStanding(state);
  output.document({ ...state, ...(lesson === null ? {} : { lessonStanding: lesson }), ...(checked === null ? {} : { cniCheck: { pods: checked } }) });
  output.data(renderLab({ ...state, standing: lesson }, output.style, Date.now()));
  if (checked !== null)
    output.data(checked === 0 ? 'CNI CHECK: its CNI attaches pods without plugins\n' : `CNI CHECK: ${checked} pods are attached as the plugins left them\n`);
  const machine = state.plan.clusters[0]?.nodes[0]?.name ?? state.plan.machines[0]?.name;
  if (state.status !== 'up') output.next(`cnilab down ${state.name}`);
  else if (machine !== undefined) output.next(`cnilab shell ${state.name} ${machine}`);
  return 0;
};
