/** Where the servers are that labs run: installed, or unpacked for cnilab alone. */
import { join, resolve } from 'node:path';
import { cacheDirectory } from '../own-directories.ts';
import { findProgram, firstExecutable } from '../executables.ts';
import type { DnsServer } from './dns/compile.ts';

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
