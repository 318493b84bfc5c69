import type { NamespaceSnapshot } from './port.ts';

/** A namespace of which nothing was read, or in which nothing is. */
export function emptyNamespace(netns: string): NamespaceSnapshot {
  return {
    netns,
    links: [],
    addresses: [],
    routes: [],
    neighbours: [],
    fdb: [],
    sysctls: {},
    rules: { iptables: '', ip6tables: '', nft: '' },
    counters: {},
    listening: [],
  };
}
