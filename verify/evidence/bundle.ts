/** Puts evidence together in an archive that stays below a size, and says what was cut. Pure. */
import { textWithoutSecrets } from '../../topology/secrets.ts';
import { writeTgz, type ArchiveFile } from './archive.ts';
import type { TextFile } from './kernel-text.ts';

/** Less than a megabyte, so that it can be attached everywhere. */
export const ARCHIVE_BYTES = 1_000_000;
const FILE_BYTES = 1024 * 1024;

export interface Bundle {
  readonly archive: Buffer;
  /** Names of all files, sorted. */
  readonly files: readonly string[];
  /** Those of which the end is missing. */
  readonly cut: readonly string[];
}

export interface BundleParts {
  /** Folder that all files are in. */
  readonly root: string;
  /** What the archive is about, for its README. */
  readonly about: readonly string[];
  readonly texts: readonly TextFile[];
  /** Never cut: of a bounded size. */
  readonly binaries: readonly ArchiveFile[];
  /** What could not be collected, with the reason. */
  readonly missing: readonly string[];
}

/** The archive. Where all of it would be too large, long files are cut to half and half again. */
export function bundleEvidence(parts: BundleParts): Bundle {
  // Documents were cleaned field by field; as text they would no longer be JSON.
  const clean = parts.texts.map(({ path, text }) => ({ path, text: path.endsWith('.json') ? text : textWithoutSecrets(text) }));
  for (let limit = FILE_BYTES; ; limit /= 2) {
    const bundle = bundleWithin(parts, clean, limit);
    if (bundle.archive.length < ARCHIVE_BYTES || limit < 1024) return bundle;
  }
}

function bundleWithin({ root, about, binaries, missing }: BundleParts, texts: readonly TextFile[], limit: number): Bundle {
  const whole = texts.map(({ path, text }) => ({ path, bytes: Buffer.from(text) }));
  const cut = whole.filter(({ bytes }) => bytes.length > limit).map(({ path, bytes }) => ({ path, size: bytes.length }));
  const files: readonly ArchiveFile[] = [...whole.map(({ path, bytes }) => ({ path, bytes: shortened(bytes, limit) })), ...binaries];
  const names = ['README.txt', ...files.map(({ path }) => path)].toSorted();
  const readme = [
    ...about,
    '',
    'left out: kubeconfigs, keys, tokens, passwords, and what Secrets hold',
    ...cut.map(({ path, size }) => `cut: ${path}: the first ${limit} of ${size} bytes`),
    ...missing.map((line) => `not collected: ${line}`),
    '',
    ...names,
    '',
  ].join('\n');
  const all = [{ path: 'README.txt', bytes: Buffer.from(readme) }, ...files];
  return { archive: writeTgz(all.map(({ path, bytes }) => ({ path: `${root}/${path}`, bytes }))), files: names, cut: cut.map(({ path }) => path) };
}

/** The first bytes, up to the end of a line, and a note of what is missing. */
function shortened(bytes: Buffer, limit: number): Buffer {
  if (bytes.length <= limit) return bytes;
  const end = bytes.lastIndexOf(10, limit);
  const kept = bytes.subarray(0, end > 0 ? end + 1 : limit);
  return Buffer.concat([kept, Buffer.from(`[cut: ${bytes.length} bytes in all]\n`)]);
}
