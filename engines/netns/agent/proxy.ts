/** The proxy processes of kube-proxy's mode userspace, one per node. */
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../../topology/errors.ts';
import type { Op } from '../ops.ts';
import { logPath, startDaemon, stopDaemon, type Daemon } from './daemon.ts';
import { LAB_FOLDER, writeLabFile } from './files.ts';
import { commandText } from './processes.ts';

type ProxyOp = Extract<Op, { readonly op: 'proxy' }>;

const daemonIn = (ns: string): Daemon => ({ kind: 'proxy', ns });

/**
 * Starts the proxy of a node, in the place of the one that runs: connections through it end, as they do when kube-proxy is restarted.
 *
 * @throws EngineError with what it said
 */
export async function applyProxy(op: ProxyOp): Promise<void> {
  const daemon = daemonIn(op.ns);
  const file = `${LAB_FOLDER}/proxy/${op.ns}/portals.json`;
  const argv = [process.execPath, fileURLToPath(new URL('./userspace-proxy.js', import.meta.url)), file];
  await stopDaemon(daemon);
  writeLabFile(file, JSON.stringify(op.portals));
  const ports = op.portals.flatMap(({ protocol, listen }) => (protocol === 'tcp' ? [listen] : []));
  await startDaemon(
    daemon,
    argv,
    ports,
    (what, said) =>
      new EngineError({
        code: 'ENGINE_STEP_FAILED',
        message: `the userspace proxy ${what}: ${said}`,
        hint: 'the log names the port that it could not have; `cnilab down` cleans up',
        details: { netns: op.ns, log: logPath(daemon), command: commandText(op.ns, argv) },
      }),
  );
}
