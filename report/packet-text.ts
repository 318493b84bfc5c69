/** A captured packet as a line: when, where, which way, and what it is. */
import type { CapturedPacket } from '../engines/port.ts';
import { pad, printable } from './layout.ts';
import type { Style } from './style.ts';

/** The usual devices are no longer. */
const DEVICE_WIDTH = 12;

/**
 * One line without its end. The time is that of this machine's clock, in its time zone.
 *
 * @param text what the packet is
 */
export function packetLine(packet: CapturedPacket, text: string, style: Style): string {
  return `${style.dim(clock(packet.atUs))}  ${pad(printable(packet.dev), DEVICE_WIDTH)}  ${pad(packet.direction, 3)}  ${text}, ${packet.length} bytes`;
}

/** `15:04:05.000123`. */
function clock(atUs: number): string {
  const date = new Date(Math.floor(atUs / 1000));
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(atUs % 1_000_000).padStart(6, '0')}`;
}
