/** What a router does to an IPv4 packet, pure. */

const HEADER_BYTES = 20;
const TTL_AT = 8;
const CHECKSUM_AT = 10;

/**
 * Counts the packet's TTL down in place and corrects its checksum (RFC 1624). False: it must not go on, being no IPv4 packet, or at the end of its life.
 */
export function passOn(packet: Buffer): boolean {
  if (packet.length < HEADER_BYTES || (packet[0] ?? 0) >> 4 !== 4) return false;
  const ttl = packet[TTL_AT] ?? 0;
  if (ttl <= 1) return false;
  packet[TTL_AT] = ttl - 1;
  // The word of TTL and protocol fell by 0x100, so the sum of complements rises by as much, with the carry added at the end.
  const sum = packet.readUInt16BE(CHECKSUM_AT) + 0x100;
  packet.writeUInt16BE((sum & 0xffff) + (sum >> 16), CHECKSUM_AT);
  return true;
}
