/** DNS messages (RFC 1035), as far as a client of a cluster's DNS needs them. Pure. */
import { formatAddress, parseAddress } from '../../topology/cidr.ts';
import type { DnsRecord, DnsType } from '../../topology/services/dns-records.ts';

const TYPES: Readonly<Record<DnsType, number>> = { A: 1, CNAME: 5, PTR: 12, TXT: 16, AAAA: 28, SRV: 33 };
const TYPE_NAMES: ReadonlyMap<number, DnsType> = new Map(Object.entries(TYPES).map(([name, number]) => [number, name as DnsType]));
const IN = 1;
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const;

export interface DnsReply {
  readonly id: number;
  readonly truncated: boolean;
  /** `NOERROR`, `NXDOMAIN`, `REFUSED`, … or `RCODE 9`. */
  readonly rcode: string;
  /** Records of the answer section; other types than a cluster's are left out. */
  readonly answers: readonly DnsRecord[];
}

/**
 * What a client takes by UDP without asking again by TCP, as an OPT record (RFC 6891): without one a server cuts its answers at 512 bytes. The size that
 * fits every path: dnsflagday.net/2020.
 */
const OPT = [0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, 0, 0, 0, 0];

/** A question with recursion desired. @param name absolute, with or without the trailing dot */
export function encodeQuestion(id: number, name: string, type: DnsType): Uint8Array {
  const labels = name
    .replace(/\.$/, '')
    .split('.')
    .flatMap((label) => [Buffer.byteLength(label), ...Buffer.from(label)]);
  return Uint8Array.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, ...labels, 0, 0, TYPES[type], 0, IN, ...OPT]);
}

/** The name and type of a question as {@link encodeQuestion} makes it; null for a type that a cluster's DNS has no records of. */
export function decodeQuestion(bytes: Uint8Array): { readonly name: string; readonly type: DnsType } | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { name, end } = nameAt(view, 12);
  const type = TYPE_NAMES.get(view.getUint16(end));
  return type === undefined ? null : { name, type };
}

/** The reply to a question, with addresses alone: records of other types are left out. */
export function encodeReply(question: Uint8Array, answers: readonly DnsRecord[]): Uint8Array {
  const records = answers.flatMap((record): readonly number[][] => {
    if (record.type !== 'A' && record.type !== 'AAAA') return [];
    const { value } = parseAddress(record.address);
    const size = record.type === 'A' ? 4 : 16;
    const bytes = Array.from({ length: size }, (_, at) => Number((value >> BigInt(8 * (size - 1 - at))) & 255n));
    // The name is that of the question, by a pointer to it.
    return [[0xc0, 12, 0, TYPES[record.type], 0, IN, 0, 0, 0, record.ttl & 255, 0, bytes.length, ...bytes]];
  });
  const { end } = nameAt(new DataView(question.buffer, question.byteOffset, question.byteLength), 12);
  const reply = Uint8Array.from([...question.slice(0, end + 4), ...records.flat()]);
  reply.set([0x81, 0x80], 2);
  reply.set([0, records.length, 0, 0, 0, 0], 6);
  return reply;
}

/** @throws RangeError for what is no DNS message */
export function decodeReply(bytes: Uint8Array): DnsReply {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  let at = 12;
  for (let left = view.getUint16(4); left > 0; left--) at = nameAt(view, at).end + 4;
  const answers: DnsRecord[] = [];
  for (let left = view.getUint16(6); left > 0; left--) {
    const { name, end } = nameAt(view, at);
    const type = TYPE_NAMES.get(view.getUint16(end));
    const ttl = view.getUint32(end + 4);
    const length = view.getUint16(end + 8);
    const data = end + 10;
    if (data + length > view.byteLength) throw new RangeError('a record that is longer than its message');
    if (type !== undefined) answers.push(recordAt(view, { name, ttl }, type, data, length));
    at = data + length;
  }
  const code = flags & 15;
  return { id: view.getUint16(0), truncated: (flags & 0x0200) !== 0, rcode: RCODES[code] ?? `RCODE ${code}`, answers };
}

function recordAt(view: DataView, head: { readonly name: string; readonly ttl: number }, type: DnsType, at: number, length: number): DnsRecord {
  switch (type) {
    case 'A':
    case 'AAAA': {
      let value = 0n;
      for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(view.getUint8(at + i));
      return { ...head, type, address: formatAddress(type === 'A' ? 'ipv4' : 'ipv6', value) };
    }
    case 'CNAME':
    case 'PTR':
      return { ...head, type, target: nameAt(view, at).name };
    case 'SRV':
      return { ...head, type, priority: view.getUint16(at), weight: view.getUint16(at + 2), port: view.getUint16(at + 4), target: nameAt(view, at + 6).name };
    case 'TXT': {
      const texts: string[] = [];
      for (let here = at; here < at + length; here += 1 + view.getUint8(here)) texts.push(textAt(view, here + 1, view.getUint8(here)));
      return { ...head, type, text: texts.join('') };
    }
  }
}

/** A name in lower case, and where what follows it begins. Pointers only ever go back, so they end. */
function nameAt(view: DataView, from: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = from;
  let end = -1;
  for (;;) {
    const length = view.getUint8(at);
    if (length === 0) return { name: labels.join('.').toLowerCase(), end: end < 0 ? at + 1 : end };
    if (length >= 0xc0) {
      const to = view.getUint16(at) & 0x3fff;
      if (to >= at) throw new RangeError('a name that points forward');
      if (end < 0) end = at + 2;
      at = to;
    } else {
      labels.push(textAt(view, at + 1, length));
      at += 1 + length;
    }
  }
}

function textAt(view: DataView, at: number, length: number): string {
  if (at + length > view.byteLength) throw new RangeError('a text that is longer than its message');
  return Buffer.from(view.buffer, view.byteOffset + at, length).toString('latin1');
}
