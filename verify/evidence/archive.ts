/** Writes files as a .tgz archive (ustar: POSIX.1-1988) whose bytes depend on nothing but names and contents. Pure. */
import { gzipSync } from 'node:zlib';

const BLOCK = 512;
/** Longest name that a header holds without its prefix field. */
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

export interface ArchiveFile {
  /** Relative, by slashes; at most 100 bytes below a folder of at most 155. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The archive, its files in the order of their names, of user 0 and of the year 1970. @throws RangeError for a name that is too long */
export function writeTgz(files: readonly ArchiveFile[]): Buffer {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const blocks = sorted.flatMap(({ path, bytes }) => [header(path, bytes.length), bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
  const gzipped = gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]), { level: 9 });
  // The byte that names the system which compressed: 255, unknown (RFC 1952).
  gzipped[9] = 0xff;
  return gzipped;
}

function header(path: string, size: number): Buffer {
  const { name, prefix } = splitName(path);
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0);
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  // The sum is made with spaces in its place.
  block.write(' '.repeat(8), 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function splitName(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= NAME_BYTES) return { name: path, prefix: '' };
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= PREFIX_BYTES && Buffer.byteLength(name) <= NAME_BYTES) return { name, prefix };
  }
  throw new RangeError(`${path} is too long for an archive`);
}
