import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { refusedByDisk } from '../../lab/disk.ts';
import { fetchDisk } from '../../lab/fetch-disk.ts';
import type { FetchOptions } from '../../lab/upstream.ts';
import { vmImage, type CloudImage } from '../../topology/vm-image.ts';
import { useScratch } from './scratch.ts';

const GIB = 2 ** 30;

/** As much of an image as is looked at, and something behind it. */
function qcow2({ layer = 0, features = 0 } = {}): Buffer {
  const image = Buffer.alloc(300_000, 7);
  image.write('QFI\u00FB', 0, 'latin1');
  image.writeUInt32BE(3, 4);
  image.writeBigUInt64BE(BigInt(layer), 8);
  image.writeBigUInt64BE(BigInt(2 * GIB), 24);
  image.writeBigUInt64BE(BigInt(features), 72);
  return image;
}

const BODIES: Readonly<Record<string, Buffer>> = {
  '/disk.qcow2': qcow2(),
  '/page.qcow2': Buffer.from('<html><body>Please log in</body></html>'),
  '/layer.qcow2': qcow2({ layer: 528 }),
  '/elsewhere.qcow2': qcow2({ features: 4 }),
};
const scratch = useScratch();
let server: Server;
let base = '';
let asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const body = BODIES[path.replace(/^\/(half|stops)/, '')];
    if (body === undefined) response.writeHead(404).end('no');
    else if (/^\/(half|stops)/.test(path)) {
      response.writeHead(200, { 'content-length': body.length });
      // `half` breaks off, `stops` goes silent.
      response.write(body.subarray(0, 100_000), () => {
        if (path.startsWith('/half')) response.destroy();
      });
    } else response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
});

const digestOf = (algorithm: CloudImage['algorithm'], path = '/disk.qcow2'): string =>
  createHash(algorithm)
    .update(BODIES[path] ?? '')
    .digest('hex');
function image(
  path = '/disk.qcow2',
  algorithm: CloudImage['algorithm'] = 'sha512',
  digest = digestOf(algorithm, path.replace(/^\/(half|stops)/, '')),
): CloudImage {
  const parsed = vmImage(`${base}${path}@${algorithm}:${digest}`);
  if (parsed?.kind !== 'cloud') throw new Error(`${path} is no cloud image`);
  return parsed;
}
const options = (more: Partial<FetchOptions> = {}): Omit<FetchOptions, 'lock'> => ({ offline: false, cacheDirectory: join(scratch.folder, 'cache'), ...more });
const folder = (): string => join(scratch.folder, 'cache', 'upstream');
const cached = (): readonly string[] => (existsSync(folder()) ? readdirSync(folder()) : []);
const silent = (): void => {};

describe('fetching the disk of machines', () => {
  it.each(['sha256', 'sha512'] as const)('keeps it under its %s, says how far it is, and asks for it once', async (algorithm) => {
    const told: string[] = [];
    const disk = await fetchDisk(image('/disk.qcow2', algorithm), options(), (text) => told.push(text));
    expect(disk).toEqual({ path: join(folder(), digestOf(algorithm)), sizeBytes: 2 * GIB });
    expect(readFileSync(disk.path).equals(BODIES['/disk.qcow2'] ?? Buffer.alloc(0))).toBe(true);
    expect(statSync(disk.path).mode & 0o777).toBe(0o600);
    expect(told.at(-1)).toMatch(/^0 MB/);
    expect(await fetchDisk(image('/disk.qcow2', algorithm), options({ offline: true }), silent)).toEqual(disk);
    expect(asked).toEqual(['/disk.qcow2']);
    expect(cached()).toEqual([digestOf(algorithm)]);
  });

  it('refuses another file, and keeps nothing of it', async () => {
    const wrong = '0a'.repeat(64);
    await expect(fetchDisk(image('/disk.qcow2', 'sha512', wrong), options(), silent)).rejects.toMatchObject({
      code: 'UPSTREAM_DIGEST',
      message: `the disk image is not the one that the lab names: ${base}/disk.qcow2 has SHA-512 ${digestOf('sha512')} instead of ${wrong}`,
    });
    expect(cached()).toEqual([]);
  });

  it.each([
    ['/page.qcow2', /it is no qcow2 image/],
    ['/layer.qcow2', /data is in other files, a layer/],
    ['/elsewhere.qcow2', /data is in other files$/],
  ])('refuses what is no image that stands alone: %s', async (path, why) => {
    await expect(fetchDisk(image(path), options(), silent)).rejects.toMatchObject({
      code: 'UPSTREAM_UNEXPECTED',
      message: expect.stringMatching(why) as string,
    });
    expect(cached()).toEqual([]);
  });

  it.each([
    ['/half/disk.qcow2', {}, /fetching it failed/],
    ['/stops/disk.qcow2', { timeoutMs: 200 }, /fetching it failed \(nothing came for 0.2 s\)/],
    ['/nothing.qcow2', {}, /the server answered 404 Not Found/],
  ])('a download that ends early leaves nothing: %s', async (path, more, why) => {
    const broken = image(path, 'sha512', digestOf('sha512'));
    await expect(fetchDisk(broken, options(more), silent)).rejects.toMatchObject({
      code: 'UPSTREAM_MISSING',
      message: expect.stringMatching(why) as string,
      hint: `fetch it elsewhere (SHA-512 ${digestOf('sha512')}) and put it at ${join(folder(), digestOf('sha512'))}`,
    });
    expect(cached()).toEqual([]);
  });

  it('stops with its signal, and leaves nothing', async () => {
    const stop = new AbortController();
    const fetching = fetchDisk(image('/stops/disk.qcow2'), options({ signal: stop.signal }), (text) => {
      if (text.includes('MB')) stop.abort(new Error('Ctrl-C'));
    });
    await expect(fetching).rejects.toThrow('Ctrl-C');
    expect(cached()).toEqual([]);
  });

  it('offline says where it goes, and takes it from there', async () => {
    await expect(fetchDisk(image(), options({ offline: true }), silent)).rejects.toMatchObject({
      code: 'UPSTREAM_MISSING',
      message: `the disk image is not in the cache, and nothing may be fetched (--offline): ${base}/disk.qcow2`,
    });
    mkdirSync(folder(), { recursive: true });
    writeFileSync(join(folder(), digestOf('sha512')), BODIES['/disk.qcow2'] ?? '');
    expect((await fetchDisk(image(), options({ offline: true }), silent)).sizeBytes).toBe(2 * GIB);
    expect(asked).toEqual([]);
  });

  it('fetches anew what is damaged, and removes what a killed run left, not what another one writes', async () => {
    const digest = digestOf('sha512');
    mkdirSync(folder(), { recursive: true });
    for (const name of [digest, `.${digest}.999999999.aa`, `.${digest}.${process.pid}.bb`, `.${'0'.repeat(128)}.999999999.cc`])
      writeFileSync(join(folder(), name), 'half');
    await fetchDisk(image(), options(), silent);
    expect(cached()).toEqual([`.${'0'.repeat(128)}.999999999.cc`, `.${digest}.${process.pid}.bb`, digest].sort());
    expect(readFileSync(join(folder(), digest)).length).toBe(300_000);
  });

  it('waits for nothing where it cannot begin to write', async () => {
    const begun = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => begun.mockRestore());
    // Into a folder that is not there.
    await expect(fetchDisk({ ...image(), digest: 'no/where' }, options({ timeoutMs: 54_321 }), silent)).rejects.toThrow('ENOENT');
    expect(begun.mock.calls.filter(([, ms]) => ms === 54_321)).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('says how a cache that takes nothing is put elsewhere', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    expect(refusedByDisk(full, folder(), 'XDG_CACHE_HOME')).toMatchObject({
      code: 'ENVIRONMENT_LACKS',
      message: `${folder()} cannot be written: ENOSPC: no space left on device, write`,
      hint: expect.stringContaining('XDG_CACHE_HOME') as string,
    });
  });
});

describe('the name of a disk', () => {
  it.each([
    ['/srv/disk', { kind: 'prepared', folder: '/srv/disk' }],
    [`https://a.example/x.img@sha256:${'0a'.repeat(32)}`, { kind: 'cloud', url: 'https://a.example/x.img', algorithm: 'sha256', digest: '0a'.repeat(32) }],
    [`https://a.example/x@y.img@sha256:${'0a'.repeat(32)}`, { kind: 'cloud', url: 'https://a.example/x@y.img', algorithm: 'sha256', digest: '0a'.repeat(32) }],
    [`https://a.example/x.img@sha512:${'0a'.repeat(32)}`, null],
    [`https://a.example/x.img@md5:${'0a'.repeat(16)}`, null],
    [`ftp://a.example/x.img@sha256:${'0a'.repeat(32)}`, null],
    [`https://a.example/'$(x)@sha256:${'0a'.repeat(32)}`, null],
    ['kindest/node:v1.34.4', null],
    [null, null],
  ])('%s', (text, expected) => {
    expect(vmImage(text)).toEqual(expected);
  });
});
