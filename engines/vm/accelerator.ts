/** KVM is tried, not assumed: /dev/kvm may be there, and guests hang or QEMU stops. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TCG } from '../../topology/vm-machines.ts';
import type { CommandOptions, FinishedCommand } from '../run-command.ts';

export type Run = (argv: readonly [string, ...string[]], options?: CommandOptions) => Promise<FinishedCommand>;

export interface Accelerator {
  /** Value of QEMU's -accel. */
  readonly option: string;
  readonly kvm: boolean;
  /** What was tried and what came back. */
  readonly detail: string;
}

/** Time that a guest of one sector has to end QEMU. It takes a third of a second natively and by translation; one that takes longer is of no use. */
const TRIAL_MS = 5000;
/** Port of QEMU's isa-debug-exit, and the exit code that comes of the value 16 written to it. */
const EXIT_PORT = 0xf4;
const EXIT_CODE = (0x10 << 1) | 1;

/** A boot sector that ends QEMU: mov dx,0xf4; mov al,0x10; out dx,al; hlt; jmp. */
export function bootSector(): Buffer {
  const sector = Buffer.alloc(512);
  Buffer.from([0xba, EXIT_PORT, 0x00, 0xb0, 0x10, 0xee, 0xf4, 0xeb, 0xfd]).copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

export interface Trial {
  readonly signal?: AbortSignal;
  /** Folder for the guest's disk. @default that of the system for temporary files */
  readonly within?: string;
}

/** Does a guest run by an accelerator? '' when it does, else what happened instead. */
async function triedAccelerator(run: Run, option: string, { signal, within = tmpdir() }: Trial): Promise<string> {
  const folder = await mkdtemp(join(within, 'cnilab-kvm-'));
  try {
    const disk = join(folder, 'sector');
    await writeFile(disk, bootSector());
    const result = await run(
      [
        'qemu-system-x86_64',
        '-nodefaults',
        '-no-user-config',
        '-display',
        'none',
        '-machine',
        'pc',
        '-accel',
        option,
        '-cpu',
        'max',
        '-m',
        '16',
        '-device',
        `isa-debug-exit,iobase=${EXIT_PORT},iosize=4`,
        '-drive',
        `file=${disk},format=raw,if=ide,snapshot=on`,
      ],
      { timeoutMs: TRIAL_MS, ...(signal === undefined ? {} : { signal }) },
    );
    if (result.exitCode === EXIT_CODE && result.failure === '') return '';
    if (result.failure.startsWith('took longer')) return `a guest of one sector did not end within ${TRIAL_MS / 1000} s`;
    const lines = result.stderr.trim().split('\n');
    return lines[0] === undefined || lines[0] === ''
      ? result.failure || `QEMU ended with ${result.exitCode}`
      : lines[0].replace(/^qemu-system-x86_64: (error: )?/, '');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** KVM where a guest runs by it, else translation. `CNILAB_VM_ACCEL=tcg` spares the trial. */
export async function chooseAccelerator(run: Run, trial: Trial = {}): Promise<Accelerator> {
  const wanted = process.env['CNILAB_VM_ACCEL'] ?? '';
  if (wanted === 'tcg') return { option: TCG, kvm: false, detail: 'TCG, by CNILAB_VM_ACCEL' };
  const problem = await triedAccelerator(run, 'kvm', trial);
  return problem === ''
    ? { option: 'kvm', kvm: true, detail: 'KVM: a guest of one sector ran' }
    : { option: TCG, kvm: false, detail: `TCG, ten to thirty times slower: KVM does not work here (${problem})` };
}
