import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asLoaded } from '../../lab/api.ts';
import { lockPathFor, lockText, pinnedDigest, readLock, withLocked, type LockFile } from '../../lab/lock-file.ts';
import { synthesizeLab } from '../../lab/synth.ts';
import { fetchUpstream, fetchUpstreamFile, lockUpstream, type FetchOptions } from '../../lab/upstream.ts';
import type { UpstreamFile } from '../../topology/artifacts.ts';
import { useScratch } from './scratch.ts';

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex');
const MANIFEST = `# A comment first
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {on: "yes"}}
---
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: b}
spec: {template: {spec: {volumes: [{name: c, configMap: {name: c, defaultMode: 0755}}]}}}
`;
const BODIES: Readonly<Record<string, string>> = {
  '/manifest.yaml': MANIFEST,
  '/page.html': '<html><body>Please log in</body></html>',
  '/broken.yaml': 'a: [1',
};

let server: Server;
let base = '';
let asked: string[] = [];
let served = BODIES;
const scratch = useScratch();

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    // Never answered: the test ends the connection.
    if (path === '/slow') return;
    if (path === '/moved') response.writeHead(302, { location: '/manifest.yaml' }).end();
    else if (served[path] === undefined) response.writeHead(404).end('no');
    else response.end(served[path]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
  served = BODIES;
});

const options = (more: Partial<FetchOptions> = {}): FetchOptions => ({ lock: null, offline: false, cacheDirectory: join(scratch.folder, 'cache'), ...more });
const file = (path: string, digest: string | null = sha256(BODIES[path] ?? '')): UpstreamFile => ({
  what: 'the manifest of X 1.2.3',
  url: base + path,
  sha256: digest,
});
const place = (digest: string): string => join(scratch.folder, 'cache', 'upstream', digest);
const lockWith = (url: string, digest: string): LockFile => withLocked(null, [{ url, sha256: digest, sizeBytes: 1 }]);

describe('fetching a file of another project', () => {
  it('keeps it under its digest and asks for it once', async () => {
    const manifest = file('/manifest.yaml');
    expect((await fetchUpstreamFile(manifest, options())).toString()).toBe(MANIFEST);
    expect((await fetchUpstreamFile(manifest, options({ offline: true }))).toString()).toBe(MANIFEST);
    expect(asked).toEqual(['/manifest.yaml']);
    expect(readdirSync(join(scratch.folder, 'cache', 'upstream'))).toEqual([sha256(MANIFEST)]);
    expect(statSync(place(sha256(MANIFEST))).mode & 0o777).toBe(0o600);
  });

  it('follows where the server points', async () => {
    expect((await fetchUpstreamFile(file('/moved', sha256(MANIFEST)), options())).toString()).toBe(MANIFEST);
    expect(asked).toEqual(['/moved', '/manifest.yaml']);
  });

  it('refuses one whose digest is another, and keeps nothing of it', async () => {
    const wrong = sha256('what it was');
    await expect(fetchUpstreamFile(file('/page.html', wrong), options())).rejects.toMatchObject({
      code: 'UPSTREAM_DIGEST',
      message: `the manifest of X 1.2.3 is not the file it was: ${base}/page.html has SHA-256 ${sha256(BODIES['/page.html'] ?? '')} instead of ${wrong}`,
    });
    expect(existsSync(place(wrong))).toBe(false);
  });

  it('refuses one that nobody pinned, without asking for it', async () => {
    await expect(fetchUpstreamFile(file('/manifest.yaml', null), options())).rejects.toMatchObject({
      code: 'UPSTREAM_UNPINNED',
      hint: expect.stringContaining('cnilab lock') as string,
    });
    expect(asked).toEqual([]);
  });

  it('offline it says which file goes where, and takes it from there', async () => {
    const manifest = file('/manifest.yaml');
    const digest = sha256(MANIFEST);
    await expect(fetchUpstreamFile(manifest, options({ offline: true }))).rejects.toMatchObject({
      code: 'UPSTREAM_MISSING',
      message: `the manifest of X 1.2.3 is not in the cache, and nothing may be fetched (--offline): ${base}/manifest.yaml`,
      hint: `fetch it elsewhere (SHA-256 ${digest}) and put it at ${place(digest)}`,
      details: { url: `${base}/manifest.yaml`, sha256: digest, place: place(digest) },
    });
    mkdirSync(join(scratch.folder, 'cache', 'upstream'), { recursive: true });
    writeFileSync(place(digest), MANIFEST);
    expect((await fetchUpstreamFile(manifest, options({ offline: true }))).toString()).toBe(MANIFEST);
    expect(asked).toEqual([]);
  });

  it('takes no damaged file from the cache: it is fetched anew', async () => {
    const manifest = file('/manifest.yaml');
    await fetchUpstreamFile(manifest, options());
    writeFileSync(place(sha256(MANIFEST)), MANIFEST.slice(0, 20));
    await expect(fetchUpstreamFile(manifest, options({ offline: true }))).rejects.toMatchObject({ code: 'UPSTREAM_MISSING' });
    expect((await fetchUpstreamFile(manifest, options())).toString()).toBe(MANIFEST);
    expect(readFileSync(place(sha256(MANIFEST)), 'utf8')).toBe(MANIFEST);
  });

  it.each([
    ['/nothing-there', 'the server answered 404 Not Found'],
    ['/slow', 'timeout'],
  ])('%s: a failed fetch gives its reason', async (path, reason) => {
    await expect(fetchUpstreamFile(file(path, sha256('x')), options({ timeoutMs: 150 }))).rejects.toMatchObject({
      code: 'UPSTREAM_MISSING',
      message: expect.stringContaining(reason) as string,
    });
  });

  it('a port where nobody listens is told as such', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const nobody: UpstreamFile = { what: 'the manifest', url: `http://127.0.0.1:${port}/x`, sha256: sha256('x') };
    await expect(fetchUpstreamFile(nobody, options())).rejects.toMatchObject({
      code: 'UPSTREAM_MISSING',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  it('does without a cache that cannot be written', async () => {
    const blocked = scratch.write('blocked', 'a file where the folder should be');
    expect((await fetchUpstreamFile(file('/manifest.yaml'), options({ cacheDirectory: blocked }))).toString()).toBe(MANIFEST);
  });

  it('stops when it is told to, with the reason that it is given', async () => {
    const stop = new AbortController();
    const fetching = fetchUpstreamFile(file('/slow', sha256('x')), options({ signal: stop.signal }));
    setTimeout(() => stop.abort(new Error('Ctrl-C')), 50);
    await expect(fetching).rejects.toThrow('Ctrl-C');
  });
});

describe('reading manifests', () => {
  it('gives their objects as kubectl would read them, lists taken apart', async () => {
    const manifest = file('/manifest.yaml');
    expect(await fetchUpstream([manifest], options())).toEqual(
      new Map([
        [
          manifest.url,
          [
            { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, stringData: { true: 'yes' } },
            {
              apiVersion: 'apps/v1',
              kind: 'DaemonSet',
              metadata: { name: 'b' },
              spec: { template: { spec: { volumes: [{ name: 'c', configMap: { name: 'c', defaultMode: 0o755 } }] } } },
            },
          ],
        ],
      ]),
    );
  });

  it.each([
    ['/page.html', 'a document of it has no apiVersion, kind and metadata'],
    ['/broken.yaml', 'Flow sequence'],
  ])('%s is no manifest', async (path, why) => {
    await expect(fetchUpstream([file(path)], options())).rejects.toMatchObject({
      code: 'UPSTREAM_UNEXPECTED',
      message: expect.stringContaining(why) as string,
    });
  });
});

describe('the lock file', () => {
  it('pins what this package does not know', async () => {
    const unknown = file('/manifest.yaml', null);
    const lock = await lockUpstream([unknown], options());
    expect(lock).toEqual({ schema: 'cnilab.lock/1', files: [{ url: unknown.url, sha256: sha256(MANIFEST), sizeBytes: Buffer.byteLength(MANIFEST) }] });
    // It is in the cache now: nothing more is asked for.
    expect((await fetchUpstreamFile(unknown, options({ lock, offline: true }))).toString()).toBe(MANIFEST);
    expect(asked).toEqual(['/manifest.yaml']);
  });

  it('is not rewritten by what a server gives later', async () => {
    const unknown = file('/manifest.yaml', null);
    const lock = await lockUpstream([unknown], options());
    served = { '/manifest.yaml': `${MANIFEST}# changed\n` };
    expect(await lockUpstream([unknown], options({ lock }))).toEqual(lock);
    await expect(lockUpstream([unknown], options({ lock, cacheDirectory: join(scratch.folder, 'other') }))).rejects.toMatchObject({ code: 'UPSTREAM_DIGEST' });
  });

  it('keeps the entries of other labs, sorted', async () => {
    const lock = await lockUpstream([file('/manifest.yaml')], options({ lock: lockWith('http://a.example/x', sha256('x')) }));
    expect(lock.files.map(({ url }) => url)).toEqual(['http://a.example/x', `${base}/manifest.yaml`].sort());
  });

  it('must agree with this package', () => {
    const known = file('/manifest.yaml');
    expect(pinnedDigest(known, null)).toBe(sha256(MANIFEST));
    expect(pinnedDigest(known, lockWith(known.url, sha256(MANIFEST)))).toBe(sha256(MANIFEST));
    expect(() => pinnedDigest(known, lockWith(known.url, sha256('other')))).toThrow(expect.objectContaining({ code: 'UPSTREAM_DIGEST' }));
  });

  it('gives way to this package when it is made anew', async () => {
    const known = file('/manifest.yaml');
    const lock = await lockUpstream([known], options({ lock: lockWith(known.url, sha256('other')) }));
    expect(lock.files).toEqual([{ url: known.url, sha256: sha256(MANIFEST), sizeBytes: Buffer.byteLength(MANIFEST) }]);
  });

  it('is read as it was written; there may be none', async () => {
    const path = lockPathFor(scratch.write('labs/a.yaml', ''));
    expect(path).toBe(join(scratch.folder, 'labs', 'cnilab.lock.json'));
    expect(await readLock(path)).toBeNull();
    const lock = lockWith('http://a.example/x', sha256('x'));
    writeFileSync(path, lockText(lock));
    expect(await readLock(path)).toEqual(lock);
  });

  it.each([
    ['{', 'JSON'],
    ['[]', 'its schema is null'],
    ['{"schema":"cnilab.lock/2","files":[]}', 'its schema is "cnilab.lock/2", not cnilab.lock/1'],
    ['{"schema":"cnilab.lock/1"}', 'entry 1'],
    [`{"schema":"cnilab.lock/1","files":[{"url":"u","sha256":"${'A'.repeat(64)}","sizeBytes":1}]}`, 'entry 1 of files is not { url, sha256, sizeBytes }'],
  ])('%s is refused', async (text, why) => {
    const path = scratch.write('cnilab.lock.json', text);
    await expect(readLock(path)).rejects.toMatchObject({ code: 'LOCK_INVALID', message: expect.stringContaining(why) as string });
  });
});

describe('synthesizeLab', () => {
  it('stops fetching with its signal', async () => {
    const lab = await asLoaded({ name: 'a', clusters: [{ name: 'c1', cni: { type: 'calico' } }] });
    const reason = new Error('stopped');
    await expect(synthesizeLab(lab, 'kind', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
