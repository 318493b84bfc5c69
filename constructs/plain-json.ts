/** A value that JSON can hold. */
type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

const isPlainObject = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A lab file and this package may live in two realms, whose Object.prototype differ: look at the shape, not at the identity.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

function copy(value: unknown, path: readonly (string | number)[], within: readonly object[]): Plain {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
  const where = path.join('.');
  if (typeof value !== 'object') throw new TypeError(`[${where}] ${typeof value === 'number' ? String(value) : `a ${typeof value}`} cannot be written as JSON`);
  if (within.includes(value)) throw new TypeError(`[${where}] refers back to what it is part of`);
  const inside = [...within, value];
  if (Array.isArray(value)) return value.map((item, index) => copy(item, [...path, index], inside));
  if (!isPlainObject(value)) throw new TypeError(`[${where}] a ${value.constructor.name} cannot be written as JSON: give a plain object`);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, copy(item, [...path, key], inside)]),
  );
}

/**
 * A deep copy in which fields that are `undefined` are left out.
 *
 * @param at where the value stands in the lab, for messages
 * @throws TypeError naming the path of what JSON cannot hold: functions, symbols, NaN, maps, dates, cycles.
 */
export function plainJson<T>(value: T, at: readonly (string | number)[] = []): T {
  return copy(value, at, []) as T;
}
