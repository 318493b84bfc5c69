/** Reading plain objects whose shape nobody has checked: what is not of the expected shape is as if it were not there. */

export type Json = Readonly<Record<string, unknown>>;

export const recordOf = (value: unknown): Json => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {});
export const recordsOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(recordOf) : []);
export const textOf = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
export const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []);
/** A whole number of at least 0. */
export const countOf = (value: unknown, otherwise: number): number => (typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : otherwise);
/** The entries whose values are texts: labels, annotations, selectors. */
export const labelsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(recordOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
/** One of the known words, else the other. */
export const wordOf = <W extends string>(value: unknown, words: readonly W[], otherwise: W): W => words.find((word) => word === value) ?? otherwise;
