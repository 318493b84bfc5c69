/** The rules of iptables and nftables in one shape, as far as they decide what happens to a probe. */
import type { Family } from '../../topology/spec.ts';

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface FilterChain {
  /** iptables-legacy: the backend that the node's own iptables does not list. */
  readonly program: 'iptables' | 'iptables-legacy' | 'nft';
  /** inet: both families. */
  readonly family: Family | 'inet';
  readonly table: string;
  readonly name: string;
  /** null: only reached by a jump. */
  readonly hook: Hook | null;
  readonly nat: boolean;
  /** Order within a hook; lower is earlier (linux/netfilter_ipv4.h: raw -300, mangle -150, dstnat -100, filter 0, srcnat 100). */
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  /** Packets that met the policy; null where it is not counted. */
  readonly policyPackets: number | null;
  readonly rules: readonly FilterRule[];
}

export interface FilterRule {
  /** As `iptables -S` or `nft list` writes it. */
  readonly text: string;
  /** null where the rule has no counter. */
  readonly packets: number | null;
  readonly matches: readonly Match[];
  readonly action: Action;
  /** What it makes of the packet's mark: the bits of `mask` are cleared, those of `value` turned over (iptables-extensions(8), MARK --set-xmark). */
  readonly marks?: MarkChange;
}

export interface MarkChange {
  readonly value: number;
  readonly mask: number;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export type Match = { readonly not: boolean } & (
  | {
      readonly kind: 'source' | 'destination';
      /** Addresses, CIDRs, and ranges `a-b`. */
      readonly cidrs: readonly string[];
    }
  | { readonly kind: 'in' | 'out'; readonly names: readonly string[] }
  | { readonly kind: 'protocol'; readonly protocols: readonly string[] }
  /** `protocol` null: of whatever protocol has ports. */
  | { readonly kind: 'source-port' | 'destination-port'; readonly ports: readonly PortRange[]; readonly protocol: string | null }
  | { readonly kind: 'source-local' | 'destination-local' }
  | { readonly kind: 'state'; readonly states: readonly string[] }
  | { readonly kind: 'mark'; readonly value: number; readonly mask: number }
  /** Names and numbers of ICMP types, in the words of the rule. */
  | { readonly kind: 'icmp-type'; readonly types: readonly string[] }
  /** A share of the packets, 0 to 1. */
  | { readonly kind: 'random'; readonly probability: number }
  /** True for packets that fail the reverse path test. */
  | { readonly kind: 'reverse-path-fails' }
  | { readonly kind: 'always' }
  | { readonly kind: 'unknown'; readonly text: string }
);

export type Action =
  | { readonly kind: 'accept' | 'drop' | 'reject' | 'return' | 'masquerade' | 'continue' | 'queue' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  /** `to` '' keeps the address. */
  | { readonly kind: 'snat' | 'dnat'; readonly to: string; readonly ports: PortRange | null }
  | { readonly kind: 'redirect' | 'tproxy'; readonly ports: PortRange | null };

/** `80`, `80-90`, `80:90`. */
export function parsePorts(text: string): PortRange | null {
  const found = /^(\d+)(?:[-:](\d+))?$/.exec(text);
  if (found === null) return null;
  const first = Number(found[1]);
  return { first, last: Number(found[2] ?? found[1]) };
}

/** `10.0.0.1`, `10.0.0.1:200-999`, `[fd00::1]:200-999`, `fd00::1`, `:15001`. */
export function parseNatTarget(text: string): { readonly to: string; readonly ports: PortRange | null } {
  const bracketed = /^\[([^\]]+)\](?::(.+))?$/.exec(text);
  if (bracketed !== null) return { to: bracketed[1] ?? '', ports: parsePorts(bracketed[2] ?? '') };
  if (text.split(':').length > 2) return { to: text, ports: null };
  const [to = '', ports = ''] = text.split(':');
  return { to, ports: parsePorts(ports) };
}
