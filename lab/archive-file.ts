import { gunzipSync } from 'node:zlib';

const BLOCK = 512;

/** A text field of a header: ends at its first NUL. */
const field = (header: Buffer, from: number, length: number): string => header.toString('latin1', from, from + length).replace(/\0[^]*$/, '');

/**
 * The bytes of one regular file in a .tgz archive (ustar: POSIX.1-1988, pax interchange format of pax(1)); null when it has none of that name.
 *
 * @param name as in the archive, without a leading `./`
 * @throws Error when the bytes are no gzip
 */
export function fileOfArchive(archive: Buffer, name: string): Buffer | null {
  const tar = gunzipSync(archive);
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const header = tar.subarray(at, at + BLOCK);
    const found = field(header, 0, 100);
    // Two empty blocks end an archive.
    if (found === '') return null;
    const size = Number.parseInt(field(header, 124, 12).trim() || '0', 8);
    const isFile = ['0', ''].includes(field(header, 156, 1));
    if (isFile && found.replace(/^\.\//, '') === name) return tar.subarray(at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return null;
}
