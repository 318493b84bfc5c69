import { readFileSync } from 'node:fs';

/** A process, such that a later one with the same pid is another. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot (field 22 of /proc/PID/stat, proc(5)); '' where there is no /proc. */
  readonly startTime: string;
  /** /proc/sys/kernel/random/boot_id; '' where there is none. */
  readonly boot: string;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

/** State and start time of a process; null when there is none with this pid, or no /proc. */
function procStat(pid: number): { readonly state: string; readonly startTime: string } | null {
  const text = readOr(`/proc/${pid}/stat`, '');
  // The command, field 2, is in parentheses and may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === undefined || fields[19] === undefined ? null : { state: fields[0], startTime: fields[19] };
}

const bootId = (): string => readOr('/proc/sys/kernel/random/boot_id', '').trim();

/** Who this process is. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startTime: procStat(process.pid)?.startTime ?? '', boot: bootId() };
}

/** Does this process still run? A zombie does not. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.boot !== bootId()) return false;
  const stat = procStat(identity.pid);
  if (stat !== null) return stat.startTime === identity.startTime && stat.state !== 'Z' && stat.state !== 'X';
  if (identity.startTime !== '') return false;
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
