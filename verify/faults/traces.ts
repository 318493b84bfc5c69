/** What a fault may leave behind: the state of the kernel without what changes by itself. */
import type { NamespaceSnapshot, Snapshot } from '../../engines/port.ts';

/** Lines by namespace, sorted: two readings of a lab that nothing was done to are equal. */
export type Traces = ReadonlyMap<string, readonly string[]>;

/** Reads off a snapshot what stays until somebody changes it. Counters, learned entries and remembered connections are left out. */
export function tracesOf(snapshot: Snapshot): Traces {
  return new Map(Object.entries(snapshot.namespaces).map(([netns, one]) => [netns, linesOf(one).toSorted()]));
}

/** What is there and was not (`+`), and what was there and is not (`-`); empty when nothing is left behind. */
export function leftBehind(before: Traces, after: Traces): readonly string[] {
  return [...before].flatMap(([netns, lines]) => {
    const now = after.get(netns) ?? [];
    return [...without(now, lines).map((line) => `${netns}: + ${line}`), ...without(lines, now).map((line) => `${netns}: - ${line}`)];
  });
}

/** As often as a line is more in the one than in the other. */
function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

function linesOf({ links, addresses, routes, neighbours, fdb, sysctls, rules, listening, cni }: NamespaceSnapshot): readonly string[] {
  return [
    ...links.map((one) => {
      const overlay = one.vxlan === null ? '' : ` vni ${one.vxlan.vni} port ${one.vxlan.port} local ${one.vxlan.local} learning ${one.vxlan.learning}`;
      return `link ${one.name} ${one.kind} ${one.mac} mtu ${one.mtu} ${one.up ? 'up' : 'down'} master ${one.master} hairpin ${one.hairpin}${overlay}`;
    }),
    ...addresses.map((one) => `address ${one.address}/${one.prefixLength} dev ${one.dev}`),
    ...routes
      .filter((one) => !IDLE_ROUTES.test(one.to))
      .map(
        (one) =>
          `route ${one.type} ${one.to} via ${one.via} dev ${one.dev} table ${one.table} metric ${one.metric} proto ${one.proto}${one.onlink ? ' onlink' : ''}`,
      ),
    ...neighbours.filter((one) => one.state === 'permanent').map((one) => `neighbour ${one.address} ${one.mac} dev ${one.dev}`),
    ...fdb.filter((one) => one.permanent).map((one) => `fdb ${one.mac} dst ${one.dst} dev ${one.dev}`),
    ...Object.entries(sysctls).map(([key, value]) => `sysctl ${key} ${value}`),
    ...[rules.iptables, rules.ip6tables, rules.nft, rules.legacy?.iptables ?? '', rules.legacy?.ip6tables ?? ''].flatMap(ruleLines),
    ...listening.map((one) => `listening ${one}`),
    ...(cni?.configs.map(({ file, text }) => `CNI configuration ${file} ${text}`) ?? []),
    ...(cni?.plugins.map((one) => `CNI plugin ${one}`) ?? []),
  ];
}

/** The kernel's own, which come and go with neighbour discovery. */
const IDLE_ROUTES = /^(fe80|ff00)::/;

/** Base chains that hold nothing and accept, and tables of nothing else: made by a first rule, they stay after the last, and do nothing to a packet. */
const IDLE = [/^:\S+ ACCEPT .*\n/gm, /^\*\w+\nCOMMIT$/gm, /^\s*chain \S+ \{\s*type [^;]*; policy accept;\s*\}$/gm, /^table \S+ \S+ \{\s*\}$/gm] as const;

/** Without counters, comments and elements that time out. */
function ruleLines(text: string): readonly string[] {
  const plain = text.replaceAll(/^#.*\n?/gm, '').replaceAll(/elements = \{[^}]* expires [^}]*\}/g, '');
  return IDLE.reduce((left, idle) => left.replaceAll(idle, ''), plain)
    .split('\n')
    .map((line) =>
      line
        .replaceAll(/\[\d+:\d+\]|packets \d+ bytes \d+/g, '')
        .replace(/,$/, '')
        .trim(),
    )
    .filter((line) => line !== '')
    .map((line) => `rule ${line}`);
}
