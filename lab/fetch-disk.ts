/** Disk images that distributions publish: large, so they are hashed while they come, and only ever read from the disk. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FetchedDisk } from '../engines/port.ts';
import { EnvironmentError, LabError } from '../topology/errors.ts';
import type { CloudImage } from '../topology/vm-image.ts';
import { makePrivateDirectory } from './directories.ts';
import { refusedByDisk } from './disk.ts';
import { fetchFailure, upstreamFolder, type FetchOptions } from './upstream.ts';

/** Without a byte for so long a download is given up. */
const STALL_MS = 60_000;
const PROGRESS_MS = 1000;

const upper = ({ algorithm }: CloudImage): string => algorithm.replace('sha', 'SHA-');
const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/**
 * A cloud image from the cache, else fetched into it: whole and with its digest, or not at all.
 *
 * @param options `timeoutMs` is the time without a byte after which fetching is given up
 * @throws EnvironmentError UPSTREAM_MISSING when it is not at hand; UPSTREAM_DIGEST when it is another file; UPSTREAM_UNEXPECTED when it is no qcow2 image that
 * stands alone; ENVIRONMENT_LACKS when the cache cannot take it
 */
export async function fetchDisk(image: CloudImage, options: Omit<FetchOptions, 'lock'>, progress: (detail: string) => void): Promise<FetchedDisk> {
  const folder = upstreamFolder(options);
  const path = join(folder, image.digest);
  progress('look at the cache');
  if ((await digestOfFile(path, image, options.signal)) === image.digest) return { path, sizeBytes: await virtualSize(path, image) };
  if (options.offline) throw missing(image, path, 'nothing may be fetched (--offline)');
  const draft = join(folder, `.${image.digest}.${process.pid}.${randomBytes(4).toString('hex')}`);
  try {
    await makePrivateDirectory(folder);
    await removeDraftsOfTheDead(folder, image);
    const actual = await download(image, draft, path, options, progress);
    if (actual !== image.digest) {
      throw new EnvironmentError({
        code: 'UPSTREAM_DIGEST',
        message: `the disk image is not the one that the lab names: ${image.url} has ${upper(image)} ${actual} instead of ${image.digest}`,
        hint: 'compare with the digests that the distribution publishes beside the image: those of a folder `latest` change; a proxy that answers with a page of its own looks like this, too',
        details: { url: image.url, expected: image.digest, actual },
      });
    }
    const sizeBytes = await virtualSize(draft, image);
    await rename(draft, path);
    return { path, sizeBytes };
  } catch (error) {
    throw refusedByDisk(error, folder, 'XDG_CACHE_HOME');
  } finally {
    await rm(draft, { force: true });
  }
}

function missing(image: CloudImage, place: string, why: string, cause?: unknown): EnvironmentError {
  return new EnvironmentError({
    code: 'UPSTREAM_MISSING',
    message: `the disk image is not in the cache, and ${why}: ${image.url}`,
    hint: `fetch it elsewhere (${upper(image)} ${image.digest}) and put it at ${place}`,
    details: { url: image.url, [image.algorithm]: image.digest, place },
    cause,
  });
}

/** Null where there is no such file. */
async function digestOfFile(path: string, { algorithm }: CloudImage, signal: AbortSignal | undefined): Promise<string | null> {
  const hash = createHash(algorithm);
  try {
    for await (const chunk of createReadStream(path, { ...(signal === undefined ? {} : { signal }), highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
    return hash.digest('hex');
  } catch (error) {
    signal?.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** What a killed run left behind. */
async function removeDraftsOfTheDead(folder: string, { digest }: CloudImage): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(`.${digest}.`) ? Number(name.split('.')[2]) : 0;
    if (pid > 0 && !runs(pid)) await rm(join(folder, name), { force: true });
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Writes what the server gives into `draft`, and resolves to its digest. */
async function download(
  image: CloudImage,
  draft: string,
  place: string,
  options: Omit<FetchOptions, 'lock'>,
  progress: (detail: string) => void,
): Promise<string> {
  const { signal, timeoutMs = STALL_MS } = options;
  const hash = createHash(image.algorithm);
  const file = await open(draft, 'wx', 0o600);
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error(`nothing came for ${timeoutMs / 1000} s`)), timeoutMs);
  const keep = async (chunk: Uint8Array): Promise<void> => {
    try {
      await file.appendFile(chunk);
    } catch (error) {
      throw refusedByDisk(error, draft, 'XDG_CACHE_HOME');
    }
  };
  try {
    const response = await fetch(image.url, { signal: AbortSignal.any([stalled.signal, ...(signal === undefined ? [] : [signal])]) });
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
    const length = Number(response.headers.get('content-length'));
    const whole = length > 0 ? ` of ${megabytes(length)}` : '';
    let [come, toldAt] = [0, -Infinity];
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      timer.refresh();
      hash.update(chunk);
      await keep(chunk);
      come += chunk.length;
      if (performance.now() - toldAt < PROGRESS_MS) continue;
      toldAt = performance.now();
      progress(`${megabytes(come)}${whole}`);
    }
    await file.sync();
    return hash.digest('hex');
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof LabError ? error : missing(image, place, `fetching it failed (${fetchFailure(error)})`, error);
  } finally {
    clearTimeout(timer);
    await file.close();
  }
}

/**
 * Size in bytes of the disk in a qcow2 image (https://www.qemu.org/docs/master/interop/qcow2.html). One that names other files is refused: a machine would read
 * there whatever this user may read.
 */
async function virtualSize(path: string, image: CloudImage): Promise<number> {
  const header = Buffer.alloc(80);
  const file = await open(path, 'r');
  try {
    await file.read(header, 0, header.length, 0);
  } finally {
    await file.close();
  }
  const version = header.readUInt32BE(4);
  const isQcow2 = header.toString('latin1', 0, 4) === 'QFI\u00FB' && (version === 2 || version === 3);
  const layer = header.readBigUInt64BE(8) !== 0n;
  const elsewhere = version === 3 && (header.readBigUInt64BE(72) & 4n) !== 0n;
  if (isQcow2 && !layer && !elsewhere) return Number(header.readBigUInt64BE(24));
  const why = isQcow2 ? `it is an image whose data is in other files${layer ? ', a layer' : ''}` : 'it is no qcow2 image';
  throw new EnvironmentError({
    code: 'UPSTREAM_UNEXPECTED',
    message: `the disk image ${image.url} cannot be used: ${why}`,
    hint: 'take the image that ends with .qcow2 (Debian), or -amd64.img (Ubuntu); `qemu-img info FILE` says what a file is',
    details: { url: image.url },
  });
}
