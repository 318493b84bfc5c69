/** What procfs tells of a namespace: protocol counters, listening sockets, and which tables the old iptables has. Read synchronously, in the namespace. */
import { existsSync, readFileSync } from 'node:fs';
import { listedCounters, pairedCounters, trackingCounters } from '../../proc-counters.ts';
import { addressText } from './address-bytes.ts';
import type { Namespace } from './namespaces.ts';
import { inNamespace } from './sys.ts';
import { readSysctls } from './sysctls.ts';

const FOLDER = '/proc/thread-self/net';
const TCP_LISTEN = '0A';

function readTexts(namespace: Namespace, files: readonly string[]): string[] {
  return inNamespace(namespace.fd, () => files.map((file) => (existsSync(`${FOLDER}/${file}`) ? readFileSync(`${FOLDER}/${file}`, 'utf8') : '')));
}

/** Counters of snmp, netstat, snmp6 and connection tracking, as IpExtInNoRoutes → n. */
export function readCounters(namespace: Namespace): Record<string, number> {
  const [snmp = '', netstat = '', snmp6 = '', tracking = ''] = readTexts(namespace, ['snmp', 'netstat', 'snmp6', 'stat/nf_conntrack']);
  const { [HELD]: held, [MOST]: most } = readSysctls(namespace, [HELD, MOST]);
  return { ...pairedCounters(snmp), ...pairedCounters(netstat), ...listedCounters(snmp6), ...trackingCounters(held, most, tracking) };
}

const HELD = 'net/netfilter/nf_conntrack_count';
const MOST = 'net/netfilter/nf_conntrack_max';

/** Listening TCP sockets, `0.0.0.0:80` and `[::]:80`, sorted. */
export function readListeningFiles(namespace: Namespace): string[] {
  return readTexts(namespace, ['tcp', 'tcp6'])
    .flatMap((text) =>
      text
        .split('\n')
        .slice(1)
        .flatMap((line) => {
          const [, local = '', , state] = line.trim().split(/\s+/);
          return state === TCP_LISTEN ? [endpointText(local)] : [];
        }),
    )
    .sort();
}

/** Has the legacy backend of iptables tables in the namespace? They stay, empty, until it ends. */
export function readLegacyTables(namespace: Namespace): { readonly ipv4: boolean; readonly ipv6: boolean } {
  const [ipv4 = '', ipv6 = ''] = readTexts(namespace, ['ip_tables_names', 'ip6_tables_names']);
  return { ipv4: ipv4 !== '', ipv6: ipv6 !== '' };
}

/** `0100007F:0050`: 32-bit words in host byte order, then the port. */
function endpointText(text: string): string {
  const [hex = '', port = '0'] = text.split(':');
  const bytes = Buffer.from(hex, 'hex').swap32();
  const address = addressText(bytes);
  return `${bytes.length === 4 ? address : `[${address}]`}:${Number.parseInt(port, 16)}`;
}
