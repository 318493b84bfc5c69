/**
 * Maglev hashing as the scheduler mh of IPVS does it: a table of which every server fills its share by a walk of its own, so that few places change hands when a
 * server comes or goes. Source: Linux net/netfilter/ipvs/ip_vs_mh.c and lib/siphash.c; Eisenbud and others, Maglev (NSDI 2016), 3.4.
 */
import { parseAddress } from '../../cidr.ts';

/** Places of the table with CONFIG_IP_VS_MH_TAB_INDEX=12, the default; a prime, so that every walk comes by every place. */
const PLACES = 4093;
/** Of a weight so many bits count. */
const WEIGHT_BITS = 6;

type Key = readonly [bigint, bigint];
const OFFSET: Key = [2_654_435_761n, 2_654_435_761n];
const SKIP: Key = [2_654_446_892n, 2_654_446_892n];

export interface MaglevServer {
  readonly address: string;
  readonly port: number;
  /** 0: it gets no place. */
  readonly weight: number;
}

/** Index of the server at each place; empty where none has a weight. */
export function maglevTable(servers: readonly MaglevServer[]): readonly number[] {
  const turns = turnsOf(servers.map(({ weight }) => weight));
  const walks = servers.map(({ address, port }) => ({ at: hash(address, port, OFFSET) % PLACES, skip: (hash(address, port, SKIP) % (PLACES - 1)) + 1 }));
  const table: (number | undefined)[] = Array.from({ length: PLACES });
  if (turns.every((n) => n === 0)) return [];
  for (let filled = 0; filled < PLACES; ) {
    for (const [index, walk] of walks.entries()) {
      for (let turn = 0; turn < (turns[index] ?? 0) && filled < PLACES; turn += 1) {
        while (table[walk.at] !== undefined) walk.at = (walk.at + walk.skip) % PLACES;
        table[walk.at] = index;
        filled += 1;
      }
    }
  }
  return table.filter((index) => index !== undefined);
}

/** The server of a client, by its address alone; null where there is none. */
export function maglevChoice(table: readonly number[], source: string): number | null {
  return table[hash(source, 0, OFFSET) % PLACES] ?? null;
}

/** How many places each takes in a round: its weight, by their common divisor, and no more than {@link WEIGHT_BITS} bits of it. */
function turnsOf(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(commonDivisor, 0);
  const bits = divisor === 0 ? 0 : Math.floor(Math.log2(Math.max(...weights) / divisor)) + 1;
  const shift = Math.max(0, bits - WEIGHT_BITS);
  return weights.map((weight) => (weight === 0 ? 0 : Math.max(1, (weight / divisor) >> shift)));
}

export function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** An address as 32 bits, an IPv6 one folded, as schedulers that hash see it. */
export function foldedAddress(address: string): bigint {
  let folded = 0n;
  for (let { value } = parseAddress(address); value > 0n; value >>= 32n) folded ^= value & 0xffffffffn;
  return folded;
}

const hash = (address: string, port: number, key: Key): number => hsiphash((foldedAddress(address) + BigInt(port)) & 0xffffffffn, key);

const WORD = (1n << 64n) - 1n;
const rotated = (word: bigint, bits: bigint): bigint => ((word << bits) | (word >> (64n - bits))) & WORD;

/** hsiphash() of a 32-bit number on a 64-bit kernel: SipHash-1-3, its lower half. */
export function hsiphash(value: bigint, [k0, k1]: Key): number {
  let v0 = 0x736f6d6570736575n ^ k0;
  let v1 = 0x646f72616e646f6dn ^ k1;
  let v2 = 0x6c7967656e657261n ^ k0;
  let v3 = 0x7465646279746573n ^ k1;
  const round = (): void => {
    v0 = (v0 + v1) & WORD;
    v1 = rotated(v1, 13n) ^ v0;
    v0 = rotated(v0, 32n);
    v2 = (v2 + v3) & WORD;
    v3 = rotated(v3, 16n) ^ v2;
    v0 = (v0 + v3) & WORD;
    v3 = rotated(v3, 21n) ^ v0;
    v2 = (v2 + v1) & WORD;
    v1 = rotated(v1, 17n) ^ v2;
    v2 = rotated(v2, 32n);
  };
  // The length, four bytes, and the bytes.
  const block = (4n << 56n) | value;
  v3 ^= block;
  round();
  v0 ^= block;
  v2 ^= 0xffn;
  for (let i = 0; i < 3; i += 1) round();
  return Number((v0 ^ v1 ^ v2 ^ v3) & 0xffffffffn);
}
