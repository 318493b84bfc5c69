/** The lowest layer of the engine, passed in so that tests can put another one under it. Files are real in tests too. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { PortMappingPlan } from '../../topology/plan.ts';
import { evidenceDirectory, portInUse } from '../kubernetes/host.ts';
import { endMarkedProcesses } from '../leftover-processes.ts';
import { findNodePlugin } from '../kubernetes/node-plugins.ts';
import { runCommand } from '../run-command.ts';
import { chooseAccelerator, type Run } from './accelerator.ts';
import { runs } from './records.ts';

export interface VmDeps {
  readonly run: Run;
  /** Text of a file; null where there is none. */
  readonly readText: (path: string) => Promise<string | null>;
  readonly findPlugin: (name: string) => string | null;
  readonly portInUse: (mapping: PortMappingPlan) => Promise<boolean>;
  /** A port of 127.0.0.1 that nobody listens on now. */
  readonly freePort: () => Promise<number>;
  readonly chooseAccelerator: typeof chooseAccelerator;
  /** Does the process of a machine run? */
  readonly isAlive: typeof runs;
  /** Ends every process of an incarnation; see `engines/leftover-processes.ts`. */
  readonly endProcesses: typeof endMarkedProcesses;
  readonly evidenceDirectory: () => string;
  readonly limits: Limits;
}

/** In milliseconds, for machines that KVM runs. */
export interface Limits {
  /** From power on to the first line of the bootstrap script. */
  readonly bootMs: number;
  /** In which a cloud image gets what it lacks. */
  readonly packagesMs: number;
  readonly kubeadmMs: number;
  readonly readyMs: number;
  readonly pollMs: number;
}

/** By how much everything takes longer without KVM. */
export const SLOWNESS = 12;

export const vmDeps: VmDeps = {
  run: runCommand,
  readText: async (path) => await readFile(path, 'utf8').catch(() => null),
  findPlugin: findNodePlugin,
  portInUse,
  freePort,
  chooseAccelerator,
  isAlive: runs,
  endProcesses: endMarkedProcesses,
  evidenceDirectory,
  limits: { bootMs: 120_000, packagesMs: 600_000, kubeadmMs: 300_000, readyMs: 300_000, pollMs: 500 },
};

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
