/**
 * Netlink messages and their attributes (RFC 3549; linux/netlink.h), pure. Little endian hosts only, which is every platform Node supports for Linux
 * except s390x.
 */
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLA_F_NESTED = 0x8000;

const HEADER = 16;
const NLMSGERR_ATTR_MSG = 1;
/** The two top bits of an attribute's type are flags. */
const NLA_TYPE_MASK = 0x3fff;

/** Writes messages into one reused buffer: nothing is allocated per message. */
export class MessageWriter {
  readonly bytes: Buffer;
  /** End of what is written. */
  length = 0;
  private readonly open: number[] = [];

  constructor(capacity = 65_536) {
    this.bytes = Buffer.alloc(capacity);
  }

  /** Forgets everything and begins a message. `flags` are added to NLM_F_REQUEST. */
  begin(type: number, flags: number, sequence: number): this {
    const { bytes } = this;
    bytes.writeUInt32LE(0, 0);
    bytes.writeUInt16LE(type, 4);
    bytes.writeUInt16LE(flags | NLM_F_REQUEST, 6);
    bytes.writeUInt32LE(sequence, 8);
    bytes.writeUInt32LE(0, 12);
    this.length = HEADER;
    this.open.length = 0;
    return this;
  }

  /** The length field of the message: call last. */
  end(): this {
    this.bytes.writeUInt32LE(this.length, 0);
    return this;
  }

  u8(value: number): this {
    this.bytes[this.length++] = value;
    return this;
  }
  u16(value: number): this {
    this.length = this.bytes.writeUInt16LE(value, this.length);
    return this;
  }
  u32(value: number): this {
    this.length = this.bytes.writeUInt32LE(value >>> 0, this.length);
    return this;
  }
  i32(value: number): this {
    this.length = this.bytes.writeInt32LE(value, this.length);
    return this;
  }

  attr(type: number, value: Uint8Array): this {
    this.head(type, value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
    return this.pad();
  }

  attrU8(type: number, value: number): this {
    return this.head(type, 1).u8(value).pad();
  }
  attrU16be(type: number, value: number): this {
    return this.head(type, 2)
      .u8(value >> 8)
      .u8(value & 0xff)
      .pad();
  }
  attrU32(type: number, value: number): this {
    return this.head(type, 4).u32(value);
  }

  /** A NUL-terminated string. */
  attrText(type: number, value: string): this {
    this.head(type, Buffer.byteLength(value) + 1);
    this.length += this.bytes.write(value, this.length);
    return this.u8(0).pad();
  }

  /** Begins a nested attribute; close it with {@link leave}. */
  nest(type: number): this {
    this.open.push(this.length);
    return this.head(type, 0);
  }

  leave(): this {
    const at = this.open.pop();
    if (at !== undefined) this.bytes.writeUInt16LE(this.length - at, at);
    return this;
  }

  private head(type: number, size: number): this {
    return this.u16(4 + size).u16(type);
  }

  private pad(): this {
    while ((this.length & 3) !== 0) this.bytes[this.length++] = 0;
    return this;
  }
}

/** One received message; `body` views the receive buffer and is overwritten by the next read. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** Splits what one read returned. A truncated tail is dropped. */
export function splitMessages(bytes: Buffer, length: number): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER <= length; ) {
    const size = bytes.readUInt32LE(at);
    if (size < HEADER || at + size > length) break;
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      body: bytes.subarray(at + HEADER, at + size),
    });
    at += (size + 3) & ~3;
  }
  return messages;
}

export type Attributes = ReadonlyMap<number, Buffer>;

/** Attributes by type, from `offset` of `bytes` on; flags in the type are removed, the last one of a type wins. */
export function readAttributes(bytes: Buffer, offset = 0): Attributes {
  const found = new Map<number, Buffer>();
  for (let at = offset; at + 4 <= bytes.length; ) {
    const size = bytes.readUInt16LE(at);
    if (size < 4 || at + size > bytes.length) break;
    found.set(bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + size));
    at += (size + 3) & ~3;
  }
  return found;
}

/** NUL-terminated text of an attribute; '' when it is absent. */
export function attributeText(bytes: Buffer | undefined): string {
  if (bytes === undefined) return '';
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** errno (positive, 0 = acknowledged) and extended text of an NLMSG_ERROR or of the NLMSG_DONE that ends a dump. */
export function readError(message: NetlinkMessage): { readonly errno: number; readonly extended: string } {
  const { body, flags, type } = message;
  const errno = body.length >= 4 ? Math.abs(body.readInt32LE(0)) : 0;
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno, extended: '' };
  // An error echoes the request: its header alone when capped, else all of it. NLMSG_DONE echoes nothing.
  const echoed = type === NLMSG_DONE ? 0 : (flags & NLM_F_CAPPED) !== 0 ? HEADER : (body.readUInt32LE(4) + 3) & ~3;
  return { errno, extended: attributeText(readAttributes(body, 4 + echoed).get(NLMSGERR_ATTR_MSG)) };
}
