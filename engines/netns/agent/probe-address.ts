/** Socket addresses and a table of the addresses that were met, without an object or a string per probe. */
import type { Family } from '../../../topology/spec.ts';
import { addressBytes, addressText } from './address-bytes.ts';
import { AF_INET, AF_INET6 } from './sys.ts';

/** A `struct sockaddr_in` or `sockaddr_in6`, reused from call to call. */
export interface SocketAddress {
  readonly bytes: Uint8Array;
  /** The same memory; the address begins at word {@link SocketAddress.at}. */
  readonly words: Uint32Array;
  readonly at: number;
  /** In and out parameter of the calls that fill it; set it to the size before each. */
  readonly length: Uint32Array;
  readonly size: number;
}

/** An empty address of the family. Memory outside the JavaScript heap: pointers to it stay valid as long as it is referenced. */
export function createSocketAddress(family: Family): SocketAddress {
  const size = family === 'ipv4' ? 16 : 28;
  const memory = new ArrayBuffer(size);
  return {
    bytes: new Uint8Array(memory),
    words: new Uint32Array(memory),
    at: family === 'ipv4' ? 1 : 2,
    length: new Uint32Array(new ArrayBuffer(4)),
    size,
  };
}

/** @param address text, or '' for the wildcard. @throws CidrError when it is no address */
export function socketAddressOf(family: Family, address: string, port: number): SocketAddress {
  const made = createSocketAddress(family);
  new Uint16Array(made.bytes.buffer)[0] = family === 'ipv4' ? AF_INET : AF_INET6;
  made.bytes[2] = port >> 8;
  made.bytes[3] = port & 0xff;
  if (address !== '') made.bytes.set(addressBytes(address), made.at * 4);
  return made;
}

export const portOf = ({ bytes }: SocketAddress): number => (bytes[2]! << 8) | bytes[3]!;

export interface AddressTable {
  /** Index → text; index 0 is ''. */
  readonly texts: readonly string[];
  /** Index of the address at word `at`, entered when it is new. */
  indexOf(words: Uint32Array, at: number): number;
}

/** A table for one family. */
export function createAddressTable(family: Family): AddressTable {
  const texts = [''];
  const size = family === 'ipv4' ? 1 : 4;
  /** Words of every address, `size` each. */
  const known: number[] = new Array<number>(size).fill(0);
  const byHash = new Map<number, number>();

  const same = (index: number, words: Uint32Array, at: number): boolean => {
    for (let i = 0; i < size; i++) if (known[index * size + i] !== words[at + i]) return false;
    return true;
  };
  return {
    texts,
    indexOf(words, at): number {
      let hash = words[at]!;
      for (let i = 1; i < size; i++) hash = (Math.imul(hash, 0x01000193) ^ words[at + i]!) >>> 0;
      for (; ; hash = (hash + 1) >>> 0) {
        const index = byHash.get(hash);
        if (index === undefined) {
          byHash.set(hash, texts.length);
          for (let i = 0; i < size; i++) known.push(words[at + i]!);
          return texts.push(addressText(new Uint8Array(words.buffer, words.byteOffset + at * 4, size * 4))) - 1;
        }
        if (same(index, words, at)) return index;
      }
    },
  };
}
