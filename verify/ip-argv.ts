import type { Family } from '../topology/spec.ts';

/** The words of a command of ip(8); without `-6` it takes the addresses, routes and neighbours of IPv4 alone. */
export function ipArgv(family: Family, ...words: readonly (string | number)[]): readonly string[] {
  return ['ip', ...(family === 'ipv6' ? ['-6'] : []), ...words.map(String)];
}
