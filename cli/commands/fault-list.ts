import { table } from '../../report/layout.ts';
import type { RunCommand } from '../invocation.ts';

/** The faults there are, by layer; with a lab, which of them apply to it and which are injected now. */
export const run: RunCommand = async ({ lab, operands, output }) => {
  const faults = await lab.listFaults(operands[0]);
  output.document(faults);
  const { dim, warn } = output.style;
  const layers = [...new Set(faults.map((fault) => fault.layer))];
  const rows = layers.flatMap((layer) =>
    faults
      .filter((fault) => fault.layer === layer)
      .map((fault, at) => {
        const against = typeof fault.applies === 'string' ? fault.applies : fault.lacks;
        return [at === 0 ? layer : '', fault.id, fault.diagnosis, fault.title, fault.injected === true ? warn('injected') : dim(against)];
      }),
  );
  const [header = '', ...lines] = table(['layer', 'fault', 'diagnosis', 'what it does', ''], rows);
  output.data([dim(header), ...lines].join('\n'));
  output.next(`cnilab fault inject ${operands[0] ?? 'LAB'} FAULT`);
  return 0;
};
