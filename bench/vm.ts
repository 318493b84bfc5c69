/** What `cnilab up --engine vm` of two machines takes, step by step, and how much of it is cnilab's own. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timed } from './measure.ts';

const LAB = `name: bench-machines
clusters:
  - { name: c1, kubernetesVersion: '1.34', workers: 1, cni: { type: flannel }, kubeProxy: { mode: ipvs, scheduler: rr }, workloads: [{ name: web, perNode: 2 }] }
`;

/** Why nothing can be measured here; null where it can. */
export function vmLacks(): string | null {
  return existsSync(join(process.env['CNILAB_VM_IMAGE'] ?? '', 'disk.qcow2')) ? null : 'CNILAB_VM_IMAGE names no prepared disk';
}

export interface VmBench {
  readonly main: string;
  readonly env: NodeJS.ProcessEnv;
  /** Folder for files. */
  readonly place: string;
}

export interface VmFigures {
  readonly accelerator: string;
  readonly steps: readonly (readonly [step: string, ms: number])[];
  readonly ms: number;
  /** Processor time of cnilab and of the programs that it waited for. */
  readonly ownMs: number;
  readonly residentMiB: number;
}

interface Step {
  readonly step?: string;
  readonly phase?: string;
  readonly detail?: string;
  readonly ms?: number;
}

/** Brings the lab up, and leaves it up. */
export async function vmUp({ main, env, place }: VmBench): Promise<VmFigures> {
  const file = join(place, 'machines.yaml');
  writeFileSync(file, LAB);
  const images = ['--image', 'ghcr.io/flannel-io/flannel=ghcr.io/flannel-io/flannel:v0.28.4'];
  // QEMU leaves its parent, and so its processor time is not among that of the programs that were waited for.
  const own = ['bash', '-c', 'TIMEFORMAT="own %U %S"; time "$@"', 'bash', process.execPath, main, 'up', file, '--engine', 'vm', '--json', ...images] as const;
  const { ms, stderr } = await timed([...own], { env });
  const events = stderr.split('\n').flatMap((line) => (line.startsWith('{') ? [(JSON.parse(line) as { event?: Step }).event ?? {}] : []));
  const ended = events.filter(({ phase }) => phase === 'end');
  const [, user = '0', system = '0'] = /^own (\S+) (\S+)$/m.exec(stderr) ?? [];
  return {
    accelerator: ended.find(({ step }) => step === 'preflight')?.detail?.split(/[,:]/)[0] ?? '',
    steps: ended.map(({ step = '', ms: took = 0 }) => [step, took]),
    ms,
    ownMs: (Number(user) + Number(system)) * 1000,
    residentMiB: residentOfMachines(place),
  };
}

/** MiB of the QEMUs that carry a folder below `place` in their environment. */
function residentOfMachines(place: string): number {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .reduce((sum, pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu') || !readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`CNILAB_RUN=${place}`))
          return sum;
        return sum + Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
      } catch {
        return sum;
      }
    }, 0);
}
