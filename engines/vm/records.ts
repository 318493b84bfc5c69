/** The machines of an incarnation, as they run: a file of its directory, by which every later command finds them. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../topology/errors.ts';
import type { VmForward } from '../../topology/vm-machines.ts';
import { isAlive } from '../proc-stat.ts';

export interface Image {
  readonly folder: string;
  /** Name of the disk in it. */
  readonly disk: string;
  /** Has it a kernel beside the disk? */
  readonly kernel: boolean;
  /** Of the layers over it; 0: its own size. */
  readonly sizeBytes: number;
}

export interface MachineRecord {
  readonly cluster: string;
  /** Name in the plan, and host name. */
  readonly node: string;
  readonly name: string;
  /** Relative to the directory: with the disk, the seed, the console and the QMP socket. */
  readonly folder: string;
  readonly sshPort: number;
  /** Of the first control plane; 0 for others. */
  readonly apiPort: number;
  readonly forwards: readonly VmForward[];
  readonly accelerator: string;
  readonly image: Image;
  /** 0 while it does not run. */
  readonly pid: number;
  readonly startTime: number;
  /** Should it run? Not after `node stop`. */
  readonly wanted: 'running' | 'stopped';
  /** The lab's cable is pulled out, by `node cut`. */
  readonly cut: boolean;
}

const FILE = 'machines.json';

export async function writeRecords(directory: string, records: readonly MachineRecord[]): Promise<void> {
  const file = join(directory, FILE);
  await writeFile(`${file}.draft`, `${JSON.stringify(records, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.draft`, file);
}

/** Empty where nothing was started yet. */
export async function readRecords(directory: string): Promise<readonly MachineRecord[]> {
  try {
    return JSON.parse(await readFile(join(directory, FILE), 'utf8')) as readonly MachineRecord[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new EngineError({
      code: 'ENGINE_GONE',
      message: `${FILE} of ${directory} cannot be read: ${(error as Error).message}`,
      hint: '`cnilab down` cleans up without it',
      cause: error,
    });
  }
}

export function runs({ pid, startTime }: Pick<MachineRecord, 'pid' | 'startTime'>): boolean {
  return pid > 0 && isAlive(pid, startTime);
}

/** Writes one record anew among the others. */
export async function updateRecord(directory: string, changed: MachineRecord): Promise<void> {
  const records = await readRecords(directory);
  await writeRecords(
    directory,
    records.map((one) => (one.cluster === changed.cluster && one.node === changed.node ? changed : one)),
  );
}
