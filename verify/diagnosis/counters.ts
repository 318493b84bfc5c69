/** What moved between two readings of the kernel: protocol counters, packets of devices, rules of the packet filter. Pure. */
import type { NamespaceSnapshot } from '../../engines/port.ts';
import type { CounterRise } from './document.ts';

/** Counters of ordinary work that say nothing about a failure, by the beginnings of their names. */
const ORDINARY =
  /^(IpExt(In|Out)\w*(Octets|Pkts)$|IpExtInNoECTPkts|Ip6(In|Out)\w*(Octets|Pkts)$|Ip6?(In|Out)(Octets|Receives|Delivers|Requests)|Ip6?OutTransmits|TcpExt(TCPPureAcks|TCPHPAcks|TCPOrigDataSent|TCPDelivered|TCPAutoCorking|DelayedACKs|TW|TCPRcvCoalesce|TCPHPHits)|Tcp(In|Out)Segs|Udp6?(In|Out)Datagrams|Icmp6?(In|Out)Msgs|Icmp(Msg|6)(In|Out)Type)/;

/** The rises in one namespace, the most telling first: counters, then rules, then packets of devices. */
export function risesBetween(where: string, before: NamespaceSnapshot | undefined, after: NamespaceSnapshot | undefined): readonly CounterRise[] {
  if (before === undefined || after === undefined) return [];
  return [...protocolRises(before, after), ...ruleRises(before, after), ...linkRises(before, after)].map(([counter, by]) => ({ where, counter, by }));
}

type Rise = readonly [counter: string, by: number];

function protocolRises(before: NamespaceSnapshot, after: NamespaceSnapshot): readonly Rise[] {
  return Object.entries(after.counters).flatMap(([name, value]): readonly Rise[] => {
    const by = value - (before.counters[name] ?? value);
    return by > 0 && !ORDINARY.test(name) ? [[name, by]] : [];
  });
}

function linkRises(before: NamespaceSnapshot, after: NamespaceSnapshot): readonly Rise[] {
  const words = { rxPackets: 'rx', txPackets: 'tx', rxDropped: 'rx dropped', txDropped: 'tx dropped' } as const;
  return after.links
    .filter((link) => link.name !== 'lo')
    .flatMap((link) => {
      const old = before.links.find((one) => one.index === link.index)?.statistics;
      return (['txDropped', 'rxDropped', 'txPackets', 'rxPackets'] as const).flatMap((key): readonly Rise[] => {
        const by = old === undefined ? 0 : link.statistics[key] - old[key];
        return by > 0 ? [[`${link.name} ${words[key]}`, by]] : [];
      });
    });
}

/** Rules that decide about a packet; jumps between chains say nothing. */
const DECIDES = /-j (DROP|REJECT|DNAT|SNAT|MASQUERADE|REDIRECT|TPROXY|NETMAP)\b|\b(drop|reject|dnat|snat|masquerade|redirect|tproxy)\b|: policy DROP/;

/** Deciding rules that were met, by their text. */
function ruleRises(before: NamespaceSnapshot, after: NamespaceSnapshot): readonly Rise[] {
  const listed = after.rules.iptables !== '' || after.rules.ip6tables !== '';
  const sources: readonly (readonly [read: Reader, of: (rules: NamespaceSnapshot['rules']) => string])[] = [
    [savedCounters, (rules) => rules.iptables],
    [savedCounters, (rules) => rules.ip6tables],
    [savedCounters, (rules) => rules.legacy?.iptables ?? ''],
    [savedCounters, (rules) => rules.legacy?.ip6tables ?? ''],
    [(text) => nftCounters(text, listed), (rules) => rules.nft],
  ];
  return sources.flatMap(([read, of]) => {
    const old = read(of(before.rules));
    return [...read(of(after.rules))].flatMap(([rule, packets]): readonly Rise[] => {
      const by = packets - (old.get(rule) ?? packets);
      return by > 0 && DECIDES.test(rule) ? [[rule, by]] : [];
    });
  });
}

type Reader = (text: string) => ReadonlyMap<string, number>;

/** `[packets:bytes] -A CHAIN …` of iptables-save -c, and policies of chains. */
function savedCounters(text: string): ReadonlyMap<string, number> {
  const counters = new Map<string, number>();
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const rule = /^\[(\d+):\d+\] (.*)$/.exec(line);
    const policy = /^:(\S+) (DROP) \[(\d+):\d+\]$/.exec(line);
    if (rule !== null) add(counters, `${table}: ${rule[2] ?? ''}`, Number(rule[1]));
    if (policy !== null) add(counters, `${table}: policy ${policy[2] ?? ''} of ${policy[1] ?? ''}`, Number(policy[3]));
  }
  return counters;
}

/** Tables of iptables-nft, which iptables-save lists. */
const TABLES_OF_IPTABLES = /^ip6? (filter|nat|mangle|raw|security)$/;

/** Rules with a counter. `listed`: what iptables keeps is listed by iptables-save. */
function nftCounters(text: string, listed: boolean): ReadonlyMap<string, number> {
  const counters = new Map<string, number>();
  let [table, chain] = ['', ''];
  for (const line of text.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    chain = /^\tchain (\S+) \{/.exec(line)?.[1] ?? chain;
    const rule = /^\t\t(.*?)counter packets (\d+) bytes \d+(.*)$/.exec(line);
    if (rule !== null && !(listed && TABLES_OF_IPTABLES.test(table)))
      add(counters, `${table} ${chain}: ${`${rule[1] ?? ''}${rule[3]?.trimStart() ?? ''}`.trim()}`, Number(rule[2]));
  }
  return counters;
}

/** The same rule may stand twice. */
function add(counters: Map<string, number>, rule: string, packets: number): void {
  counters.set(rule, (counters.get(rule) ?? 0) + packets);
}
