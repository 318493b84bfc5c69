/** What engines that make clusters use of this machine. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { PortMappingPlan } from '../../topology/plan.ts';
import { stateDirectory } from '../own-directories.ts';

/** Folder that keeps the evidence of failures, one folder per lab. */
export function evidenceDirectory(): string {
  return join(stateDirectory(), 'evidence');
}

/**
 * Does somebody listen on a port of this machine?
 *
 * Only TCP ports are tried: UDP ports are rarely in use, and what opens one says so in time. A container engine may do what this process may not (ports
 * below 1024) and be on another machine, with other addresses: no other failure counts.
 */
export async function portInUse({ hostPort, listenAddress, protocol }: PortMappingPlan): Promise<boolean> {
  if (hostPort === 0 || protocol !== 'TCP') return false;
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'));
    server.listen({ port: hostPort, host: listenAddress, exclusive: true }, () => server.close(() => resolve(false)));
  });
}
