import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { restartServer, stopServer } from '../../verify/dns/restart-server.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cnilab-note-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs it on a note of the test's own. */
function onNote(argv: readonly string[], note: string): number | null {
  const [program = '', ...words] = argv.map((word) => (word.startsWith('/run/cnilab/') ? join(folder, word.endsWith('.run') ? 'note' : 'log') : word));
  writeFileSync(join(folder, 'note'), note);
  return spawnSync(program, words).status;
}

const startOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21] ?? '';

describe('a program of a pod', () => {
  it('that runs is not started once more, and its note stays', () => {
    const note = `${process.pid} ${startOf(process.pid)}\n/bin/false`;
    expect(onNote(restartServer('pod.c1.default.web'), note)).toBe(0);
    expect(readFileSync(join(folder, 'note'), 'utf8')).toBe(note);
  });

  it('is ended by its note, and nothing is that has its process id since', async () => {
    const child = spawn('sleep', ['60']);
    const ended = new Promise<string | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    const pid = child.pid ?? 0;
    expect(onNote(stopServer('pod.c1.default.web'), `${pid} 1\nsleep`)).toBe(0);
    expect(child.exitCode ?? child.signalCode).toBeNull();
    // Waited for elsewhere: its parent, this process, stands still meanwhile.
    const [program = '', ...words] = stopServer('pod.c1.default.web').map((word) => (word.startsWith('/run/cnilab/') ? join(folder, 'note') : word));
    writeFileSync(join(folder, 'note'), `${pid} ${startOf(pid)}\nsleep`);
    const stopping = spawn(program, words);
    expect(await ended).toBe('SIGTERM');
    expect(await new Promise((resolve) => stopping.once('exit', resolve))).toBe(0);
  });
});
