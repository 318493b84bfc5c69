/** IP and MAC addresses between text and network byte order. */
import { formatAddress, parseAddress } from '../../../topology/cidr.ts';
import { InternalError } from '../../../topology/errors.ts';

const known = new Map<string, Uint8Array>();

/** 4 or 16 bytes in network byte order. The result is shared: do not write to it. @throws CidrError when `text` is no address. */
export function addressBytes(text: string): Uint8Array {
  let bytes = known.get(text);
  if (bytes === undefined) {
    const { family, value } = parseAddress(text);
    bytes = new Uint8Array(family === 'ipv4' ? 4 : 16);
    let rest = value;
    for (let i = bytes.length - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
    known.set(text, bytes);
  }
  return bytes;
}

/** Canonical text of 4 or 16 bytes in network byte order (RFC 5952 for IPv6). */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return formatAddress('ipv6', value);
}

/** Six bytes of `02:00:00:00:00:01`. */
export function macBytes(text: string): Uint8Array {
  const bytes = Buffer.from(text.replaceAll(':', ''), 'hex');
  if (bytes.length !== 6) throw new InternalError(`${JSON.stringify(text)} is not a MAC address`);
  return bytes;
}

/** `02:00:00:00:00:01`, or '' for no bytes. */
export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** `10.244.0.0/16` in bytes and length. `default` is not known here: write 0.0.0.0/0 or ::/0. */
export function prefixBytes(cidr: string): { readonly bytes: Uint8Array; readonly length: number } {
  const slash = cidr.lastIndexOf('/');
  const bytes = addressBytes(slash < 0 ? cidr : cidr.slice(0, slash));
  return { bytes, length: slash < 0 ? bytes.length * 8 : Number(cidr.slice(slash + 1)) };
}
