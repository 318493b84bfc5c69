/** Taking the machines of an incarnation down, by its directory alone: every process that carries it in its environment is ended. The disks go with the directory. */
import { EngineError } from '../../topology/errors.ts';
import { markedProcesses } from '../leftover-processes.ts';
import type { VmDeps } from './vm-deps.ts';

/**
 * Ends QEMU and all else that an incarnation started, and proves that it is gone. Fine when nothing runs.
 *
 * @throws EngineError CLEANUP_FAILED that names the processes that are left
 */
export async function destroyMachines(deps: Pick<VmDeps, 'endProcesses'>, directory: string): Promise<void> {
  await deps.endProcesses(directory);
  const left = await markedProcesses(directory);
  if (left.length === 0) return;
  const pids = left.map(({ pid }) => pid);
  throw new EngineError({
    code: 'CLEANUP_FAILED',
    message: `${pids.length} of the machines' processes cannot be ended: ${pids.join(', ')}`,
    hint: `\`ps -o pid,user,args -p ${pids.join(',')}\` says whose they are; then \`cnilab down\` again`,
    details: { pids },
  });
}
