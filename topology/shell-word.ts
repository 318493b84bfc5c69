/** Text as a word of a POSIX shell (XCU 2.2, Quoting). */

/** In quotes, whatever is in it. */
export function shellLiteral(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** In quotes where it needs them. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : shellLiteral(word);
}
