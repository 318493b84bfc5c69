/** The fixed headers of rtnetlink messages. */
import type { MessageWriter } from './netlink-message.ts';

/** struct ifinfomsg, 16 bytes. */
export function writeLinkHeader(m: MessageWriter, index: number, flags: number, change: number, family = 0): MessageWriter {
  return m.u8(family).u8(0).u16(0).i32(index).u32(flags).u32(change);
}

/** struct ifaddrmsg, 8 bytes. */
export function writeAddressHeader(m: MessageWriter, family: number, prefixLength: number, flags: number, index: number): MessageWriter {
  return m.u8(family).u8(prefixLength).u8(flags).u8(0).u32(index);
}

export interface RouteHeader {
  readonly family: number;
  readonly prefixLength: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly flags: number;
}

/** struct rtmsg, 12 bytes. */
export function writeRouteHeader(m: MessageWriter, h: RouteHeader): MessageWriter {
  return m.u8(h.family).u8(h.prefixLength).u8(0).u8(0).u8(h.table).u8(h.protocol).u8(h.scope).u8(h.type).u32(h.flags);
}

/** struct ndmsg, 12 bytes. */
export function writeNeighbourHeader(m: MessageWriter, family: number, index: number, state: number, flags: number): MessageWriter {
  return m.u8(family).u8(0).u16(0).i32(index).u16(state).u8(flags).u8(0);
}
