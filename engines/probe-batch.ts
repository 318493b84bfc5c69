/**
 * Probe records in columns, and their form on the wire between the agent and the CLI: base64 columns in JSON. Both ends run on one machine, so columns
 * keep its byte order. Imported by the agent: Node builtins alone.
 */
import { InternalError } from '../topology/errors.ts';
import { OUTCOMES } from '../topology/outcome.ts';
import type { ProbeBatch, ProbeRecord } from './port.ts';

export type ColumnName = Exclude<keyof ProbeBatch, 'length' | 'addresses' | 'at'>;
export type ProbeColumns = Pick<ProbeBatch, ColumnName>;

const ADDRESS_COLUMNS = ['localAddress', 'dialledAddress', 'seenSourceAddress', 'seenDestinationAddress', 'replyFromAddress'] as const;

/** Records of one batch at most: about 0.8 MB. */
export const MAX_BATCH = 16_384;
const FIRST_CAPACITY = 256;

/** Bits of the column `nonce`. */
export const NONCE_THERE = 1;
export const NONCE_BACK = 2;

/** A batch as JSON. A column is base64 of its elements, or the one value that all its elements have. */
export interface EncodedBatch {
  readonly length: number;
  readonly addresses: readonly string[];
  readonly columns: Readonly<Record<ColumnName, string | number>>;
}

/** Columns of `capacity` records, all zero. */
export function createColumns(capacity: number): ProbeColumns {
  return {
    client: new Uint32Array(capacity),
    server: new Uint32Array(capacity),
    attempt: new Uint8Array(capacity),
    outcome: new Uint8Array(capacity),
    errno: new Int16Array(capacity),
    rttUs: new Uint32Array(capacity),
    localAddress: new Uint32Array(capacity),
    localPort: new Uint16Array(capacity),
    dialledAddress: new Uint32Array(capacity),
    dialledPort: new Uint16Array(capacity),
    seenSourceAddress: new Uint32Array(capacity),
    seenSourcePort: new Uint16Array(capacity),
    seenDestinationAddress: new Uint32Array(capacity),
    seenDestinationPort: new Uint16Array(capacity),
    seenTtl: new Uint8Array(capacity),
    answeredBy: new Int32Array(capacity),
    replyFromAddress: new Uint32Array(capacity),
    nonce: new Uint8Array(capacity),
  };
}

const NAMES = Object.keys(createColumns(0)) as readonly ColumnName[];
const isAddressColumn = (name: ColumnName): name is (typeof ADDRESS_COLUMNS)[number] => (ADDRESS_COLUMNS as readonly string[]).includes(name);

/** Written out: a loop over column names costs five times as much, a million times. */
function copyRow(from: ProbeColumns, source: number, to: ProbeColumns, target: number): void {
  to.client[target] = from.client[source]!;
  to.server[target] = from.server[source]!;
  to.attempt[target] = from.attempt[source]!;
  to.outcome[target] = from.outcome[source]!;
  to.errno[target] = from.errno[source]!;
  to.rttUs[target] = from.rttUs[source]!;
  to.localAddress[target] = from.localAddress[source]!;
  to.localPort[target] = from.localPort[source]!;
  to.dialledAddress[target] = from.dialledAddress[source]!;
  to.dialledPort[target] = from.dialledPort[source]!;
  to.seenSourceAddress[target] = from.seenSourceAddress[source]!;
  to.seenSourcePort[target] = from.seenSourcePort[source]!;
  to.seenDestinationAddress[target] = from.seenDestinationAddress[source]!;
  to.seenDestinationPort[target] = from.seenDestinationPort[source]!;
  to.seenTtl[target] = from.seenTtl[source]!;
  to.answeredBy[target] = from.answeredBy[source]!;
  to.replyFromAddress[target] = from.replyFromAddress[source]!;
  to.nonce[target] = from.nonce[source]!;
}

export interface BatchBuilder {
  /** Copies row `row` of `columns`; a full batch is emitted at once. */
  append(columns: ProbeColumns, row: number): void;
  /** Emits what is left, if anything. */
  flush(): void;
}

/**
 * Collects rows and emits them in batches of at most {@link MAX_BATCH}. Grows as rows come, so a handful of records costs little.
 *
 * @param addresses the table that the address columns point into; may grow meanwhile. Each batch carries the addresses that it uses, no others.
 */
export function createBatchBuilder(addresses: readonly string[], emit: (batch: EncodedBatch) => void): BatchBuilder {
  let capacity = FIRST_CAPACITY;
  let columns = createColumns(capacity);
  let length = 0;
  const flush = (): void => {
    if (length === 0) return;
    const batch = encodeColumns(columns, length, addresses);
    length = 0;
    emit(batch);
  };
  return {
    append(from, row): void {
      if (length === capacity) {
        const smaller = columns;
        capacity *= 4;
        columns = createColumns(capacity);
        for (const name of NAMES) columns[name].set(smaller[name]);
      }
      copyRow(from, row, columns, length++);
      if (length === MAX_BATCH) flush();
    },
    flush,
  };
}

/** The first `length` rows as JSON, with a table of the addresses that they use. */
function encodeColumns(columns: ProbeColumns, length: number, addresses: readonly string[]): EncodedBatch {
  const used: string[] = [''];
  const indexes = new Uint32Array(addresses.length);
  const encoded = {} as Record<ColumnName, string | number>;
  const compact = new Uint32Array(length);
  for (const name of NAMES) {
    if (!isAddressColumn(name)) {
      encoded[name] = encodeColumn(columns[name].subarray(0, length));
      continue;
    }
    const column = columns[name];
    for (let row = 0; row < length; row++) {
      const known = column[row]!;
      if (known !== 0 && indexes[known] === 0) indexes[known] = used.push(addresses[known] ?? '') - 1;
      compact[row] = indexes[known]!;
    }
    encoded[name] = encodeColumn(compact);
  }
  return { length, addresses: used, columns: encoded };
}

function encodeColumn(column: ProbeColumns[ColumnName]): string | number {
  const first = column[0] ?? 0;
  if (column.every((value: number) => value === first)) return first;
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength).toString('base64');
}

/**
 * Columns again, ready to be read.
 *
 * @throws InternalError when a column's size is not that of `length` records
 */
export function decodeBatch(encoded: EncodedBatch): ProbeBatch {
  const columns = createColumns(encoded.length);
  for (const name of NAMES) {
    const column = columns[name];
    const value = encoded.columns[name];
    if (typeof value === 'number') {
      column.fill(value);
      continue;
    }
    const bytes = Buffer.from(value, 'base64');
    if (bytes.length !== column.byteLength) {
      throw new InternalError(`column ${name} of a probe batch has ${bytes.length} bytes, not the ${column.byteLength} of ${encoded.length} records`);
    }
    new Uint8Array(column.buffer).set(bytes);
  }
  return batchOf(columns, encoded.length, encoded.addresses);
}

/** A batch of records that are at hand as objects: for fixtures and for what is small anyway. */
export function createBatch(records: readonly ProbeRecord[]): ProbeBatch {
  const columns = createColumns(records.length);
  const addresses = [''];
  const indexes = new Map([['', 0]]);
  const indexOf = (address: string): number => {
    const known = indexes.get(address);
    if (known !== undefined) return known;
    indexes.set(address, addresses.length);
    return addresses.push(address) - 1;
  };
  records.forEach((record, row) => {
    columns.client[row] = record.client;
    columns.server[row] = record.server;
    columns.attempt[row] = record.attempt;
    columns.outcome[row] = OUTCOMES.indexOf(record.outcome);
    columns.errno[row] = record.errno;
    columns.rttUs[row] = record.rttUs;
    columns.localPort[row] = record.localPort;
    columns.dialledPort[row] = record.dialledPort;
    columns.seenSourcePort[row] = record.seenSourcePort;
    columns.seenDestinationPort[row] = record.seenDestinationPort;
    columns.seenTtl[row] = record.seenTtl;
    columns.answeredBy[row] = record.answeredBy;
    columns.nonce[row] = (record.nonceThere ? NONCE_THERE : 0) | (record.nonceBack ? NONCE_BACK : 0);
    for (const name of ADDRESS_COLUMNS) columns[name][row] = indexOf(record[name]);
  });
  return batchOf(columns, records.length, addresses);
}

/** The batch as {@link decodeBatch} takes it. */
export function encodeBatch(batch: ProbeBatch): EncodedBatch {
  return encodeColumns(batch, batch.length, batch.addresses);
}

function batchOf(columns: ProbeColumns, length: number, addresses: readonly string[]): ProbeBatch {
  const addressAt = (column: Uint32Array, row: number): string => addresses[column[row] ?? 0] ?? '';
  return {
    ...columns,
    length,
    addresses,
    at(row): ProbeRecord {
      if (!(row >= 0 && row < length)) throw new RangeError(`a batch of ${length} records has no record ${row}`);
      return {
        client: columns.client[row]!,
        server: columns.server[row]!,
        attempt: columns.attempt[row]!,
        outcome: OUTCOMES[columns.outcome[row]!] ?? 'error',
        errno: columns.errno[row]!,
        rttUs: columns.rttUs[row]!,
        localAddress: addressAt(columns.localAddress, row),
        localPort: columns.localPort[row]!,
        dialledAddress: addressAt(columns.dialledAddress, row),
        dialledPort: columns.dialledPort[row]!,
        seenSourceAddress: addressAt(columns.seenSourceAddress, row),
        seenSourcePort: columns.seenSourcePort[row]!,
        seenDestinationAddress: addressAt(columns.seenDestinationAddress, row),
        seenDestinationPort: columns.seenDestinationPort[row]!,
        seenTtl: columns.seenTtl[row]!,
        answeredBy: columns.answeredBy[row]!,
        replyFromAddress: addressAt(columns.replyFromAddress, row),
        nonceThere: (columns.nonce[row]! & NONCE_THERE) !== 0,
        nonceBack: (columns.nonce[row]! & NONCE_BACK) !== 0,
      };
    },
  };
}
