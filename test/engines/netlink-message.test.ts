import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attributeText,
  MessageWriter,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_DONE,
  NLMSG_ERROR,
  readAttributes,
  readError,
  splitMessages,
} from '../../engines/netns/agent/netlink-message.ts';
import { writeAddressHeader, writeLinkHeader, writeNeighbourHeader, writeRouteHeader } from '../../engines/netns/agent/write-headers.ts';

const hex = (m: MessageWriter): string => m.bytes.subarray(0, m.length).toString('hex');
const begin = (type = 16, flags = 0, sequence = 1): MessageWriter => new MessageWriter(1024).begin(type, flags, sequence);

describe('netlink messages', () => {
  it('are laid out as the kernel reads them', () => {
    // ip link set dev 2 up: nlmsghdr (32 bytes, RTM_NEWLINK, REQUEST|ACK, sequence 1, pid 0), ifinfomsg.
    expect(hex(writeLinkHeader(begin(16, 4), 2, 1, 1).end())).toBe(
      '20000000' + '1000' + '0500' + '01000000' + '00000000' + '00000000' + '02000000' + '01000000' + '01000000',
    );
    expect(hex(writeAddressHeader(begin(), 2, 24, 0, 7)).slice(32)).toBe('02180000' + '07000000');
    expect(hex(writeRouteHeader(begin(), { family: 2, prefixLength: 16, table: 254, protocol: 4, scope: 253, type: 1, flags: 4 })).slice(32)).toBe(
      '02100000' + 'fe04fd01' + '04000000',
    );
    expect(hex(writeNeighbourHeader(begin(), 7, 3, 0x80, 2)).slice(32)).toBe('07000000' + '03000000' + '80000200');
  });

  it('pad attributes to four bytes and count nested ones without their padding', () => {
    const m = begin().attrText(3, 'eth0').nest(18).attrText(1, 'veth').nest(2).attrU8(7, 1).leave().leave().attrU16be(15, 8472).end();
    expect(hex(m).slice(32)).toBe(
      '09000300' + '65746830' + '00000000' + '1c001200' + '09000100' + '76657468' + '00000000' + '0c000200' + '05000700' + '01000000' + '06000f00' + '21180000',
    );
    expect(m.bytes.readUInt32LE(0)).toBe(m.length);
  });

  it('are read back as they were written', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 40 })), { selector: ([type]) => type, maxLength: 8 }),
        (list) => {
          const m = new MessageWriter().begin(24, 0, 9);
          for (const [type, value] of list) m.attr(type, value);
          m.end();
          const [message] = splitMessages(m.bytes, m.length);
          expect(message).toMatchObject({ type: 24, flags: 1, sequence: 9 });
          expect([...readAttributes(message!.body)].map(([type, value]) => [type, Uint8Array.from(value)])).toEqual(list);
        },
      ),
    );
  });

  it('never make the reader throw or loop, whatever bytes arrive', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        expect(
          splitMessages(buffer, buffer.length)
            .flatMap(({ body }) => [...readAttributes(body, 4).values()])
            .every(({ length }) => length <= bytes.length),
        ).toBe(true);
        expect(readAttributes(buffer, 16).size).toBeLessThanOrEqual(bytes.length / 4);
      }),
    );
  });

  it('nested attributes and several messages in one read', () => {
    const one = begin(16, 0, 1)
      .nest(18 | 0x8000)
      .attrText(1, 'vxlan')
      .leave()
      .end();
    const both = Buffer.concat([
      one.bytes.subarray(0, one.length),
      writeLinkHeader(begin(18, 0, 2), 0, 0, 0)
        .end()
        .bytes.subarray(0, 32),
    ]);
    const messages = splitMessages(both, both.length);
    expect(messages.map(({ type, sequence }) => [type, sequence])).toEqual([
      [16, 1],
      [18, 2],
    ]);
    expect(attributeText(readAttributes(readAttributes(messages[0]!.body).get(18)!).get(1))).toBe('vxlan');
    expect(splitMessages(both, both.length - 1)).toHaveLength(1);
    expect(attributeText(undefined)).toBe('');
  });

  it('carry the errno and the extended text of a refusal, capped or with the request echoed', () => {
    const text = 'Nexthop has invalid gateway';
    const refusal = (flags: number, echo: number): { errno: number; extended: string } => {
      const m = begin(NLMSG_ERROR, flags).i32(-101).u32(echo);
      while (m.length < 16 + 4 + ((echo + 3) & ~3)) m.u8(0xaa);
      return readError(splitMessages(m.attrText(1, text).end().bytes, m.length)[0]!);
    };
    expect(refusal(NLM_F_CAPPED | NLM_F_ACK_TLVS, 16)).toEqual({ errno: 101, extended: text });
    expect(refusal(NLM_F_ACK_TLVS, 37)).toEqual({ errno: 101, extended: text });
    expect(refusal(0, 16)).toEqual({ errno: 101, extended: '' });
    const done = begin(NLMSG_DONE, NLM_F_ACK_TLVS).i32(-2).attrText(1, 'no table').end();
    expect(readError(splitMessages(done.bytes, done.length)[0]!)).toEqual({ errno: 2, extended: 'no table' });
    const ack = begin(NLMSG_ERROR).i32(0).end();
    expect(readError(splitMessages(ack.bytes, ack.length)[0]!)).toEqual({ errno: 0, extended: '' });
  });
});
