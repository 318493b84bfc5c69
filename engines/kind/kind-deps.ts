/** The lowest layer of the engine, passed in so that tests can put another one under it. Files are real in tests too. */
import { readFile } from 'node:fs/promises';
import type { PortMappingPlan } from '../../topology/plan.ts';
import { endMarkedProcesses } from '../leftover-processes.ts';
import { findNodePlugin } from '../kubernetes/node-plugins.ts';
import { evidenceDirectory, portInUse } from '../kubernetes/host.ts';
import { runCommand, type CommandOptions, type FinishedCommand } from '../run-command.ts';

export interface KindDeps {
  readonly run: (argv: readonly [string, ...string[]], options?: CommandOptions) => Promise<FinishedCommand>;
  /** Text of a file of /proc; null where there is none. */
  readonly readText: (path: string) => Promise<string | null>;
  /** Path of a CNI plugin of this machine. */
  readonly findPlugin: (name: string) => string | null;
  /** Does somebody listen on a port of this machine? */
  readonly portInUse: (mapping: PortMappingPlan) => Promise<boolean>;
  /** Ends what an interrupted run of an incarnation left working; see `engines/leftover-processes.ts`. */
  readonly endProcesses: typeof endMarkedProcesses;
  /** Folder that keeps the evidence of failures, one folder per lab. */
  readonly evidenceDirectory: () => string;
  /** How long an answer of the cluster is waited for at most, in milliseconds. */
  readonly readyWithinMs: number;
  /** How long kind may take for one cluster, in milliseconds. */
  readonly createWithinMs: number;
}

export const kindDeps: KindDeps = {
  run: runCommand,
  readText: async (path) => await readFile(path, 'utf8').catch(() => null),
  findPlugin: findNodePlugin,
  portInUse,
  endProcesses: endMarkedProcesses,
  evidenceDirectory,
  readyWithinMs: 300_000,
  createWithinMs: 900_000,
};
