/** Splits a byte stream into lines. A probe batch is a line of a megabyte that arrives in many chunks: they are joined once, when it is complete. */

const NEWLINE = 10;

/** A handler for 'data' that calls `onLine` for each complete, non-empty line. */
export function lineReader(onLine: (line: string) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString();
      parts = [];
      start = end + 1;
      if (line !== '') onLine(line);
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  };
}
