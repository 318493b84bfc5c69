/** Where the programs and plugins are that the agent will run: the same folders that it searches. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { cacheDirectory, SYSTEM_PATH } from './agent-environment.ts';
import type { DnsServer } from './dns/compile.ts';

/** Folders of distributions and installers, after the lab's own and $CNI_PATH. */
export function pluginFolders(own: readonly string[] = []): readonly string[] {
  const named = (process.env['CNI_PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...new Set([...own, ...named, '/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'])];
}

/** First executable file of that name; null when there is none. A name with a slash is no plugin. */
export function findPlugin(name: string, own: readonly string[] = []): string | null {
  return name.includes('/') ? null : firstExecutable(pluginFolders(own).map((folder) => join(folder, name)));
}

/** First of `names` in PATH (with the folders of system programs) and in `folders`, which go first. */
export function findProgram(names: readonly string[], folders: readonly string[] = []): string | null {
  return firstExecutable(names.flatMap((name) => [...folders, ...SYSTEM_PATH.split(delimiter)].map((folder) => join(folder, name))));
}

/** BIRD 2, in cnilab's cache or installed. */
export function findBird(): string | null {
  return findProgram(['bird'], [join(cacheDirectory(), 'bird/usr/sbin')]);
}

/** nginx, in cnilab's cache or installed. */
export function findNginx(): string | null {
  return findProgram(['nginx'], [join(cacheDirectory(), 'nginx/usr/sbin')]);
}

/** What serves the zones of hosts. */
export function findDnsmasq(): string | null {
  return findProgram(['dnsmasq']);
}

/** What serves the clusters' DNS: the CoreDNS that CNILAB_COREDNS names, else the one in PATH, else dnsmasq; null when there is none. */
export function findDnsServer(): DnsServer | null {
  const named = process.env['CNILAB_COREDNS'] ?? '';
  const coredns = named === '' ? findProgram(['coredns']) : firstExecutable([named]);
  if (coredns !== null) return { kind: 'coredns', program: resolve(coredns) };
  const dnsmasq = named === '' ? findDnsmasq() : null;
  return dnsmasq === null ? null : { kind: 'dnsmasq', program: dnsmasq };
}

function firstExecutable(paths: readonly string[]): string | null {
  return (
    paths.find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    }) ?? null
  );
}
