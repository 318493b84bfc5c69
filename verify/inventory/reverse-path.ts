/** Reverse path filtering (RFC 3704; net.ipv4.conf.*.rp_filter of the kernel's ip-sysctl.rst: the maximum of all and the interface counts). */
import type { NamespaceSnapshot } from '../../engines/port.ts';

/** 0 off, 1 strict, 2 loose. */
export function effectiveReversePathFilter(namespace: NamespaceSnapshot, dev: string): number {
  const read = (key: string): number => Number(namespace.sysctls[key] ?? '0');
  return Math.max(read('net/ipv4/conf/all/rp_filter'), read(`net/ipv4/conf/${dev}/rp_filter`));
}
