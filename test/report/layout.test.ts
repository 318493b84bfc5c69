import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { age } from '../../report/state-text.ts';
import { count, counted, duration, latency, printable, table, textWidth, visibleWidth, wrap } from '../../report/layout.ts';
import { colorWanted, createStyle, unicodeWanted } from '../../report/style.ts';

describe('layout', () => {
  it('aligns columns by what is seen, not by colour codes', () => {
    const { fail } = createStyle({ color: true, unicode: true });
    expect(
      table(
        ['a', 'n'],
        [
          [fail('long'), '5'],
          ['x', '12'],
        ],
        { indent: 1, right: [1] },
      ).map(stripVTControlCharacters),
    ).toEqual([' a      n', ' long   5', ' x     12']);
    expect(visibleWidth(fail('→ two'))).toBe(5);
  });

  it('wraps at spaces and keeps a long word whole', () => {
    expect(wrap('one two three', 8, 2)).toEqual(['one two', '  three']);
    expect(wrap('a verylongcommandindeed b', 6)).toEqual(['a', 'verylongcommandindeed', 'b']);
  });

  it.each([
    [0.42, '0.4 ms'],
    [12.4, '12 ms'],
    [999, '999 ms'],
    [1420, '1.4 s'],
    [125_000, '2 min 5 s'],
    [59_990, '1 min 0 s'],
  ])('%d ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('says numbers, counts and latencies', () => {
    expect([count(999_000), count(12), counted(1, 'pair'), counted(2, 'pair'), counted(2, 'address', 'addresses')]).toEqual([
      '999 000',
      '12',
      '1 pair',
      '2 pairs',
      '2 addresses',
    ]);
    expect([latency(61, 'µs'), latency(1500, 'µs'), latency(2_000_000, 'µs')]).toEqual(['61 µs', '1.5 ms', '2.0 s']);
    expect([age(5000), age(600_000), age(4 * 3_600_000), age(3 * 86_400_000), age(Number.NaN)]).toEqual(['5 s', '10 min', '4 h', '3 days', '?']);
  });

  it('bounds the width', () => {
    expect([textWidth(undefined), textWidth(0), textWidth(10), textWidth(80), textWidth(400)]).toEqual([100, 100, 40, 80, 100]);
  });

  it('takes the power out of control characters', () => {
    expect(printable('a\u001B[2Jb\r\tc\nd\u009B')).toBe('a\uFFFD[2Jb\uFFFD\tc\nd\uFFFD');
  });
});

describe('style', () => {
  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: '', NO_COLOR: '1' }, false, true],
    [{ TERM: 'dumb' }, true, false],
  ])('colour for %j on a terminal: %s → %s', (env, isTTY, wanted) => {
    expect(colorWanted(env, isTTY)).toBe(wanted);
  });

  it.each([
    [{ LANG: 'en_US.UTF-8' }, true],
    [{ LANG: 'C' }, false],
    [{ LC_ALL: 'C', LANG: 'C.UTF-8' }, false],
    [{ LC_CTYPE: 'C.utf8', LANG: 'C' }, true],
    [{}, true],
    [{ TERM: 'linux', LANG: 'C.UTF-8' }, false],
  ])('UTF-8 for %j: %s', (env, wanted) => {
    expect(unicodeWanted(env)).toBe(wanted);
  });
});
