import { duration } from '../../report/layout.ts';
import { exitCodes } from '../exit-codes.ts';
import { existingCluster } from './verify.ts';
import { flag, usageError, type RunCommand } from '../invocation.ts';

interface Removed {
  readonly name: string;
  readonly existed: boolean;
  readonly elapsedMs: number | null;
}

/** Takes labs down. One that fails does not keep the others up; its error is what the command ends with. */
export const run: RunCommand = async (invocation) => {
  const { lab, operands, output, progress, signal } = invocation;
  const cluster = existingCluster(invocation);
  if (cluster !== null) {
    if (operands.length > 0 || flag(invocation, 'all')) throw usageError('--kubeconfig and --context are of no lab', 'name labs, or a cluster');
    const { removed: namespaces, left } = await lab.removeLeftovers(cluster, { force: flag(invocation, 'force') });
    progress.stop();
    if (namespaces.length > 0) output.note(`removed ${namespaces.join(', ')}`);
    for (const { namespace, deadline } of left)
      output.note(`left ${namespace}: its verification may still run, until ${deadline}; --force removes it all the same`);
    if (namespaces.length + left.length === 0) output.note('no verification left anything there');
    output.document({ namespaces, left });
    return exitCodes.ok;
  }
  if (flag(invocation, 'force')) throw usageError('--force is of no lab', 'it goes with --kubeconfig or --context; labs are taken down without it');
  const all = flag(invocation, 'all');
  if (all === operands.length > 0)
    throw usageError(all ? '--all and names exclude each other' : 'no lab named', 'name labs, or say --all; `cnilab ls` lists them');
  const removed: Removed[] = [];
  const errors: unknown[] = [];
  if (all) removed.push(...(await lab.downAll({ onEvent: progress.onEvent, signal })).map((name) => ({ name, existed: true, elapsedMs: null })));
  for (const name of operands) {
    if (signal.aborted) break;
    try {
      removed.push({ name, ...(await lab.down(name, { onEvent: progress.onEvent, signal })) });
    } catch (error) {
      errors.push(error);
    }
  }
  progress.stop();
  signal.throwIfAborted();
  for (const item of removed)
    output.note(item.existed ? `${item.name} is down${item.elapsedMs === null ? '' : `  ${duration(item.elapsedMs)}`}` : `${item.name} was not up`);
  if (removed.length === 0 && errors.length === 0) output.note('no lab was up');
  for (const error of errors.slice(1)) await output.error(error);
  if (errors.length > 0) throw errors[0];
  output.document({ removed });
  return 0;
};
