import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressAt,
  cidrContains,
  CidrError,
  cidrOf,
  cidrsOverlap,
  cidrSize,
  firstUsable,
  formatAddress,
  formatCidr,
  lastUsable,
  parseAddress,
  parseCidr,
  splitRange,
  subnetAt,
  subnetCount,
  tryParseAddress,
  tryParseCidr,
  usableCount,
  type Cidr,
  type CidrErrorCode,
} from '../../topology/cidr.ts';
import type { Family } from '../../topology/spec.ts';

/** Addresses of both families; IPv6 with runs of zeros, and never IPv4-mapped, which the parser refuses. */
const ipv4Address = fc.record({ family: fc.constant('ipv4' as const), value: fc.bigInt(0n, (1n << 32n) - 1n) });
const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0n) }, { weight: 3, arbitrary: fc.bigInt(0n, 0xffffn) });
const ipv6Address = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map((groups) => ({ family: 'ipv6' as const, value: groups.reduce((value, g) => (value << 16n) | g, 0n) }))
  .filter(({ value }) => value >> 32n !== 0xffffn);
const anyAddress = fc.oneof(ipv4Address, ipv6Address);
const anyCidr = anyAddress.chain((a) => fc.integer({ min: 0, max: a.family === 'ipv4' ? 32 : 128 }).map((length) => cidrOf(a, length)));
/** Two ranges near each other, so that they often meet. */
const nearCidrs = fc
  .tuple(anyCidr, anyCidr, fc.boolean())
  .map(([a, b, near]): [Cidr, Cidr] => (near && a.family === b.family ? [a, cidrOf({ family: a.family, value: a.base }, b.prefixLength)] : [a, b]));

const codeOf = (text: string, parse: (text: string) => unknown): CidrErrorCode | 'none' => {
  try {
    parse(text);
    return 'none';
  } catch (error) {
    return (error as CidrError).code;
  }
};

describe('addresses', () => {
  it.each([
    ['0.0.0.0', 'ipv4', 0n],
    ['10.244.1.5', 'ipv4', 0x0af4_0105n],
    ['255.255.255.255', 'ipv4', 0xffff_ffffn],
    ['::', 'ipv6', 0n],
    ['::1', 'ipv6', 1n],
    ['2001:0DB8:85a3:0000:0000:8a2e:0370:7334', 'ipv6', 0x2001_0db8_85a3_0000_0000_8a2e_0370_7334n],
    ['fe80::1:0:0:1', 'ipv6', 0xfe80_0000_0000_0000_0001_0000_0000_0001n],
  ] as const)('reads %s', (text, family, value) => {
    expect(parseAddress(text)).toEqual({ family, value });
  });

  it.each([
    ['2001:0db8:85a3:0000:0000:8a2e:0370:7334', '2001:db8:85a3::8a2e:370:7334'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['1::', '1::'],
    ['::ABCD', '::abcd'],
  ])('writes %s as RFC 5952 asks: %s', (text, canonical) => {
    const { family, value } = parseAddress(text);
    expect(formatAddress(family, value)).toBe(canonical);
  });

  it.each([
    ['010.0.0.1', 'leading zero'],
    ['10.1', '2 of 4 octets'],
    ['10.0.0.256', '0 to 255'],
    ['', 'empty'],
    [' 10.0.0.1', 'white space'],
    ['10.0.0.1\n', 'white space'],
    ['10.0.0.0/8', 'prefix length'],
    ['fe80::1%eth0', 'zone id'],
    ['64:ff9b::1.2.3.4', 'in hex'],
    ['::ffff:1.2.3.4', 'in hex'],
    ['::ffff:102:304', 'write 1.2.3.4'],
    ['1:::2', 'not well-formed IPv6'],
    ['localhost', 'neither IPv4 nor IPv6'],
    ['0x0a.0.0.1', 'neither IPv4 nor IPv6'],
  ])('refuses %j: %s', (text, reason) => {
    expect(tryParseAddress(text)).toMatchObject({ ok: false, code: 'ADDRESS_SYNTAX', message: expect.stringContaining(reason) as string });
  });

  it('reads what it writes', () => {
    fc.assert(
      fc.property(anyAddress, ({ family, value }) => {
        expect(parseAddress(formatAddress(family, value))).toEqual({ family, value });
      }),
    );
  });

  it('refuses numbers that do not fit', () => {
    expect(() => formatAddress('ipv4', 1n << 32n)).toThrow(CidrError);
    expect(() => formatAddress('ipv6', -1n)).toThrow('128 bits');
  });
});

describe('CIDRs', () => {
  it.each([
    ['10.244.1.5/24', 'CIDR_HOST_BITS', '10.244.1.5/24 has host bits set; the network is 10.244.1.0/24'],
    ['fd00::1/64', 'CIDR_HOST_BITS', 'the network is fd00::/64'],
    ['10.0.0.0/33', 'CIDR_PREFIX', '0 to 32'],
    ['fd00::/129', 'CIDR_PREFIX', '0 to 128'],
    ['10.0.0.0', 'CIDR_SYNTAX', 'no prefix length'],
    ['10.0.0.0/8/8', 'CIDR_SYNTAX', 'more than one "/"'],
    ['10.0.0.0/', 'CIDR_SYNTAX', 'not a plain number'],
    ['10.0.0.0/08', 'CIDR_SYNTAX', 'not a plain number'],
    ['10.0.0.0/+8', 'CIDR_SYNTAX', 'not a plain number'],
    ['10.0.0.0/8 ', 'CIDR_SYNTAX', 'not a plain number'],
    ['10.0.0.0/255.0.0.0', 'CIDR_SYNTAX', 'not a plain number'],
    ['10.244/16', 'CIDR_SYNTAX', '2 of 4 octets'],
    ['010.0.0.0/8', 'CIDR_SYNTAX', 'leading zero'],
    ['::ffff:0:0/96', 'CIDR_SYNTAX', 'IPv4-mapped'],
    ['/8', 'CIDR_SYNTAX', 'empty'],
    ['', 'CIDR_SYNTAX', 'no prefix length'],
  ] as const)('refuses %j with %s', (text, code, reason) => {
    expect(tryParseCidr(text)).toMatchObject({ ok: false, code, message: expect.stringContaining(reason) as string });
    expect(codeOf(text, parseCidr)).toBe(code);
  });

  it('reads what it writes', () => {
    fc.assert(
      fc.property(
        anyCidr.filter((c) => c.family === 'ipv4' || c.base >> 32n !== 0xffffn),
        (cidr) => {
          expect(parseCidr(formatCidr(cidr))).toEqual(cidr);
        },
      ),
    );
  });

  it('agrees with the block list of Node on what a range holds', () => {
    fc.assert(
      fc.property(anyCidr, anyAddress, (cidr, other) => {
        // A quarter of the addresses are taken from the range itself: random ones hardly ever lie in it.
        const inside = { family: cidr.family, value: cidr.base + (other.value % cidrSize(cidr)) };
        const list = new BlockList();
        list.addSubnet(formatAddress(cidr.family, cidr.base), cidr.prefixLength, cidr.family);
        for (const address of [inside, other].filter((a) => a.family === 'ipv4' || a.value >> 32n !== 0xffffn)) {
          // Node compares across families too, for IPv4-mapped addresses; here a range holds its own family only.
          const expected = address.family === cidr.family && list.check(formatAddress(address.family, address.value), address.family);
          expect(cidrContains(cidr, address)).toBe(expected);
        }
      }),
    );
  });

  it('overlaps exactly when one range holds the first address of the other', () => {
    fc.assert(
      fc.property(nearCidrs, ([a, b]) => {
        const first = (c: Cidr): { family: Family; value: bigint } => ({ family: c.family, value: c.base });
        expect(cidrsOverlap(a, b)).toBe(cidrContains(a, first(b)) || cidrContains(b, first(a)));
        expect(cidrsOverlap(a, b)).toBe(cidrsOverlap(b, a));
      }),
    );
  });

  it('takes texts where they are handy', () => {
    const cidr = parseCidr('10.244.0.0/16');
    expect(cidrContains(cidr, '10.244.255.255')).toBe(true);
    expect(cidrContains(cidr, '10.245.0.0')).toBe(false);
    expect(cidrContains(cidr, '10.244.3.0/24')).toBe(true);
    expect(cidrContains(cidr, '10.0.0.0/8')).toBe(false);
    expect(cidrContains(cidr, '::1')).toBe(false);
  });
});

describe('places in a range', () => {
  it('counts from the start and from the end', () => {
    const cidr = parseCidr('10.96.0.0/16');
    expect([addressAt(cidr, 0), addressAt(cidr, 10), addressAt(cidr, -1), addressAt(cidr, 65535n)]).toEqual([
      '10.96.0.0',
      '10.96.0.10',
      '10.96.255.255',
      '10.96.255.255',
    ]);
    expect(() => addressAt(cidr, 65536)).toThrow('has 65536 addresses; there is none at 65536');
    expect(() => addressAt(cidr, -65537)).toThrow(CidrError);
  });

  it.each([
    ['10.0.0.0/24', '10.0.0.1', '10.0.0.254', 254n],
    ['10.0.0.0/30', '10.0.0.1', '10.0.0.2', 2n],
    ['10.0.0.0/31', '10.0.0.0', '10.0.0.1', 2n],
    ['10.0.0.7/32', '10.0.0.7', '10.0.0.7', 1n],
    ['fd00::/64', 'fd00::1', 'fd00::ffff:ffff:ffff:ffff', (1n << 64n) - 1n],
    ['fd00::/127', 'fd00::', 'fd00::1', 2n],
    ['fd00::9/128', 'fd00::9', 'fd00::9', 1n],
  ])('machines of %s have %s to %s', (text, first, last, count) => {
    const cidr = parseCidr(text);
    expect([firstUsable(cidr), lastUsable(cidr), usableCount(cidr)]).toEqual([first, last, count]);
  });

  it('divides into subnets', () => {
    const pods = parseCidr('10.244.0.0/16');
    expect(subnetCount(pods, 24)).toBe(256n);
    expect(subnetCount(pods, 8)).toBe(0n);
    expect(subnetCount(pods, 33)).toBe(0n);
    expect(formatCidr(subnetAt(pods, 24, 255))).toBe('10.244.255.0/24');
    expect(formatCidr(subnetAt(parseCidr('fd00:10:244::/56'), 64, 3))).toBe('fd00:10:244:3::/64');
    expect(() => subnetAt(pods, 24, 256)).toThrow('has 256 subnets of /24; there is none at 256');
    expect(() => subnetAt(pods, 24, -1)).toThrow(CidrError);
    expect(() => cidrOf(parseAddress('10.0.0.1'), 33)).toThrow('0 to 32');
  });

  it('keeps subnets disjoint and inside of their parent', () => {
    const parent = anyCidr.chain((c) =>
      fc.integer({ min: c.prefixLength, max: Math.min(c.bits, c.prefixLength + 40) }).chain((length) => {
        const place = fc.bigInt(0n, subnetCount(c, length) - 1n);
        return fc.tuple(fc.constant(c), fc.constant(length), place, place);
      }),
    );
    fc.assert(
      fc.property(parent, ([c, length, i, j]) => {
        const [a, b] = [subnetAt(c, length, i), subnetAt(c, length, j)];
        expect(cidrContains(c, a)).toBe(true);
        expect(cidrsOverlap(a, b)).toBe(i === j);
      }),
    );
  });

  it('splits a range completely into near-equal parts, in order', () => {
    fc.assert(
      fc.property(anyCidr, fc.integer({ min: 1, max: 70 }), (cidr, n) => {
        fc.pre(BigInt(n) <= cidrSize(cidr));
        const parts = splitRange(cidr, n);
        const sizes = parts.map(cidrSize);
        expect(parts).toHaveLength(n);
        parts.reduce((end, part) => {
          expect(part.base).toBe(end);
          return part.base + cidrSize(part);
        }, cidr.base);
        expect(sizes.reduce((a, b) => a + b)).toBe(cidrSize(cidr));
        const [least, most] = [sizes.reduce((a, b) => (b < a ? b : a)), sizes.reduce((a, b) => (b > a ? b : a))];
        expect(most <= least * 2n).toBe(true);
      }),
    );
    expect(splitRange(parseCidr('10.50.0.0/16'), 3).map(formatCidr)).toEqual(['10.50.0.0/18', '10.50.64.0/18', '10.50.128.0/17']);
    expect(() => splitRange(parseCidr('10.0.0.0/8'), 0)).toThrow(CidrError);
    expect(() => splitRange(parseCidr('10.0.0.0/30'), 5)).toThrow('10.0.0.0/30 has 4 addresses and cannot be divided into 5 parts');
  });
});

describe('addresses of the seeds', () => {
  it.each([
    ['172.17.0.0/16', '172.17.33.0/24'],
    ['10.16.59.0/24', '10.16.59.64/26'],
    ['192.168.0.0/16', '192.168.15.0/24'],
    ['192.168.0.0/16', '192.168.5.10/32'],
    ['10.1.0.0/16', '10.1.1.0/24'],
  ])('%s collides with %s', (a, b) => {
    expect(cidrsOverlap(parseCidr(a), parseCidr(b))).toBe(true);
  });

  it.each([
    ['10.16.59.0/26', '10.16.59.64/26'],
    ['10.50.0.0/16', '10.32.0.0/12'],
    ['172.17.33.0/24', '172.17.29.0/24'],
    ['192.168.1.0/24', '192.168.2.0/24'],
  ])('%s and %s are apart', (a, b) => {
    expect(cidrsOverlap(parseCidr(a), parseCidr(b))).toBe(false);
  });

  it('knows which service range holds 10.107.37.188', () => {
    expect(cidrContains(parseCidr('10.96.0.0/12'), '10.107.37.188')).toBe(true);
    expect(cidrContains(parseCidr('10.96.0.0/16'), '10.107.37.188')).toBe(false);
  });
});
