import { addressAt, cidrContains, cidrSize, formatAddress, parseAddress, type Cidr } from './cidr.ts';

/**
 * Hands out the addresses of one range. What somebody has already (fixed by the author, or kept from the running lab's plan) is taken first;
 * the rest is given lowest first, so that adding or removing one thing never moves another.
 */
export class AddressPool {
  readonly #cidr: Cidr;
  readonly #taken = new Set<bigint>();
  #cursor: bigint;
  readonly #end: bigint;

  /** `from` and `to`: first and last index (inclusive) that may be handed out; `to` negative counts from the end. */
  constructor(cidr: Cidr, from: bigint, to: bigint) {
    this.#cidr = cidr;
    this.#cursor = cidr.base + from;
    this.#end = cidr.base + (to < 0n ? cidrSize(cidr) + to : to);
  }

  /** Takes an address out of the pool; false when it is outside the range or taken. */
  take(address: string): boolean {
    const { family, value } = parseAddress(address);
    if (family !== this.#cidr.family || !cidrContains(this.#cidr, { family, value }) || this.#taken.has(value)) return false;
    this.#taken.add(value);
    return true;
  }

  /** The lowest free address, or null when the pool is used up. */
  next(): string | null {
    while (this.#taken.has(this.#cursor)) this.#cursor += 1n;
    if (this.#cursor > this.#end) return null;
    this.#taken.add(this.#cursor);
    return formatAddress(this.#cidr.family, this.#cursor);
  }
}

/** Pool of the addresses that hosts of a subnet may have; the first usable one is left to the router or gateway. */
export function hostPool(cidr: Cidr): AddressPool {
  const tiny = cidrSize(cidr) <= 2n;
  return new AddressPool(cidr, tiny ? 0n : 2n, cidr.family === 'ipv4' && !tiny ? -2n : -1n);
}

/** Address of a subnet's router or gateway by our convention: the first usable one. */
export function gatewayOf(cidr: Cidr): string {
  return addressAt(cidr, cidrSize(cidr) <= 2n ? 0n : 1n);
}
