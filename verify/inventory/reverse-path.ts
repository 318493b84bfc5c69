/** Reverse path filtering (RFC 3704; net.ipv4.conf.*.rp_filter of the kernel's ip-sysctl.rst: the maximum of all and the interface counts). */
import type { NamespaceSnapshot } from '../../engines/port.ts';
import type { Family } from '../../topology/spec.ts';
import { ruleSetOf } from './rule-sets.ts';

/** 0 off, 1 strict, 2 loose. */
export function effectiveReversePathFilter(namespace: NamespaceSnapshot, dev: string): number {
  const read = (key: string): number => Number(namespace.sysctls[key] ?? '0');
  return Math.max(read('net/ipv4/conf/all/rp_filter'), read(`net/ipv4/conf/${dev}/rp_filter`));
}

/** The first rule of the packet filter that drops what fails the reverse path test, as its program writes it; null where there is none, or it was not read. */
export function reversePathRule(namespace: NamespaceSnapshot, family: Family): string | null {
  const rules = ruleSetOf(namespace).flatMap((chain) => (chain.family === family || chain.family === 'inet' ? chain.rules : []));
  return rules.find((rule) => rule.action.kind === 'drop' && rule.matches.some((match) => match.kind === 'reverse-path-fails'))?.text ?? null;
}
