import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Capture, CapturedPacket } from '../../engines/port.ts';
import { fileOfArchive } from '../../lab/archive-file.ts';
import { readCapture } from '../../verify/diagnosis/read-capture.ts';
import { writeTgz } from '../../verify/evidence/archive.ts';
import { ARCHIVE_BYTES, bundleEvidence } from '../../verify/evidence/bundle.ts';
import { kernelFiles } from '../../verify/evidence/kernel-text.ts';
import { describePacket } from '../../verify/evidence/packet.ts';
import { pcapngOf } from '../../verify/evidence/pcapng.ts';
import { documentWithoutSecrets } from '../../verify/evidence/secrets.ts';
import { healthySnapshot, nodeNamed, smallPlan } from './inventory-fixture.ts';

/** A frame by its fields: Ethernet, IPv4 without options, then the rest. */
function ipv4Frame(protocol: number, source: readonly number[], destination: readonly number[], rest: readonly number[], flags = 0x40): readonly number[] {
  const ip = [0x45, 0, 0, 20 + rest.length, 0, 1, flags, 0, 64, protocol, 0, 0, ...source, ...destination];
  return [...Array<number>(12).fill(2), 8, 0, ...ip, ...rest];
}
const A = [10, 244, 1, 2];
const B = [10, 244, 2, 2];
const SYN = [0x89, 0xe8, 0x1b, 0x58, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];
const udp = (port: number, payload: readonly number[]): readonly number[] => [0x30, 0x39, port >> 8, port & 255, 0, 8 + payload.length, 0, 0, ...payload];

function packet(bytes: readonly number[], more: Partial<CapturedPacket> = {}): CapturedPacket {
  return {
    netns: 'n1',
    dev: 'eth0',
    direction: 'in',
    link: 'ethernet',
    atUs: 1_700_000_000_000_000,
    length: bytes.length,
    data: Buffer.from(bytes).toString('base64'),
    ...more,
  };
}
const text = (bytes: readonly number[]): string => describePacket(packet(bytes), new Set([8472])).text;

describe('packets in words', () => {
  it('reads TCP, and the same inside of an overlay', () => {
    const inner = ipv4Frame(6, A, B, SYN);
    expect(text(inner)).toBe('10.244.1.2:35304 > 10.244.2.2:7000 tcp SYN, ttl 64, DF');
    const outer = ipv4Frame(17, [172, 30, 0, 3], [172, 30, 0, 4], udp(8472, [8, 0, 0, 0, 0, 0, 1, 0, ...inner]), 0);
    expect(text(outer)).toBe('172.30.0.3 > 172.30.0.4 vxlan 1 [10.244.1.2:35304 > 10.244.2.2:7000 tcp SYN, ttl 64, DF]');
    expect([...describePacket(packet(outer), new Set([8472])).addresses].toSorted()).toEqual(['10.244.1.2', '10.244.2.2', '172.30.0.3', '172.30.0.4']);
    // Behind another port the same bytes are no overlay.
    expect(describePacket(packet(outer), new Set()).text).toBe('172.30.0.3:12345 > 172.30.0.4:8472 udp, ttl 64');
  });

  it('reads ICMP errors with what they quote, ARP, fragments and IPv6', () => {
    const quoted = ipv4Frame(17, A, B, udp(53, [])).slice(14);
    expect(text(ipv4Frame(1, [10, 244, 1, 1], A, [3, 4, 0, 0, 0, 0, 5, 0x78, ...quoted], 0))).toBe(
      '10.244.1.1 > 10.244.1.2 fragmentation needed (MTU 1400) [10.244.1.2:12345 > 10.244.2.2:53 udp, ttl 64, DF], ttl 64',
    );
    const arp = [...Array<number>(12).fill(255), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, ...A, 0, 0, 0, 0, 0, 0, ...B];
    expect(text(arp)).toBe('ARP who has 10.244.2.2? tell 10.244.1.2');
    expect(text(ipv4Frame(17, A, B, [1, 2, 3, 4, 5, 6, 7, 8], 0x20))).toContain('first fragment');
    const six = [
      ...Array<number>(12).fill(2),
      0x86,
      0xdd,
      0x60,
      0,
      0,
      0,
      0,
      8,
      58,
      63,
      0xfd,
      ...Array<number>(14).fill(0),
      1,
      0xfd,
      ...Array<number>(14).fill(0),
      2,
      128,
      0,
      0,
      0,
      0,
      1,
      0,
      1,
    ];
    expect(text(six)).toBe('fd00::1 > fd00::2 echo request, hop limit 63');
  });

  it('says of what is cut short that it is, and of what it does not know what it is', () => {
    expect(text(ipv4Frame(6, A, B, SYN).slice(0, 40))).toBe('cut short');
    expect(text([])).toBe('cut short');
    expect(text([...Array<number>(12).fill(2), 0x88, 0xcc, 0])).toBe('ethertype 0x88cc');
  });
});

describe('a capture of one pair', () => {
  const capture: Capture = {
    dropped: 0,
    packets: [
      packet(ipv4Frame(6, A, B, SYN), { netns: 'a', dev: 'eth0', direction: 'out', atUs: 100 }),
      packet(ipv4Frame(6, [10, 244, 1, 9], [10, 244, 2, 9], SYN), { netns: 'a', atUs: 101 }),
      packet(ipv4Frame(6, A, B, SYN), { netns: 'w1', dev: 'cni0', atUs: 150 }),
      packet(ipv4Frame(6, A, B, SYN), { netns: 'w1', dev: 'lo', atUs: 160 }),
      packet([...Array<number>(12).fill(255), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, ...A, 0, 0, 0, 0, 0, 0, ...B], { netns: 'b', atUs: 170 }),
    ],
  };
  it('tells where its packets passed and where none was seen, and leaves others out', () => {
    const way = ['a', 'w1', 'w2', 'b'].map((netns) => ({ netns, name: `name of ${netns}` }));
    const read = readCapture(capture, { client: 'a', server: 'b', way, addresses: new Set(['10.244.1.2', '10.244.2.2']), overlayPorts: new Set() });
    expect(read.passed).toEqual(['name of a eth0 out', 'name of w1 cni0 in']);
    expect(read.unseen).toEqual(['name of w2', 'name of b']);
    expect(read.packets.map(({ afterUs, where }) => [afterUs, where])).toEqual([
      [0, 'name of a eth0 out'],
      [50, 'name of w1 cni0 in'],
      // Told, and no sign of the connection.
      [70, 'name of b eth0 in'],
    ]);
  });
  it('is written as blocks whose lengths agree, an interface for each device, the bytes as they were', () => {
    const file = pcapngOf(capture.packets);
    const blocks: Buffer[] = [];
    for (let at = 0; at < file.length; ) {
      const length = file.readUInt32LE(at + 4);
      expect(length % 4).toBe(0);
      expect(file.readUInt32LE(at + length - 4)).toBe(length);
      blocks.push(file.subarray(at, at + length));
      at += length;
    }
    // An interface stands before the first of its packets.
    expect(blocks.map((block) => block.readUInt32LE(0))).toEqual([0x0a0d0d0a, 1, 6, 6, 1, 6, 1, 6, 1, 6]);
    let described = 0;
    for (const block of blocks) {
      if (block.readUInt32LE(0) === 1) described += 1;
      if (block.readUInt32LE(0) === 6) expect(block.readUInt32LE(8)).toBeLessThan(described);
    }
    expect(blocks[1]?.toString('latin1')).toContain('a eth0');
    const first = blocks.find((block) => block.readUInt32LE(0) === 6);
    expect(first?.readUInt32LE(16)).toBe(100);
    expect(first?.subarray(28, 28 + (first?.readUInt32LE(20) ?? 0)).toString('base64')).toBe(capture.packets[0]?.data);
  });
});

describe('an archive', () => {
  it('holds every file, whatever order they come in, and the same bytes each time', () => {
    const files = [
      { path: 'x/b.txt', bytes: Buffer.from('second\n') },
      { path: 'x/a.txt', bytes: Buffer.from('first\n') },
      { path: `${'long/'.repeat(24)}name.txt`, bytes: Buffer.from('deep\n') },
    ];
    const archive = writeTgz(files);
    expect(writeTgz(files.toReversed())).toEqual(archive);
    expect(fileOfArchive(archive, 'x/a.txt')?.toString()).toBe('first\n');
    expect(fileOfArchive(archive, 'x/b.txt')?.toString()).toBe('second\n');
    const tar = gunzipSync(archive);
    expect(tar.length % 512).toBe(0);
    // Modification time and owner of the first header.
    expect([tar.toString('latin1', 108, 115), tar.toString('latin1', 136, 147)]).toEqual(['0000000', '00000000000']);
    expect(() => writeTgz([{ path: 'n'.repeat(300), bytes: Buffer.alloc(0) }])).toThrow(/too long/);
  });

  it('stays below a megabyte whatever goes in, and says what was cut', () => {
    // Bytes that do not shrink.
    let seed = 1;
    const noise = Array.from({ length: 400_000 }, () => ((seed = (seed * 48_271) % 0x7fffffff), (seed % 36).toString(36))).join('');
    const texts = Array.from({ length: 12 }, (_, at) => ({ path: `nodes/n${at}/iptables.txt`, text: `${noise}\n` }));
    const bundle = bundleEvidence({
      root: 'lab-evidence',
      about: ['about'],
      texts: [...texts, { path: 'small.txt', text: 'whole\n' }],
      binaries: [],
      missing: ['a verification: why'],
    });
    expect(bundle.archive.length).toBeLessThan(ARCHIVE_BYTES);
    expect(bundle.cut).toHaveLength(12);
    expect(fileOfArchive(bundle.archive, 'lab-evidence/small.txt')?.toString()).toBe('whole\n');
    const readme = fileOfArchive(bundle.archive, 'lab-evidence/README.txt')?.toString() ?? '';
    expect(readme).toContain('cut: nodes/n0/iptables.txt');
    expect(readme).toContain('not collected: a verification: why');
    expect(fileOfArchive(bundle.archive, 'lab-evidence/nodes/n0/iptables.txt')?.toString()).toMatch(/\[cut: 400001 bytes in all\]\n$/);
  });
});

describe('secrets', () => {
  it('are taken out of documents, and nothing else is', () => {
    const document = {
      kind: 'List',
      items: [
        { kind: 'Secret', metadata: { name: 'tls' }, data: { 'tls.key': 'QUFB' }, stringData: { user: 'me' } },
        {
          kind: 'Pod',
          env: [
            { name: 'DB_PASSWORD', value: 'hunter2' },
            { name: 'MODE', value: 'fast' },
          ],
          apiKey: 'k-1',
          port: 80,
        },
      ],
    };
    expect(documentWithoutSecrets(document)).toEqual({
      kind: 'List',
      items: [
        { kind: 'Secret', metadata: { name: 'tls' }, data: { 'tls.key': '(removed)' }, stringData: { user: '(removed)' } },
        {
          kind: 'Pod',
          env: [
            { name: 'DB_PASSWORD', value: '(removed)' },
            { name: 'MODE', value: 'fast' },
          ],
          apiKey: '(removed)',
          port: 80,
        },
      ],
    });
  });
  it('are taken out of lists, of commands, and of documents inside of texts; addresses and what only tells of a secret stay', () => {
    expect(
      documentWithoutSecrets({
        command: ['kubeadm', 'join', '172.30.0.2:6443', '--token', 'S1', '--v', '5'],
        tokens: ['S2', 'S3'],
        tokenServer: '172.30.0.9',
        expirationSeconds: 3607,
        imagePullSecrets: [{ name: 'registry' }],
        sysctls: { 'net/ipv4/tcp_syncookies': '1' },
      }),
    ).toEqual({
      command: ['kubeadm', 'join', '172.30.0.2:6443', '--token', '(removed)', '--v', '5'],
      tokens: ['(removed)', '(removed)'],
      tokenServer: '172.30.0.9',
      expirationSeconds: 3607,
      imagePullSecrets: [{ name: 'registry' }],
      sysctls: { 'net/ipv4/tcp_syncookies': '1' },
    });
    const applied = JSON.stringify({ kind: 'Secret', data: { p: 'S4' } });
    const document = documentWithoutSecrets({ metadata: { annotations: { applied } }, list: '[not json' });
    expect(document).toEqual({ metadata: { annotations: { applied: '{"kind":"Secret","data":{"p":"(removed)"}}' } }, list: '[not json' });
  });
});

describe('the state of a kernel as files', () => {
  it('has one file for each kind of state, and the words of ip and bridge', () => {
    const plan = smallPlan({ type: 'flannel' });
    const node = nodeNamed(plan, 'worker1');
    const one = healthySnapshot(plan).namespaces[node.netns];
    const files = one === undefined ? [] : kernelFiles('nodes/c1/worker1', one);
    const named = (name: string): string => files.find(({ path }) => path === `nodes/c1/worker1/${name}.txt`)?.text ?? '';
    expect(named('links')).toMatch(/flannel\.1 vxlan mtu 1450 up .* vxlan id 1 dstport 8472/);
    expect(named('addresses')).toContain('eth0 172.30.0.');
    expect(named('routes')).toMatch(/unicast 10\.244\.\d\.0\/24 via 10\.244\.\d\.0 dev flannel\.1/);
    expect(named('fdb')).toMatch(/dev flannel\.1 dst 172\.30\.0\.\d permanent/);
    expect(named('sysctls')).toContain('net.ipv4.ip_forward = 1');
    expect(files.map(({ path }) => path)).not.toContain('nodes/c1/worker1/nft.txt');
  });
});
