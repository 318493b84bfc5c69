/** Kernel parameters of a namespace. procfs shows the namespace of the calling thread, so they are read and written by Sync calls in a setns section. */
import { readFileSync, writeFileSync } from 'node:fs';
import { EngineError } from '../../../topology/errors.ts';
import { KernelError } from './kernel-error.ts';
import { type Namespace, netns } from './namespaces.ts';
import { ERRNO, inNamespace } from './sys.ts';

export interface SysctlSetting {
  /** Relative to /proc/sys, with slashes. */
  readonly key: string;
  readonly value: string;
}

const KEY = /^net\/[A-Za-z0-9_.:@/-]+$/;

/** Writes them in order, in one visit of the namespace. @throws KernelError: ENOENT (the kernel, or the interface, lacks it), EACCES, EINVAL */
export function writeSysctls(ns: string, settings: readonly SysctlSetting[]): void {
  inNamespace(netns(ns).fd, () => {
    for (const { key, value } of settings) {
      const path = sysctlPath(key);
      try {
        writeFileSync(path, value);
      } catch (error) {
        throw new KernelError(`cannot write ${JSON.stringify(value)} to ${key}`, errnoOf(error));
      }
    }
  });
}

/** Values of those keys that exist, in one visit of the namespace. */
export function readSysctls(namespace: Namespace, keys: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  inNamespace(namespace.fd, () => {
    for (const key of keys) {
      try {
        values[key] = readFileSync(sysctlPath(key), 'utf8').trim().replaceAll('\t', ' ');
      } catch (error) {
        if (errnoOf(error) !== ERRNO.ENOENT) throw new KernelError(`cannot read ${key}`, errnoOf(error));
      }
    }
  });
  return values;
}

/** Only network parameters: everything else belongs to the whole machine. */
function sysctlPath(key: string): string {
  if (KEY.test(key) && !key.includes('..')) return `/proc/sys/${key}`;
  throw new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `${JSON.stringify(key)} is not a sysctl of a network namespace`,
    hint: 'write it relative to /proc/sys, as net/ipv4/ip_forward',
  });
}

/** libuv's errno of a failed fs call, positive. */
function errnoOf(error: unknown): number {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? Math.abs(error.errno) : 0;
}
