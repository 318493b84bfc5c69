/** The processes behind flannel's TUN devices, one per node. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../../topology/errors.ts';
import type { Op } from '../ops.ts';
import { logPath, POLL_MS, START_MS, startDaemon, stopDaemon, type Daemon } from './daemon.ts';
import { LAB_FOLDER, writeLabFile } from './files.ts';
import { netns } from './namespaces.ts';
import { commandText } from './processes.ts';
import { readLinkTable } from './read-links.ts';

type TunnelOp = Extract<Op, { readonly op: 'tunnel' }>;

/**
 * Starts the process of a node, in the place of the one that runs, and waits until it has the device: packets in between are lost.
 *
 * @throws EngineError with what it said
 */
export async function applyTunnel(op: TunnelOp): Promise<void> {
  const daemon: Daemon = { kind: 'tunnel', ns: op.ns };
  const file = `${LAB_FOLDER}/tunnel/${op.ns}/peers.json`;
  const argv = [process.execPath, fileURLToPath(new URL('./tunnel-process.js', import.meta.url)), file];
  const failed = (what: string, said: string): EngineError =>
    new EngineError({
      code: 'ENGINE_STEP_FAILED',
      message: `the process behind ${op.device} ${what}: ${said}`,
      hint: 'the log tells why; `cnilab down` cleans up',
      details: { netns: op.ns, log: logPath(daemon), command: commandText(op.ns, argv) },
    });
  await stopDaemon(daemon);
  writeLabFile(file, JSON.stringify(op));
  await startDaemon(daemon, argv, [], failed);
  // It opens its socket first and the device last, whose carrier tells that somebody has it.
  for (const deadline = performance.now() + START_MS; !hasCarrier(op); await sleep(POLL_MS)) {
    if (performance.now() > deadline) throw failed(`does not take the device, ${START_MS} ms after its start`, 'see its log');
  }
}

function hasCarrier({ ns, device }: TunnelOp): boolean {
  return readLinkTable(netns(ns)).some((link) => link.name === device && link.carrier);
}
