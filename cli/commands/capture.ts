import { closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CapturedPacket } from '../../engines/port.ts';
import { counted } from '../../report/layout.ts';
import { packetLine } from '../../report/packet-text.ts';
import { LabError } from '../../topology/errors.ts';
import { describePacket } from '../../verify/evidence/packet.ts';
import { pcapngWriter } from '../../verify/evidence/pcapng.ts';
import { exitCodes } from '../exit-codes.ts';
import { flag, given, numberOption, operand, textOption, type RunCommand } from '../invocation.ts';
import type { Streams } from '../streams.ts';
import { refuseUnwritable } from '../write-whole.ts';

/** Packets in a file are whole: the largest that a device hands over at once (64 KiB, segmentation left to it), and its header. */
const WHOLE_BYTES = 65_536 + 14;

/** Shows the packets that pass in a place of a lab as they pass, or writes them into a file. */
export const run: RunCommand = async (invocation) => {
  const { lab, operands, output, signal, streams } = invocation;
  const [name, target] = [operand(invocation, 0), operand(invocation, 1)];
  const filter = operands.slice(2).join(' ');
  const out = textOption(invocation, 'out');
  // Found out before the work, not after it.
  if (out !== undefined && out !== '-') await refuseUnwritable(resolve(streams.cwd, out), out, flag(invocation, 'force'));
  let sink: Sink | null = null;
  const ended = new AbortController();
  const shown: object[] = [];
  let overlayPorts: ReadonlySet<number> = new Set();
  const show = (packet: CapturedPacket): void => {
    const { text } = describePacket(packet, overlayPorts);
    if (output.json) shown.push(packetDocument(packet, text));
    else output.data(packetLine(packet, text, output.style));
  };
  try {
    const summary = await lab.capture(name, target, {
      filter,
      ...given('dev', textOption(invocation, 'interface')),
      ...given('count', numberOption(invocation, 'count')),
      ...given('seconds', numberOption(invocation, 'seconds')),
      ...(out === undefined ? {} : { bytes: WHOLE_BYTES }),
      onStart: (place) => {
        ({ overlayPorts } = place);
        if (out !== undefined) sink = openSink(streams, out);
        output.note(`capturing in ${place.id}${filter === '' ? '' : `: ${filter}`}; Ctrl-C ends it`);
      },
      onPacket: (packet) => {
        if (sink === null) show(packet);
        else sink.write(packet);
        // Its reader has seen enough: `| head`.
        if ((streams.stdout.errored ?? null) !== null) ended.abort();
      },
      signal: AbortSignal.any([signal, ended.signal]),
    });
    const { id, netns, matched, seen, dropped, endedBy } = summary;
    const facts = { lab: name, target: id, netns, interface: textOption(invocation, 'interface') ?? null, filter, matched, seen, dropped, endedBy };
    if (out !== '-') output.document({ ...facts, ...(out === undefined ? { packets: shown } : { path: out }) });
    output.note(
      `${counted(matched, 'packet')}${seen === matched ? '' : ` of ${seen}`}${dropped === 0 ? '' : `; ${dropped} found no room in the buffer`}${out === undefined ? '' : `; wrote ${out === '-' ? 'them to stdout' : out}`}`,
    );
  } finally {
    // Type assertion: the callback above assigns it, which flow analysis does not see.
    (sink as Sink | null)?.close();
  }
  // Ctrl-C is how it ends; the time limit of --timeout is an error here as everywhere.
  if (signal.aborted && signal.reason instanceof LabError && signal.reason.code !== 'INTERRUPTED') throw signal.reason;
  return exitCodes.ok;
};

interface Sink {
  readonly write: (packet: CapturedPacket) => void;
  readonly close: () => void;
}

/** A pcapng file that is whole after each packet; `-` is stdout. */
function openSink({ stdout, cwd }: Streams, out: string): Sink {
  const writer = pcapngWriter(WHOLE_BYTES, ({ dev }) => dev);
  if (out === '-') {
    stdout.write(writer.head);
    return { write: (one) => void stdout.write(writer.packet(one)), close: () => undefined };
  }
  const file = orFailed(out, () => openSync(resolve(cwd, out), 'w', 0o644));
  const append = (bytes: Buffer): void => void orFailed(out, () => writeSync(file, bytes));
  append(writer.head);
  return { write: (one) => append(writer.packet(one)), close: () => closeSync(file) };
}

function orFailed<T>(out: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new LabError({
      code: 'OUTPUT_FAILED',
      message: `cannot write ${out}: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'name a file in a folder with room that you may write, by -o',
      cause,
    });
  }
}

function packetDocument({ atUs, dev, direction, length }: CapturedPacket, text: string): object {
  return { time: new Date(atUs / 1000).toISOString().replace('Z', `${String(atUs % 1000).padStart(3, '0')}Z`), interface: dev, direction, bytes: length, text };
}
