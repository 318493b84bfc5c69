/** Texts for iptables-restore and ip6tables-restore (`--noflush`): only own chains are declared, built-in chains get jumps appended. */
import type { Family } from '../../topology/spec.ts';
import type { Op } from './ops.ts';

export interface TableRules {
  readonly table: 'nat' | 'filter' | 'mangle' | 'raw';
  /** Own chains, declared (and thereby emptied). */
  readonly chains: readonly string[];
  /** Rules as iptables-save prints them, without the leading `-A`. */
  readonly rules: readonly string[];
}

/** A `rules` op, or none when there is nothing to write. */
export function rulesOp(ns: string, family: Family, tables: readonly TableRules[]): Op[] {
  const text = restoreText(tables);
  return text === '' ? [] : [{ op: 'rules', ns, family, text }];
}

export function restoreText(tables: readonly TableRules[]): string {
  return tables
    .filter((t) => t.rules.length > 0)
    .map((t) => [`*${t.table}`, ...t.chains.map((chain) => `:${chain} - [0:0]`), ...t.rules.map((rule) => `-A ${rule}`), 'COMMIT', ''].join('\n'))
    .join('');
}

/** Never masqueraded: multicast (RFC 5771, RFC 4291 section 2.7). */
export const MULTICAST: Readonly<Record<Family, string>> = { ipv4: '224.0.0.0/4', ipv6: 'ff00::/8' };

/** Family of a CIDR or address in canonical text. */
export function familyOf(text: string): Family {
  return text.includes(':') ? 'ipv6' : 'ipv4';
}

/** The CIDRs of one family. */
export function ofFamily(cidrs: readonly string[], family: Family): readonly string[] {
  return cidrs.filter((cidr) => familyOf(cidr) === family);
}
