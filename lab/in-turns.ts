/**
 * Works on at most `width` items at a time, in their order. After a failure nothing more is begun; what was begun is waited for.
 *
 * @returns results in the order of the items
 * @throws the first failure
 */
export async function inTurns<T, R>(items: readonly T[], width: number, work: (item: T, index: number) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const turn = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, turn));
  if (failures.length > 0) throw failures[0];
  return results;
}
