/** Whether the running kernel has a module, told by files alone: loaded, built in, or on disk to be loaded. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';

/** By which processes make TUN devices. */
export const TUN_FILE = '/dev/net/tun';

/** May this process make TUN devices, as far as the file tells? */
export function canOpenTun(): boolean {
  try {
    accessSync(TUN_FILE, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** IP Virtual Server, which kube-proxy mode ipvs is made of. */
export function kernelHasIpvs(read: (path: string) => string | null = readText, exists: (path: string) => boolean = existsSync): boolean {
  if (exists('/proc/net/ip_vs')) return true;
  const folder = `/lib/modules/${release()}`;
  return [`${folder}/modules.dep`, `${folder}/modules.builtin`].some((path) => /\/ip_vs\.ko\b/.test(read(path) ?? ''));
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
