import { spawn, type SpawnOptions } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Wall time in milliseconds, and what the process said. @throws when it ends with another code than `code` (0) */
export async function timed(
  argv: readonly [string, ...string[]],
  options: SpawnOptions & { readonly watchMemory?: boolean; readonly code?: number } = {},
): Promise<{ readonly ms: number; readonly stdout: string; readonly stderr: string; readonly peakMiB: number }> {
  const started = performance.now();
  const child = spawn(argv[0], argv.slice(1), { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  let peak = 0;
  const watch =
    options.watchMemory === true
      ? setInterval(() => {
          peak = Math.max(peak, memoryOfTree(child.pid ?? 0));
        }, 100)
      : null;
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  if (watch !== null) clearInterval(watch);
  if (code !== (options.code ?? 0)) throw new Error(`${argv.join(' ')} ended with ${code}\n${stderr.slice(-2000)}`);
  return { ms: performance.now() - started, stdout, stderr, peakMiB: Math.round(peak / 1024) };
}

/** Resident memory, KiB, of a process and its descendants, right now. */
function memoryOfTree(root: number): number {
  const parents = new Map<number, number>();
  const resident = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      parents.set(Number(name), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]));
      resident.set(Number(name), Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0));
    } catch {
      // It ended while we looked.
    }
  }
  const mine = (pid: number): boolean => pid === root || (parents.has(pid) && parents.get(pid) !== 0 && mine(parents.get(pid) ?? 0));
  return [...resident].filter(([pid]) => mine(pid)).reduce((sum, [, kib]) => sum + kib, 0);
}

/** Kernel memory in use, MiB: slab and percpu of /proc/meminfo. */
export function kernelMemoryMiB(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return Math.round((of('Slab') + of('Percpu')) / 1024);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Runs A and B in turn, so that a machine whose speed drifts is fair to both; medians and the median of the ratios pair by pair. One pair more goes before, uncounted. */
export async function sideBySide(
  runs: number,
  a: () => Promise<number>,
  b: () => Promise<number>,
  { warmUp = true }: { readonly warmUp?: boolean } = {},
): Promise<{ readonly a: number; readonly b: number; readonly ratio: number }> {
  const as: number[] = [];
  const bs: number[] = [];
  if (warmUp) {
    await a();
    await b();
  }
  for (let i = 0; i < runs; i++) {
    as.push(await a());
    bs.push(await b());
  }
  return { a: median(as), b: median(bs), ratio: median(as.map((value, i) => value / (bs[i] ?? 1))) };
}
