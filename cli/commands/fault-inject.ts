import { given, operand, textOption, type RunCommand } from '../invocation.ts';

/** Breaks a running lab; `verify` must then name the fault's diagnosis. */
export const run: RunCommand = async (invocation) => {
  const { lab, output } = invocation;
  const name = operand(invocation, 0);
  const id = operand(invocation, 1);
  const injected = await lab.injectFault(name, id, { ...given('node', textOption(invocation, 'node')), ...given('pod', textOption(invocation, 'pod')) });
  output.document({ lab: name, fault: injected });
  output.note(`${id} injected at ${injected.where}; \`cnilab fault undo ${name}\` mends it`);
  output.next(`cnilab verify ${name}`);
  return 0;
};
