import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../verify/capture/filter.ts';

type Bytes = readonly number[];
const address = (text: string): Bytes => text.split('.').map(Number);
const ethernet = (type: number, rest: Bytes): Bytes => [...Array<number>(12).fill(2), type >> 8, type & 255, ...rest];
const ipv4 = (protocol: number, from: string, to: string, rest: Bytes, offset = 0): Bytes =>
  ethernet(0x0800, [0x45, 0, 0, 20 + rest.length, 0, 1, offset >> 8, offset & 255, 64, protocol, 0, 0, ...address(from), ...address(to), ...rest]);
const ports = (from: number, to: number): Bytes => [from >> 8, from & 255, to >> 8, to & 255, 0, 0, 0, 0];
const six = (next: number, rest: Bytes): Bytes =>
  ethernet(0x86dd, [0x60, 0, 0, 0, 0, rest.length, next, 64, 0xfd, ...Array<number>(14).fill(0), 1, 0xfd, ...Array<number>(14).fill(0), 2, ...rest]);

const PACKETS: Readonly<Record<string, Bytes>> = {
  web: ipv4(6, '10.244.1.2', '10.244.2.2', ports(40_000, 80)),
  reply: ipv4(6, '10.244.2.2', '10.244.1.2', ports(80, 40_000)),
  dns: ipv4(17, '10.244.1.2', '10.96.0.10', ports(5353, 53)),
  later: ipv4(17, '10.244.1.2', '10.96.0.10', ports(5353, 53), 185),
  ping: ipv4(1, '10.244.1.2', '10.244.2.2', [8, 0, 0, 0]),
  arp: ethernet(0x0806, [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, ...address('10.244.1.2'), 0, 0, 0, 0, 0, 0, ...address('10.244.1.1')]),
  vxlan: ipv4(17, '172.30.0.3', '172.30.0.4', [...ports(1, 8472), 8, 0, 0, 0, 0, 0, 1, 0, ...ipv4(6, '10.244.1.2', '10.244.2.2', ports(40_000, 80))]),
  web6: six(6, ports(40_000, 80)),
  ping6: six(58, [128, 0, 0, 0]),
  part6: six(44, [17, 0, 0, 8, 0, 0, 0, 1]),
  short: [1, 2, 3],
};

const passing = (filter: string): string => {
  const passes = parseFilter(filter);
  return Object.entries(PACKETS)
    .filter(([, bytes]) => passes({ link: 'ethernet', data: Buffer.from(bytes).toString('base64') }))
    .map(([name]) => name)
    .join(' ');
};

describe('a filter of packets', () => {
  it.each([
    ['', 'web reply dns later ping arp vxlan web6 ping6 part6 short'],
    ['tcp', 'web reply web6'],
    ['udp', 'dns later vxlan part6'],
    ['icmp', 'ping'],
    ['icmp6', 'ping6'],
    ['arp', 'arp'],
    ['ip', 'web reply dns later ping vxlan'],
    ['ip6', 'web6 ping6 part6'],
    // ARP tells of addresses, too; an overlay's inner packet is not looked at.
    ['host 10.244.1.2', 'web reply dns later ping arp'],
    ['src host 10.244.1.2', 'web dns later ping arp'],
    ['dst 10.244.1.2', 'reply'],
    ['10.96.0.10', 'dns later'],
    ['ip host 10.244.1.2', 'web reply dns later ping'],
    ['arp host 10.244.1.1', 'arp'],
    ['host fd00::2', 'web6 ping6 part6'],
    ['net 10.244.0.0/16', 'web reply dns later ping arp'],
    ['dst net 10.244.2.0/24', 'web ping'],
    ['src and dst net 10.244.0.0/16', 'web reply ping arp'],
    ['src or dst host 10.96.0.10', 'dns later'],
    ['net fd00::/8', 'web6 ping6 part6'],
    // A fragment that is not the first has no ports.
    ['port 53', 'dns'],
    ['port 80', 'web reply web6'],
    ['tcp dst port 80', 'web web6'],
    ['udp port 80', ''],
    ['udp port 8472', 'vxlan'],
    ['not tcp and not udp', 'ping arp ping6 short'],
    ['! ( tcp or udp )', 'ping arp ping6 short'],
    ['!(tcp||udp)&&ip', 'ping'],
    // Equal precedence, from the left: (arp or tcp) and port 80.
    ['arp or tcp and port 80', 'web reply web6'],
    ['arp or (tcp and port 80)', 'web reply arp web6'],
    ['tcp and 10.244.1.2', 'web reply'],
  ])('%j lets pass what pcap-filter(7) does', (filter, names) => {
    expect(passing(filter)).toBe(names);
  });

  it('reads packets that begin with their IP header', () => {
    const data = Buffer.from(PACKETS['web']?.slice(14) ?? []).toString('base64');
    expect(parseFilter('tcp port 80')({ link: 'ip', data })).toBe(true);
    expect(parseFilter('udp')({ link: 'ip', data })).toBe(false);
    expect(parseFilter('host fd00::2')({ link: 'ip', data: Buffer.from(PACKETS['web6']?.slice(14) ?? []).toString('base64') })).toBe(true);
  });

  it.each([
    ['tpc port 80', /"tpc" is no word/, /did you mean tcp\?/],
    ['greater 100', /"greater" is no word/, /is made of/],
    ['constructor', /"constructor" is no word/, /is made of/],
    ['80', /"80" alone/, /`port 80`/],
    ['port http', /"http" is no port/, /number/],
    ['port 65536', /"65536" is no port/, /65535/],
    ['port', /ends after "port"/, /`port 80`/],
    ['host 10.244.1', /after "host": "10\.244\.1" is not an IP address/, /cnilab inspect/],
    ['host 10.0.0.0/8', /after "host"/, /`host 10/],
    ['net 10.244.1.0/16', /after "net"/, /`net 10/],
    ['net 10.0.0.0', /after "net"/, /`net 10/],
    ['tcp host 10.0.0.1', /tcp has no host/, /`tcp and host …`/],
    ['arp port 80', /arp has no port/, /tcp, udp/],
    ['src web', /"web" is neither host/, /src host ADDRESS/],
    ['tcp port 80 udp', /"udp" cannot stand there/, /`and` or `or`/],
    ['(tcp or udp', /not closed/, /\)/],
    ['tcp or', /ends too early/, /is one of/],
    ['tcp and and udp', /no condition before "and"/, /is one of/],
    ['tcp )', /"\)" cannot stand/, /join/],
    ['tcp | udp', /"\|" cannot stand/, /join/],
    ['ip != 1', /"!" cannot stand/, /join/],
  ])('%j is refused, with the word', (filter, message, hint) => {
    expect(() => parseFilter(filter)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message), hint: expect.stringMatching(hint) }),
    );
  });
});
