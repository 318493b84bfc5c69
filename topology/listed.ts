/** `a, b, c and 4 more`: all of them, or that many and how many others there are. */
export function listed(items: readonly string[], most = 5): string {
  return items.length <= most ? items.join(', ') : `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
}
