import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesOf, matchShown } from '../../../verify/lesson/shown.ts';

describe('what a lesson shows', () => {
  it.each([
    [['default via 10.0.0.1 dev eth0'], 'default via 10.0.0.1 dev eth0 \n'],
    [['a b'], '  a \t b'],
    [['64 bytes from …: icmp_seq=1 ttl=64 time=… ms'], '64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.041 ms'],
    [['eth0@… mtu 1500'], 'eth0@if12: <UP> mtu 1500'],
    [['dev … scope link'], 'dev scope link'],
    [['… scope link'], 'scope link'],
    [['dev …'], 'dev'],
    [['(1.2.3.4) a+b?'], '(1.2.3.4) a+b?'],
    [['…'], ''],
    [[], '\n\n'],
    [['first', '…', 'last'], 'first\nlast'],
    [['first', '…', 'last'], 'first\nlast\nmore\nlast'],
    [['…', 'b', '…'], 'a\nb\nc'],
    [['a', '', 'b'], 'a\n\nb'],
  ])('%j is what came', (shown, output) => {
    expect(matchShown(shown, output)).toBeNull();
  });

  it.each([
    [['a'], 'b', { expected: 'a', seen: 'b' }],
    [['a'], '', { expected: 'a', seen: null }],
    [['a'], 'a\nb', { expected: null, seen: 'b' }],
    [[], 'a', { expected: null, seen: 'a' }],
    [['a', 'c'], 'a\nb\nc', { expected: 'c', seen: 'b' }],
    [['…', 'c'], 'a\nc\nb', { expected: null, seen: 'b' }],
    [['…', 'x', '…'], 'a\nb', { expected: 'x', seen: 'a' }],
    [['1.2.3.4'], '1x2x3x4', { expected: '1.2.3.4', seen: '1x2x3x4' }],
    [['dev … scope'], 'devil scope', { expected: 'dev … scope', seen: 'devil scope' }],
    [['a', 'a'], 'a', { expected: 'a', seen: null }],
  ])('%j is not %j', (shown, output, mismatch) => {
    expect(matchShown(shown, output)).toEqual(mismatch);
  });

  const lines = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '.', '(', '\\', '$'), maxLength: 6 }), { maxLength: 8 });
  it('is met by itself, whatever it holds, and not by a line more', () => {
    fc.assert(
      fc.property(lines, (all) => {
        const output = all.join('\n');
        expect(matchShown(linesOf(output), output)).toBeNull();
        expect(matchShown(linesOf(output), [...linesOf(output), 'more'].join('\n'))).toEqual({ expected: null, seen: 'more' });
      }),
    );
  });

  it('is met by itself with any lines made one …', () => {
    fc.assert(
      fc.property(lines, lines, lines, (before, gone, after) => {
        expect(matchShown([...before, '…', ...after, 'end'], [...before, ...gone, ...after, 'end'].join('\n'))).toBeNull();
      }),
    );
  });
});
