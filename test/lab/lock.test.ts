import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockFile } from '../../lab/directories.ts';
import { lockLab, sweepLockDrafts } from '../../lab/lock.ts';
import { isAlive, ownIdentity } from '../../lab/process-identity.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
const locks = (): readonly string[] => readdirSync(join(scratch.folder, 'state', 'cnilab', 'locks'));

/** Leaves the lock of a process that has ended, as kill -9 does. */
function plantLock(record: unknown): void {
  const path = lockFile('a');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof record === 'string' ? record : JSON.stringify(record));
}

const dead = (id: string): object => ({ ...ownIdentity(), startTime: '1', id, doing: 'up' });

describe('the lock of a lab', () => {
  it('is held by one at a time, and names its owner', async () => {
    const lock = await lockLab('a', { doing: 'up' });
    await expect(lockLab('a', { doing: 'down' })).rejects.toMatchObject({
      code: 'LAB_LOCKED',
      message: `lab a is in use: \`up\` runs as process ${process.pid}`,
    });
    await (await lockLab('b', { doing: 'up' })).release();
    await lock.release();
    await (await lockLab('a', { doing: 'down' })).release();
    expect(locks()).toEqual([]);
  });

  it('is waited for', async () => {
    const lock = await lockLab('a', { doing: 'up' });
    setTimeout(() => void lock.release(), 60);
    const startedAt = performance.now();
    await (await lockLab('a', { doing: 'down', waitMs: 5000 })).release();
    expect(performance.now() - startedAt).toBeGreaterThan(40);
  });

  it('is not waited for longer than asked', async () => {
    const lock = await lockLab('a', { doing: 'up' });
    const startedAt = performance.now();
    await expect(lockLab('a', { doing: 'down', waitMs: 100 })).rejects.toMatchObject({ code: 'LAB_LOCKED' });
    expect(performance.now() - startedAt).toBeLessThan(2000);
    await lock.release();
  });

  it('stops waiting when it is told to', async () => {
    const lock = await lockLab('a', { doing: 'up' });
    await expect(lockLab('a', { doing: 'down', waitMs: 60_000, signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: 'TimeoutError' });
    await lock.release();
  });

  it.each([
    ['a process that has ended', dead('d1')],
    ['a process of an earlier boot', { ...ownIdentity(), boot: 'another', id: 'd2', doing: 'up' }],
    ['text that is no record', '{"pid":'],
    ['an empty file', ''],
  ])('is taken over from %s', async (_, record) => {
    plantLock(record);
    const lock = await lockLab('a', { doing: 'up' });
    expect(JSON.parse(readFileSync(lockFile('a'), 'utf8'))).toMatchObject({ pid: process.pid });
    await lock.release();
    expect(locks()).toEqual([]);
  });

  it('is taken over by exactly one of many', async () => {
    for (let round = 0; round < 20; round += 1) {
      plantLock(dead(`round-${round}`));
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockLab('a', { doing: 'up', waitMs: 0 })));
      const won = results.filter((result) => result.status === 'fulfilled');
      expect(won).toHaveLength(1);
      await won[0]?.value.release();
    }
    expect(locks()).toEqual([]);
  });

  it('of a killed process is free', async () => {
    const script = `const { lockLab } = await import(${JSON.stringify(new URL('../../lab/lock.ts', import.meta.url).href)}); await lockLab('a', { doing: 'up' }); console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--import', 'tsx/esm', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await expect(lockLab('a', { doing: 'down' })).rejects.toMatchObject({ code: 'LAB_LOCKED', details: { pid: child.pid, doing: 'up' } });
    child.kill('SIGKILL');
    await (await lockLab('a', { doing: 'down', waitMs: 2000 })).release();
  });

  it('is not released by who lost it', async () => {
    const lost = await lockLab('a', { doing: 'up' });
    plantLock(dead('d3'));
    const lock = await lockLab('a', { doing: 'down' });
    await lost.release();
    await expect(lockLab('a', { doing: 'up' })).rejects.toMatchObject({ code: 'LAB_LOCKED' });
    await lock.release();
  });

  it('leaves no drafts of killed processes behind, and no others are touched', async () => {
    plantLock(dead('d4'));
    writeFileSync(`${lockFile('a')}.d5`, JSON.stringify(dead('d5')));
    writeFileSync(`${lockFile('a')}.live`, JSON.stringify({ ...ownIdentity(), id: 'live', doing: 'up' }));
    writeFileSync(`${lockFile('a')}.half`, '{"pid"');
    await sweepLockDrafts('a');
    expect(locks()).toEqual(['a.lock', 'a.lock.half', 'a.lock.live']);
  });
});

describe('a process', () => {
  it('is itself, and not a later one of the same number', () => {
    expect(isAlive(ownIdentity())).toBe(true);
    expect(isAlive({ ...ownIdentity(), startTime: '12' })).toBe(false);
    expect(isAlive({ ...ownIdentity(), pid: 4_194_305 })).toBe(false);
  });
});
