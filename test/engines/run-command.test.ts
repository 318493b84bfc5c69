import { describe, expect, it } from 'vitest';
import { lineReader } from '../../engines/netns/line-reader.ts';
import { isAlive, processStat } from '../../engines/proc-stat.ts';
import { runCommand } from '../../engines/run-command.ts';

describe('runCommand', () => {
  it('captures both streams and the exit code', async () => {
    expect(await runCommand(['sh', '-c', 'cat; echo no >&2; exit 3'], { input: 'yes\n' })).toEqual({
      exitCode: 3,
      stdout: 'yes\n',
      stderr: 'no\n',
      failure: '',
    });
  });
  it('says 127 for a program that is not there', async () => {
    expect(await runCommand(['cnilab-no-such-program'])).toMatchObject({ exitCode: 127, failure: 'cnilab-no-such-program is not installed' });
  });
  it('ends what takes too long', async () => {
    expect(await runCommand(['sleep', '10'], { timeoutMs: 50 })).toMatchObject({ failure: 'took longer than 50 ms' });
  });
  it('passes on no environment but the one given', async () => {
    const { stdout } = await runCommand(['/usr/bin/env'], { env: { ONLY: 'this' } });
    expect(stdout).toBe('ONLY=this\n');
  });
  it('tells each line of the error output when it is written, and captures it all the same', async () => {
    const seen: string[] = [];
    const result = await runCommand(['sh', '-c', 'echo a >&2; read go; printf b >&2; echo out'], {
      input: 'go\n',
      onStderrLine: (line) => seen.push(line),
    });
    expect(seen).toEqual(['a', 'b']);
    expect(result).toMatchObject({ exitCode: 0, stdout: 'out\n', stderr: expect.stringMatching(/^a\nb\n?$/) as string });
  });
  it('runs in a session of its own when asked to', async () => {
    const session = async (detached: boolean): Promise<string> => (await runCommand(['sh', '-c', 'ps -o sid= -p $$'], { detached })).stdout.trim();
    const [own, apart] = [await session(false), await session(true)];
    expect(own).not.toBe('');
    expect(apart).not.toBe(own);
  });
});

describe('lineReader', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['lines in one chunk', ['a\nb\n'], ['a', 'b']],
    ['a line in many chunks', ['{"a"', ':1', '}\n'], ['{"a":1}']],
    ['an unfinished line waits', ['a\nb'], ['a']],
    ['empty lines are none', ['\n\na\n'], ['a']],
    ['characters of several bytes', ['ä\nü', '\n'], ['ä', 'ü']],
  ])('%s', (_name, chunks, expected) => {
    const lines: string[] = [];
    const read = lineReader((line) => lines.push(line));
    for (const chunk of chunks) for (const byte of Buffer.from(chunk)) read(Buffer.from([byte]));
    expect(lines).toEqual(expected);
    const whole: string[] = [];
    for (const chunk of chunks) lineReader((line) => whole.push(line))(Buffer.from(chunk));
    expect(whole.length).toBeLessThanOrEqual(expected.length);
  });
});

describe('processStat', () => {
  it('knows this process, by pid and start time', () => {
    const stat = processStat(process.pid);
    expect(stat).toMatchObject({ pid: process.pid, parent: process.ppid });
    expect(isAlive(process.pid, stat?.startTime ?? 0)).toBe(true);
    expect(isAlive(process.pid, (stat?.startTime ?? 0) + 1)).toBe(false);
  });
  it('knows none that is not there', () => {
    expect(processStat(0x7fffffff)).toBeNull();
  });
});
