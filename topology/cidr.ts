/** Strict CIDR arithmetic on BigInt, IPv4 and IPv6 alike: what is not written exactly right is refused, with the reason. */
import { isIP } from 'node:net';
import type { Family } from './spec.ts';

/** An address as a number: 32 bits wide for IPv4, 128 for IPv6. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** A range; `base` never has host bits set. */
export interface Cidr {
  readonly family: Family;
  readonly base: bigint;
  readonly prefixLength: number;
  readonly bits: 32 | 128;
}

/**
 * ADDRESS_SYNTAX: not an address. CIDR_SYNTAX: not `address/length`. CIDR_PREFIX: no such prefix length.
 * CIDR_HOST_BITS: the address is not the first of its range. CIDR_RANGE: outside of the range asked for.
 */
export type CidrErrorCode = 'ADDRESS_SYNTAX' | 'CIDR_SYNTAX' | 'CIDR_PREFIX' | 'CIDR_HOST_BITS' | 'CIDR_RANGE';

/** Text that is no address or range, or an index outside of one. */
export class CidrError extends Error {
  readonly code: CidrErrorCode;
  constructor(code: CidrErrorCode, message: string) {
    super(message);
    this.name = 'CidrError';
    this.code = code;
  }
}

/** Width of an address of a family, in bits. */
export function familyBits(family: Family): 32 | 128 {
  return family === 'ipv4' ? 32 : 128;
}

/**
 * Reads one address, without prefix length. Leading zeros, short forms, zone ids, dotted tails and IPv4-mapped IPv6 addresses
 * (RFC 4291 2.5.5.2) are refused: each of them means different things to different programs.
 * @throws {CidrError} ADDRESS_SYNTAX
 */
export function parseAddress(text: string): Address {
  const version = isIP(text);
  if (version === 4) {
    return { family: 'ipv4', value: text.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n) };
  }
  if (version === 6 && !text.includes('%') && !text.includes('.')) {
    const value = parseGroups(text);
    if (value >> 32n === 0xffffn) {
      const mapped = formatAddress('ipv4', value & 0xffff_ffffn);
      throw new CidrError('ADDRESS_SYNTAX', `${text} is an IPv4-mapped IPv6 address; write ${mapped}`);
    }
    return { family: 'ipv6', value };
  }
  throw new CidrError('ADDRESS_SYNTAX', `${quote(text)} is not an IP address: ${whyNoAddress(text)}`);
}

/** The canonical text of an address: dotted decimal, or RFC 5952 (lower case, the longest run of zeros as `::`). */
export function formatAddress(family: Family, value: bigint): string {
  const bits = familyBits(family);
  if (value < 0n || value >> BigInt(bits) !== 0n) throw new CidrError('CIDR_RANGE', `${value} does not fit into ${bits} bits`);
  if (family === 'ipv4') return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  const run = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(':');
  return `${hex.slice(0, run.start).join(':')}::${hex.slice(run.start + run.length).join(':')}`;
}

/**
 * Reads `address/length`. The address must be the first of its range.
 * @throws {CidrError} CIDR_SYNTAX, CIDR_PREFIX, CIDR_HOST_BITS (the message names the network that was meant)
 */
export function parseCidr(text: string): Cidr {
  const [addressText = '', lengthText, ...rest] = text.split('/');
  if (lengthText === undefined || rest.length > 0) {
    const why = rest.length > 0 ? 'more than one "/"' : 'no prefix length';
    throw new CidrError('CIDR_SYNTAX', `${quote(text)} is not a CIDR: ${why}; a range is written like 10.244.0.0/16 or fd00:10:244::/56`);
  }
  const { family, value } = readBase(text, addressText);
  const bits = familyBits(family);
  if (!/^(0|[1-9][0-9]*)$/.test(lengthText)) {
    throw new CidrError('CIDR_SYNTAX', `${quote(text)} is not a CIDR: the prefix length ${quote(lengthText)} is not a plain number`);
  }
  const prefixLength = Number(lengthText);
  if (prefixLength > bits) {
    throw new CidrError('CIDR_PREFIX', `${quote(text)} is not a CIDR: an ${familyName(family)} prefix length is 0 to ${bits}, not ${lengthText}`);
  }
  const base = networkBase(value, bits, prefixLength);
  if (base !== value) {
    throw new CidrError('CIDR_HOST_BITS', `${text} has host bits set; the network is ${formatAddress(family, base)}/${prefixLength}`);
  }
  return { family, base, prefixLength, bits };
}

/** As {@link parseCidr}, without throwing. */
export function tryParseCidr(
  text: string,
): { readonly ok: true; readonly cidr: Cidr } | { readonly ok: false; readonly code: CidrErrorCode; readonly message: string } {
  try {
    return { ok: true, cidr: parseCidr(text) };
  } catch (error) {
    if (error instanceof CidrError) return { ok: false, code: error.code, message: error.message };
    throw error;
  }
}

/** As {@link parseAddress}, without throwing. */
export function tryParseAddress(
  text: string,
): { readonly ok: true; readonly address: Address } | { readonly ok: false; readonly code: CidrErrorCode; readonly message: string } {
  try {
    return { ok: true, address: parseAddress(text) };
  } catch (error) {
    if (error instanceof CidrError) return { ok: false, code: error.code, message: error.message };
    throw error;
  }
}

/** The canonical text of a range. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.family, cidr.base)}/${cidr.prefixLength}`;
}

/** The range of `prefixLength` bits that an address lies in. */
export function cidrOf(address: Address, prefixLength: number): Cidr {
  const bits = familyBits(address.family);
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bits) {
    throw new CidrError('CIDR_PREFIX', `an ${familyName(address.family)} prefix length is 0 to ${bits}, not ${prefixLength}`);
  }
  return { family: address.family, base: networkBase(address.value, bits, prefixLength), prefixLength, bits };
}

/** Does `outer` hold all of `inner`? A text is read as an address, or as a CIDR when it holds a "/". Never true across families. */
export function cidrContains(outer: Cidr, inner: Cidr | Address | string): boolean {
  if (typeof inner === 'string') return cidrContains(outer, inner.includes('/') ? parseCidr(inner) : parseAddress(inner));
  if (inner.family !== outer.family) return false;
  if ('base' in inner && inner.prefixLength < outer.prefixLength) return false;
  return networkBase('base' in inner ? inner.base : inner.value, outer.bits, outer.prefixLength) === outer.base;
}

/** Do two ranges share an address? Ranges overlap only when one holds the other. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b) || cidrContains(b, a);
}

/** Number of addresses, network and broadcast included. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << BigInt(cidr.bits - cidr.prefixLength);
}

/**
 * The address at a place of the range, counted from 0; negative counts from the end (-1 is the last).
 * @throws {CidrError} CIDR_RANGE
 */
export function addressAt(cidr: Cidr, index: bigint | number): string {
  const size = cidrSize(cidr);
  const wanted = BigInt(index);
  const place = wanted < 0n ? size + wanted : wanted;
  if (place < 0n || place >= size) throw new CidrError('CIDR_RANGE', `${formatCidr(cidr)} has ${size} addresses; there is none at ${index}`);
  return formatAddress(cidr.family, cidr.base + place);
}

/** How many subnets of that prefix length fit; 0 when they are larger than the range itself. */
export function subnetCount(cidr: Cidr, prefixLength: number): bigint {
  if (prefixLength < cidr.prefixLength || prefixLength > cidr.bits) return 0n;
  return 1n << BigInt(prefixLength - cidr.prefixLength);
}

/**
 * The n-th subnet of that prefix length, counted from 0.
 * @throws {CidrError} CIDR_RANGE
 */
export function subnetAt(cidr: Cidr, prefixLength: number, index: bigint | number): Cidr {
  const count = subnetCount(cidr, prefixLength);
  const place = BigInt(index);
  if (place < 0n || place >= count) {
    throw new CidrError('CIDR_RANGE', `${formatCidr(cidr)} has ${count} subnets of /${prefixLength}; there is none at ${index}`);
  }
  return { ...cidr, base: cidr.base + (place << BigInt(cidr.bits - prefixLength)), prefixLength };
}

/**
 * First address that a machine may have. IPv4 skips the network address, except in /31 (RFC 3021) and /32;
 * IPv6 skips the subnet-router anycast address (RFC 4291 2.6.1), except in /127 (RFC 6164) and /128.
 */
export function firstUsable(cidr: Cidr): string {
  return addressAt(cidr, isPointToPoint(cidr) ? 0 : 1);
}

/** Last address that a machine may have: IPv4 skips the broadcast address, except in /31 and /32; IPv6 has none. */
export function lastUsable(cidr: Cidr): string {
  return addressAt(cidr, isPointToPoint(cidr) || cidr.family === 'ipv6' ? -1 : -2);
}

/** How many addresses machines may have in the range: from {@link firstUsable} to {@link lastUsable}. */
export function usableCount(cidr: Cidr): bigint {
  if (isPointToPoint(cidr)) return cidrSize(cidr);
  return cidrSize(cidr) - (cidr.family === 'ipv4' ? 2n : 1n);
}

/**
 * Divides the whole range into n parts, in address order, of sizes that differ by a factor of two at most.
 * @throws {CidrError} CIDR_RANGE when the range has fewer than n addresses or n is below 1
 */
export function splitRange(cidr: Cidr, n: number): readonly Cidr[] {
  if (!Number.isInteger(n) || n < 1 || BigInt(n) > cidrSize(cidr)) {
    throw new CidrError('CIDR_RANGE', `${formatCidr(cidr)} has ${cidrSize(cidr)} addresses and cannot be divided into ${n} parts`);
  }
  if (n === 1) return [cidr];
  const half = cidr.prefixLength + 1;
  return [...splitRange(subnetAt(cidr, half, 0), Math.ceil(n / 2)), ...splitRange(subnetAt(cidr, half, 1), Math.floor(n / 2))];
}

function isPointToPoint(cidr: Cidr): boolean {
  return cidr.bits - cidr.prefixLength < 2;
}

function networkBase(value: bigint, bits: number, prefixLength: number): bigint {
  const hostBits = BigInt(bits - prefixLength);
  return (value >> hostBits) << hostBits;
}

function readBase(text: string, addressText: string): Address {
  try {
    return parseAddress(addressText);
  } catch (error) {
    if (error instanceof CidrError) throw new CidrError('CIDR_SYNTAX', `${quote(text)} is not a CIDR: ${error.message}`);
    throw error;
  }
}

/** Reads colon-hex groups of a text that `isIP` has accepted. */
function parseGroups(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, i) => {
    if (group !== 0) start = i + 1;
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start };
  });
  return best;
}

function whyNoAddress(text: string): string {
  if (text === '') return 'it is empty';
  if (/\s/.test(text)) return 'it holds white space';
  if (text.includes('%')) return 'a zone id ("%…") has a meaning on one machine only';
  if (text.includes('/')) return 'a prefix length is not part of an address';
  if (text.includes(':')) return text.includes('.') ? 'write the last 32 bits in hex, not dotted' : 'it is not well-formed IPv6 (RFC 4291 2.2)';
  if (!/^[0-9.]+$/.test(text)) return 'it is neither IPv4 nor IPv6';
  const octets = text.split('.');
  if (octets.some((octet) => /^0[0-9]/.test(octet))) return 'an octet has a leading zero, which some programs read as octal';
  if (octets.length !== 4) return `it has ${octets.length} of 4 octets`;
  return 'each octet is 0 to 255';
}

/** `IPv4`, `IPv6`. */
export function familyName(family: Family): string {
  return family === 'ipv4' ? 'IPv4' : 'IPv6';
}

/** The family of a {@link familyName}; undefined for other words. */
export function familyNamed(name: unknown): Family | undefined {
  return name === 'IPv4' ? 'ipv4' : name === 'IPv6' ? 'ipv6' : undefined;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}

/** Addresses of a range from its end, at most 1023; network and broadcast addresses of IPv4 (RFC 950; /31 and /32 have none: RFC 3021) left out. */
export function* addressesFromTheEnd(range: Cidr): Generator<string> {
  const size = cidrSize(range);
  const edge = range.family === 'ipv4' && range.prefixLength < 31 ? 1n : 0n;
  for (let step = 1n + edge; step <= size - edge && step < 1024n; step++) yield formatAddress(range.family, range.base + size - step);
}
