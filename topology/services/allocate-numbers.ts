import { stableHash } from '../names.ts';

/** Numbers that may be handed out, both ends included. */
export interface Band {
  readonly from: number;
  readonly to: number;
}

/** Somebody who needs a number. */
export interface Asker {
  /** Identity, by which its place in the band is found. */
  readonly key: string;
  /** Its number in the running lab, or null. */
  readonly before: number | null;
}

/**
 * Gives each asker a free number: the one it has, else the first free one from the place that its identity hashes to, around the first band with a
 * free number. Nobody's coming or going moves another whose number is known. `taken` grows by what is given.
 *
 * @returns by key; an asker for whom nothing is left is not in it
 */
export function allocateNumbers(askers: readonly Asker[], taken: Set<number>, bands: readonly Band[]): ReadonlyMap<string, number> {
  const given = new Map<string, number>();
  const within = (number: number): boolean => bands.some((band) => number >= band.from && number <= band.to);
  for (const { key, before } of askers) {
    if (before === null || given.has(key) || taken.has(before) || !within(before)) continue;
    taken.add(before);
    given.set(key, before);
  }
  const full = new Set<Band>();
  for (const { key } of askers) {
    if (given.has(key)) continue;
    for (const band of bands) {
      if (full.has(band)) continue;
      const number = probe(key, taken, band);
      if (number === null) {
        full.add(band);
        continue;
      }
      taken.add(number);
      given.set(key, number);
      break;
    }
  }
  return given;
}

function probe(key: string, taken: ReadonlySet<number>, { from, to }: Band): number | null {
  const size = to - from + 1;
  if (size < 1) return null;
  const start = Number.parseInt(stableHash(key, 12), 16) % size;
  for (let step = 0; step < size; step += 1) {
    const number = from + ((start + step) % size);
    if (!taken.has(number)) return number;
  }
  return null;
}
