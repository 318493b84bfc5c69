/** Probes that are under way: one slot each, reused. A slot holds the record as it grows, the sockets and the tag that its payload carries. */
import { randomFillSync } from 'node:crypto';
import { createColumns, type ProbeColumns } from '../../probe-batch.ts';
import { close } from './sys.ts';

const NONE = -1;

export interface Slots {
  readonly capacity: number;
  readonly columns: ProbeColumns;
  /** Client socket, -1 when there is none. */
  readonly socket: Int32Array;
  /** Accepted socket at the server, -1 when there is none (yet). */
  readonly accepted: Int32Array;
  /** Random, never 0 while the slot is in use. Slot number and tag together are the nonce of a probe. */
  readonly tag: Uint32Array;
  /** How far the exchange is, in the transport's own numbers. */
  readonly stage: Uint8Array;
  /** `performance.now()` when the probe began. */
  readonly startedAt: Float64Array;
  /** A free slot with an empty record, or -1. */
  take(client: number, server: number, attempt: number): number;
  /** Closes the sockets, client first, so that its RST ends the connection at both ends, and frees the slot. */
  free(slot: number): void;
}

export function createSlots(capacity: number): Slots {
  const columns = createColumns(capacity);
  const socket = new Int32Array(capacity).fill(NONE);
  const accepted = new Int32Array(capacity).fill(NONE);
  const tag = new Uint32Array(capacity);
  const stage = new Uint8Array(capacity);
  const startedAt = new Float64Array(capacity);
  /** A stack: the slot freed last is taken next, so a healthy run lives in one cache line. */
  const unused = Int32Array.from({ length: capacity }, (_, i) => capacity - 1 - i);
  let unusedCount = capacity;
  const nextTag = createTags();

  return {
    capacity,
    columns,
    socket,
    accepted,
    tag,
    stage,
    startedAt,
    take(client, server, attempt): number {
      if (unusedCount === 0) return NONE;
      const slot = unused[--unusedCount]!;
      columns.client[slot] = client;
      columns.server[slot] = server;
      columns.attempt[slot] = attempt;
      columns.errno[slot] = 0;
      columns.rttUs[slot] = 0;
      columns.localAddress[slot] = 0;
      columns.localPort[slot] = 0;
      columns.dialledAddress[slot] = 0;
      columns.dialledPort[slot] = 0;
      columns.seenSourceAddress[slot] = 0;
      columns.seenSourcePort[slot] = 0;
      columns.seenDestinationAddress[slot] = 0;
      columns.seenDestinationPort[slot] = 0;
      columns.seenTtl[slot] = 0;
      columns.answeredBy[slot] = NONE;
      columns.replyFromAddress[slot] = 0;
      columns.nonce[slot] = 0;
      stage[slot] = 0;
      tag[slot] = nextTag();
      startedAt[slot] = performance.now();
      return slot;
    },
    free(slot): void {
      if (socket[slot] !== NONE) close(socket[slot]!);
      if (accepted[slot] !== NONE) close(accepted[slot]!);
      socket[slot] = NONE;
      accepted[slot] = NONE;
      tag[slot] = 0;
      unused[unusedCount++] = slot;
    },
  };
}

/** Random 32-bit numbers, drawn a thousand at a time. */
function createTags(): () => number {
  const drawn = new Uint32Array(1024);
  let at = drawn.length;
  return () => {
    if (at === drawn.length) {
      randomFillSync(drawn);
      at = 0;
    }
    return drawn[at++]! || 1;
  };
}
