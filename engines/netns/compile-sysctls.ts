/**
 * The sysctls of every namespace, written out. A fresh network namespace inherits the host's IPv4 settings
 * (net.core.devconf_inherit_init_net = 0 copies init_net's for IPv4), so whatever is not written makes a lab depend on the machine.
 * Reference: Documentation/networking/ip-sysctl.rst of the kernel.
 */
import type { KernelTraits } from './compile-options.ts';
import type { Op } from './ops.ts';

export interface NamespaceSysctls {
  readonly forwarding: boolean;
  readonly ipv6: boolean;
  /** Frames of its bridges pass the packet filter, as kube-proxy needs it; false where a bridge plays a plain switch. */
  readonly bridgedFramesFiltered: boolean;
  /**
   * Node ports answer on 127.0.0.1, as kube-proxy has it in mode iptables: the answer of a pod comes to an address that is not allowed on the wire.
   * @default false
   */
  readonly localnetRouted?: boolean;
}

/** Sysctl ops of one namespace, to be applied before it has links: per-link values are copied from `default` when a link appears. */
export function namespaceSysctls(ns: string, wanted: NamespaceSysctls, kernel: KernelTraits): Op[] {
  const settings: [key: string, value: string][] = [
    ['net/ipv4/ip_forward', wanted.forwarding ? '1' : '0'],
    // kind writes 1. 0 here: node-to-pod replies may be asymmetric (calico, several segments), and the oracle wants no hidden drop.
    ...perLink('ipv4', 'rp_filter', '0'),
    // No kind of ICMP message is limited, neither per destination nor by the global budget: a refusal must not turn into silence within a burst.
    ['net/ipv4/icmp_ratemask', '0'],
    // Unprivileged ping. A user namespace with one mapped group takes only that one.
    ['net/ipv4/ping_group_range', kernel.rootless ? '0 0' : '0 2147483647'],
    ['net/ipv4/ip_local_port_range', '1024 65535'],
  ];
  if (wanted.forwarding) {
    settings.push(['net/ipv4/conf/all/route_localnet', wanted.localnetRouted === true ? '1' : '0']);
    settings.push(['net/ipv4/icmp_ratelimit', '0'], ...perLink('ipv4', 'send_redirects', '0'), ...perLink('ipv4', 'accept_redirects', '0'));
  }
  if (kernel.ipv6) {
    settings.push(...(wanted.ipv6 ? ipv6Settings(wanted.forwarding) : perLink('ipv6', 'disable_ipv6', '1')));
  }
  if (kernel.bridgeNetfilter && (wanted.forwarding || !wanted.bridgedFramesFiltered)) {
    const value = wanted.bridgedFramesFiltered ? '1' : '0';
    settings.push(['net/bridge/bridge-nf-call-iptables', value], ['net/bridge/bridge-nf-call-ip6tables', value]);
  }
  return settings.map(([key, value]) => ({ op: 'sysctl', ns, key, value }));
}

function ipv6Settings(forwarding: boolean): [string, string][] {
  return [
    ...perLink('ipv6', 'disable_ipv6', '0'),
    ...perLink('ipv6', 'forwarding', forwarding ? '1' : '0'),
    // Addresses are planned and unique: duplicate detection (RFC 4862) would keep them tentative for a second.
    ...perLink('ipv6', 'accept_dad', '0'),
    ...perLink('ipv6', 'accept_ra', '0'),
    ...perLink('ipv6', 'accept_redirects', '0'),
    ['net/ipv6/icmp/ratelimit', '0'],
  ];
}

function perLink(family: 'ipv4' | 'ipv6', name: string, value: string): [string, string][] {
  return [
    [`net/${family}/conf/all/${name}`, value],
    [`net/${family}/conf/default/${name}`, value],
  ];
}
