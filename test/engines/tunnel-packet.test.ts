import { describe, expect, it } from 'vitest';
import { passOn } from '../../engines/netns/agent/tunnel-packet.ts';

/** An IPv4 header without options, with its checksum. */
function packet(ttl: number, identification = 0): Buffer {
  const header = Buffer.from([0x45, 0, 0, 20, 0, 0, 0, 0, ttl, 17, 0, 0, 10, 244, 0, 2, 10, 244, 1, 2]);
  header.writeUInt16BE(identification, 4);
  header.writeUInt16BE(~sumOf(header) & 0xffff, 10);
  return header;
}

/** Sum of the words in one's complement (RFC 1071): 0xffff for a header whose checksum is right. */
function sumOf(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

describe('a packet that is passed on', () => {
  it.each([0, 1, 0x1234, 0x76c9, 0xfffe])('loses one of its TTL, and its checksum stays right (identification %i)', (identification) => {
    for (let ttl = 2; ttl <= 255; ttl++) {
      const header = packet(ttl, identification);
      expect(passOn(header)).toBe(true);
      expect([header[8], sumOf(header)]).toEqual([ttl - 1, 0xffff]);
    }
  });

  it.each([
    ['at the end of its life', packet(1)],
    ['already there', packet(0)],
    ['of IPv6', Buffer.concat([Buffer.from([0x60]), Buffer.alloc(39, 64)])],
    ['cut off', packet(64).subarray(0, 19)],
    ['empty', Buffer.alloc(0)],
  ])('is none that is %s, and that is left as it is', (_name, header) => {
    const before = Buffer.from(header);
    expect(passOn(header)).toBe(false);
    expect(header).toEqual(before);
  });
});
