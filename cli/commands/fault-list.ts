import { table } from '../../report/layout.ts';
import type { RunCommand } from '../invocation.ts';

/** The faults there are; with a lab, which of them apply to it and which are injected now. */
export const run: RunCommand = async ({ lab, operands, output }) => {
  const faults = await lab.listFaults(operands[0]);
  output.document(faults);
  const { dim, warn } = output.style;
  const rows = faults.map((fault) => [
    fault.id,
    fault.layer,
    fault.diagnosis,
    fault.title,
    fault.injected === true ? warn('injected') : fault.applies === undefined || fault.applies === true ? '' : dim(fault.applies),
  ]);
  const [header = '', ...lines] = table(['fault', 'layer', 'diagnosis', 'what it does', ''], rows);
  output.data([dim(header), ...lines].join('\n'));
  output.next(`cnilab fault inject ${operands[0] ?? 'LAB'} FAULT`);
  return 0;
};
