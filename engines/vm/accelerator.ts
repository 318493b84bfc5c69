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
  /** The kernel that the machines start with. @default none is tried: the disk has a boot loader */
  readonly kernel?: string | null;
}

/** A guest that ends QEMU by itself, and soon. */
interface Guest {
  readonly title: string;
  readonly argv: readonly string[];
  readonly ran: (result: FinishedCommand) => boolean;
  /** It takes a third of this natively at the very most; one that takes longer is of no use. */
  readonly timeoutMs: number;
}

/** In the mode in which a processor wakes up. */
const oneSector = (disk: string): Guest => ({
  title: 'a guest of one sector',
  argv: ['-machine', 'pc', '-m', '16', '-device', `isa-debug-exit,iobase=${EXIT_PORT},iosize=4`, '-drive', `file=${disk},format=raw,if=ide,snapshot=on`],
  ran: ({ exitCode }) => exitCode === EXIT_CODE,
  timeoutMs: 5000,
});

/** With paging, 64 bits and two processors, where a guest may hang that ran in one sector: a kernel without a root file system panics, and reboots, which ends QEMU. */
const bareKernel = (kernel: string): Guest => ({
  title: 'the kernel of the disk',
  argv: ['-machine', 'q35', '-m', '512', '-smp', '2', '-no-reboot', '-kernel', kernel, '-append', 'console=ttyS0 panic=-1 root=/dev/none', '-serial', 'stdio'],
  ran: ({ exitCode, stdout }) => exitCode === 0 && stdout.includes('Kernel panic'),
  timeoutMs: 20_000,
});

/** Does a guest run by an accelerator? '' when it does, else what happened instead. */
async function tried(run: Run, option: string, { title, argv, ran, timeoutMs }: Guest, signal: AbortSignal | undefined): Promise<string> {
  const common = ['-nodefaults', '-no-user-config', '-display', 'none', '-accel', option, '-cpu', 'max'];
  const result = await run(['qemu-system-x86_64', ...common, ...argv], { timeoutMs, ...(signal === undefined ? {} : { signal }) });
  if (result.failure === '' && ran(result)) return '';
  if (result.failure.startsWith('took longer')) return `${title} did not end within ${timeoutMs / 1000} s`;
  const lines = result.stderr.trim().split('\n');
  return lines[0] === undefined || lines[0] === ''
    ? result.failure || `with ${title} QEMU ended with ${result.exitCode}`
    : lines[0].replace(/^qemu-system-x86_64: (error: )?/, '');
}

/**
 * KVM where guests run by it, else translation. `CNILAB_VM_ACCEL=tcg` spares the trial.
 *
 * @param run runs QEMU
 * @param trial what is tried besides a guest of one sector, and where
 */
export async function chooseAccelerator(run: Run, { signal, within = tmpdir(), kernel = null }: Trial = {}): Promise<Accelerator> {
  const wanted = process.env['CNILAB_VM_ACCEL'] ?? '';
  if (wanted === 'tcg') return { option: TCG, kvm: false, detail: 'TCG, by CNILAB_VM_ACCEL' };
  const folder = await mkdtemp(join(within, 'cnilab-kvm-'));
  try {
    const disk = join(folder, 'sector');
    await writeFile(disk, bootSector());
    for (const guest of [oneSector(disk), ...(kernel === null ? [] : [bareKernel(kernel)])]) {
      const problem = await tried(run, 'kvm', guest, signal);
      if (problem !== '') return { option: TCG, kvm: false, detail: `TCG, ten to thirty times slower: KVM does not work here (${problem})` };
    }
    return { option: 'kvm', kvm: true, detail: `KVM: ${kernel === null ? 'a guest of one sector' : 'the kernel of the disk'} ran` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
