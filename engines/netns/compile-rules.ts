/** Texts for iptables-restore and ip6tables-restore (`--noflush`): only own chains are declared, built-in chains get jumps appended. */
import type { Family } from '../../topology/spec.ts';
import type { Op } from './ops.ts';

export interface TableRules {
  readonly table: 'nat' | 'filter' | 'mangle' | 'raw';
  /** Own chains, declared (and thereby emptied). */
  readonly chains: readonly string[];
  /** Of built-in chains. @default they stay as they are */
  readonly policies?: Readonly<Record<string, 'ACCEPT' | 'DROP'>>;
  /** Rules as iptables-save prints them, without the leading `-A`. */
  readonly rules: readonly string[];
}

/** A `rules` op, or none when there is nothing to write. */
export function rulesOp(ns: string, family: Family, tables: readonly TableRules[]): Op[] {
  const text = restoreText(tables);
  return text === '' ? [] : [{ op: 'rules', ns, family, text }];
}

/** Rules of one namespace and family in one op, in the place of the last: the packet filter of a node is written by one process, a table by one transaction. */
export function joinRules(ops: readonly Op[]): Op[] {
  const all = ops.filter((op) => op.op === 'rules');
  return ops.flatMap((op): Op[] => {
    if (op.op !== 'rules') return [op];
    const same = all.filter(({ ns, family }) => ns === op.ns && family === op.family);
    return op === same.at(-1) ? [{ ...op, text: joinTexts(same.map(({ text }) => text)) }] : [];
  });
}

function joinTexts(texts: readonly string[]): string {
  const tables = new Map<string, { readonly chains: string[]; readonly rules: string[] }>();
  for (const [, name = '', chains = '', rules = ''] of texts.join('').matchAll(/\*(\w+)\n((?::.*\n)*)([^]*?)COMMIT\n/g)) {
    const table = tables.get(name) ?? { chains: [], rules: [] };
    tables.set(name, table);
    table.chains.push(chains);
    table.rules.push(rules);
  }
  return [...tables].map(([name, { chains, rules }]) => `*${name}\n${chains.join('')}${rules.join('')}COMMIT\n`).join('');
}

export function restoreText(tables: readonly TableRules[]): string {
  return tables
    .filter((t) => t.rules.length > 0)
    .map((t) =>
      [
        `*${t.table}`,
        ...Object.entries(t.policies ?? {}).map(([chain, policy]) => `:${chain} ${policy} [0:0]`),
        ...t.chains.map((chain) => `:${chain} - [0:0]`),
        ...t.rules.map((rule) => `-A ${rule}`),
        'COMMIT',
        '',
      ].join('\n'),
    )
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
