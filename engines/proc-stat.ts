/** Processes by pid and start time: a pid alone may have been given to another process meanwhile. */
import { readFileSync } from 'node:fs';

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** Executable's name, at most 15 bytes. */
  readonly name: string;
  /** R, S, D, Z, X …; see proc_pid_stat(5), field 3. */
  readonly state: string;
  /** Clock ticks after boot, field 22. */
  readonly startTime: number;
}

/** What procfs says of a process; null when there is none. */
export function processStat(pid: number): ProcessStat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The name stands in parentheses and may hold anything, parentheses too.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  return {
    pid,
    name: text.slice(text.indexOf('(') + 1, end),
    state: fields[0] ?? 'X',
    parent: Number(fields[1]),
    startTime: Number(fields[19]),
  };
}

/** Alive: exists, is no zombie, and is the process that was meant. Where the machine's init does not reap, the dead stay as zombies. */
export function isAlive(pid: number, startTime: number): boolean {
  const stat = processStat(pid);
  return stat !== null && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** Changes with every boot; start times are comparable only within one. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}
