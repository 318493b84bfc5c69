/** The bytes that follow a TCP exchange, both ways at once, counted where they arrive: what an MTU black hole lets stall. */
import { OK, WAITING } from './probe-outcome.ts';
import type { ProbeRun } from './probe-run.ts';
import { ERRNO, errno, MSG_NOSIGNAL, recv, send } from './sys.ts';

const CHUNK = 65_536;
/** Bytes moved per visit of a probe at most, so that a large stream does not keep the others waiting. */
const VISIT = 4 * 1024 * 1024;

export interface Stream {
  begin(slot: number): void;
  /** Moves what can be moved. @returns OK when all bytes arrived both ways, WAITING, or the errno that ended it */
  pump(slot: number): number;
}

export function createStream(run: ProbeRun): Stream {
  const { slots, streamBytes } = run;
  const outgoing = new Uint8Array(new ArrayBuffer(CHUNK)).fill(0x5a);
  const incoming = new Uint8Array(new ArrayBuffer(CHUNK));
  const sentThere = new Float64Array(slots.capacity);
  const sentBack = new Float64Array(slots.capacity);
  const gotThere = new Float64Array(slots.capacity);
  const gotBack = new Float64Array(slots.capacity);
  let failure = 0;

  /** @returns bytes moved; sets `failure` */
  const push = (fd: number, sent: Float64Array, slot: number): number => {
    const left = Math.min(CHUNK, streamBytes - sent[slot]!);
    if (left === 0) return 0;
    const moved = send(fd, outgoing, left, MSG_NOSIGNAL);
    if (moved < 0) {
      failure ||= errno() === ERRNO.EAGAIN ? 0 : errno();
      return 0;
    }
    sent[slot]! += moved;
    return moved;
  };
  const pull = (fd: number, got: Float64Array, slot: number): number => {
    if (got[slot] === streamBytes) return 0;
    const moved = recv(fd, incoming, CHUNK, 0);
    if (moved <= 0) {
      failure ||= moved < 0 && errno() === ERRNO.EAGAIN ? 0 : moved < 0 ? errno() : ERRNO.ECONNRESET;
      return 0;
    }
    got[slot]! += moved;
    return moved;
  };

  return {
    begin(slot): void {
      sentThere[slot] = sentBack[slot] = gotThere[slot] = gotBack[slot] = 0;
    },
    pump(slot): number {
      const client = slots.socket[slot]!;
      const server = slots.accepted[slot]!;
      failure = 0;
      for (let moved = 1, total = 0; moved > 0 && failure === 0 && total < VISIT; total += moved) {
        moved = push(client, sentThere, slot) + pull(client, gotBack, slot);
        if (server >= 0) moved += pull(server, gotThere, slot) + push(server, sentBack, slot);
      }
      if (failure !== 0) return failure;
      return gotThere[slot] === streamBytes && gotBack[slot] === streamBytes ? OK : WAITING;
    },
  };
}
