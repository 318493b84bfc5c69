/** What procfs tells of a namespace: protocol counters and listening sockets. Read synchronously, in the namespace. */
import { existsSync, readFileSync } from 'node:fs';
import { addressText } from './address-bytes.ts';
import type { Namespace } from './namespaces.ts';
import { inNamespace } from './sys.ts';

const FOLDER = '/proc/thread-self/net';
const TCP_LISTEN = '0A';

function readTexts(namespace: Namespace, files: readonly string[]): string[] {
  return inNamespace(namespace.fd, () => files.map((file) => (existsSync(`${FOLDER}/${file}`) ? readFileSync(`${FOLDER}/${file}`, 'utf8') : '')));
}

/** Counters of snmp, netstat (a line of names, a line of numbers) and snmp6 (name and number), as IpExtInNoRoutes → n. */
export function readCounters(namespace: Namespace): Record<string, number> {
  const [snmp = '', netstat = '', snmp6 = ''] = readTexts(namespace, ['snmp', 'netstat', 'snmp6']);
  return { ...pairedCounters(snmp), ...pairedCounters(netstat), ...listedCounters(snmp6) };
}

function pairedCounters(text: string): Record<string, number> {
  const counters: Record<string, number> = {};
  const lines = text.split('\n');
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [prefix = '', ...names] = (lines[i] ?? '').split(' ');
    const values = (lines[i + 1] ?? '').split(' ').slice(1);
    names.forEach((name, at) => {
      counters[`${prefix.replace(':', '')}${name}`] = Number(values[at]);
    });
  }
  return counters;
}

function listedCounters(text: string): Record<string, number> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [name = '', value = '0'] = line.split(/\s+/);
        return [name, Number(value)];
      }),
  );
}

/** Listening TCP sockets, `0.0.0.0:80` and `[::]:80`, sorted. */
export function readListening(namespace: Namespace): string[] {
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

/** `0100007F:0050`: 32-bit words in host byte order, then the port. */
function endpointText(text: string): string {
  const [hex = '', port = '0'] = text.split(':');
  const bytes = Buffer.from(hex, 'hex').swap32();
  const address = addressText(bytes);
  return `${bytes.length === 4 ? address : `[${address}]`}:${Number.parseInt(port, 16)}`;
}
