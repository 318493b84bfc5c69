/** What the compiler must know besides the plan. */
import type { DnsServer } from './dns/compile.ts';

/** Traits of the running kernel and of the holder that change what can be written. */
export interface KernelTraits {
  /** The holder lives in a user namespace with one mapped uid and gid. */
  readonly rootless: boolean;
  /** /proc/sys/net/ipv6 exists (false with ipv6.disable=1). */
  readonly ipv6: boolean;
  /** br_netfilter is there, so that /proc/sys/net/bridge exists in every namespace. */
  readonly bridgeNetfilter: boolean;
}

export interface CompileOptions extends Partial<KernelTraits> {
  /** Folder of the lab file, base of relative plugin folders. @default the plan's folders are taken as they are */
  readonly sourceDirectory?: string;
  /** What serves the clusters' DNS. @default CoreDNS, found in PATH */
  readonly dnsServer?: DnsServer | undefined;
  /** What serves the zones of hosts. @default found in PATH */
  readonly dnsmasq?: string | undefined;
  /** nginx, which plays the Ingress controllers. @default found in PATH */
  readonly nginx?: string | undefined;
}

/** Defaults: root, a kernel with everything. */
export function kernelTraits(options: CompileOptions): KernelTraits {
  return { rootless: options.rootless ?? false, ipv6: options.ipv6 ?? true, bridgeNetfilter: options.bridgeNetfilter ?? true };
}
