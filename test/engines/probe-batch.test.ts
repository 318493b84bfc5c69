import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProbeRecord } from '../../engines/port.ts';
import { createBatch, createBatchBuilder, decodeBatch, encodeBatch, MAX_BATCH, type EncodedBatch } from '../../engines/probe-batch.ts';
import { OUTCOMES } from '../../topology/outcome.ts';

const address = fc.constantFrom('', '10.244.1.2', '10.244.2.2', 'fd00::2');
const port = fc.nat(65_535);
const record: fc.Arbitrary<ProbeRecord> = fc.record({
  client: fc.nat(2000),
  server: fc.nat(2000),
  attempt: fc.nat(255),
  outcome: fc.constantFrom(...OUTCOMES),
  errno: fc.nat(200),
  rttUs: fc.nat(10_000_000),
  localAddress: address,
  localPort: port,
  dialledAddress: address,
  dialledPort: port,
  seenSourceAddress: address,
  seenSourcePort: port,
  seenDestinationAddress: address,
  seenDestinationPort: port,
  seenTtl: fc.nat(255),
  answeredBy: fc.integer({ min: -1, max: 2000 }),
  replyFromAddress: address,
  nonceThere: fc.boolean(),
  nonceBack: fc.boolean(),
});

describe('probe batches', () => {
  it('carry any records through JSON', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 40 }), (records) => {
        const batch = decodeBatch(JSON.parse(JSON.stringify(encodeBatch(createBatch(records)))) as EncodedBatch);
        expect(batch.length).toBe(records.length);
        expect(records.map((_, i) => batch.at(i))).toEqual(records);
      }),
    );
  });

  it('are emitted when they are full, and flushed', () => {
    const one = createBatch([
      {
        client: 1,
        server: 2,
        attempt: 0,
        outcome: 'ok',
        errno: 0,
        rttUs: 5,
        localAddress: '10.0.0.1',
        localPort: 1,
        dialledAddress: '10.0.0.2',
        dialledPort: 2,
        seenSourceAddress: '10.0.0.1',
        seenSourcePort: 1,
        seenDestinationAddress: '10.0.0.2',
        seenDestinationPort: 2,
        seenTtl: 64,
        answeredBy: 2,
        replyFromAddress: '',
        nonceThere: true,
        nonceBack: true,
      },
    ]);
    const emitted: number[] = [];
    const builder = createBatchBuilder(one.addresses, (batch) => emitted.push(batch.length));
    for (let i = 0; i < MAX_BATCH + 3; i++) builder.append(one, 0);
    expect(emitted).toEqual([MAX_BATCH]);
    builder.flush();
    builder.flush();
    expect(emitted).toEqual([MAX_BATCH, 3]);
  });
});
