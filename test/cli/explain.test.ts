import { describe, expect, it } from 'vitest';
import { choiceSequence } from '../../topology/services/proxy/schedulers.ts';
import { runCli } from './run-cli.ts';

const explain = async (...words: readonly string[]): ReturnType<typeof runCli> => runCli(['explain', 'scheduler', ...words]);
/** The row of a scheduler. */
const row = (stdout: string, name: string): string => stdout.split('\n').find((line) => line.startsWith(`${name} `)) ?? '';

describe('cnilab explain scheduler', () => {
  it('shows all of them side by side', async () => {
    const { code, stdout } = await explain();
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe('client  1 2 3 4 1 2 3 4 1 2 3 4  each got');
    expect(row(stdout, 'rr')).toBe('rr      A B C A B C A B C A B C  A 4  B 4  C 4');
    for (const name of ['wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'mh']) expect(row(stdout, name)).not.toBe('');
  });

  it('takes weights, connections that are open, and clients', async () => {
    expect(row((await explain('wrr', '--weights', '3,1,1', '--connections', '5')).stdout, 'wrr')).toBe('wrr     A A A B C  A 3  B 1  C 1');
    expect(row((await explain('lc', '--active', '2,0', '--weights', '1,1', '--connections', '4')).stdout, 'lc')).toBe('lc      B B A B  A 1  B 3');
    expect(row((await explain('rr', '--weights', '0,0', '--connections', '2')).stdout, 'rr')).toBe('rr      - -  A 0  B 0');
    const { stdout } = await explain('sh', '--clients', '1', '--connections', '6');
    expect(new Set(row(stdout, 'sh').split('  ')[2]?.trim().split(' ')).size).toBe(1);
  });

  it('is the model, as JSON', async () => {
    const { stdout } = await explain('sh', '--json');
    const said = JSON.parse(stdout) as {
      readonly endpoints: readonly { readonly weight: number }[];
      readonly connections: readonly { readonly source: string; readonly destination: string }[];
      readonly sequences: readonly { readonly scheduler: string; readonly choices: readonly number[] }[];
    };
    expect(said.sequences).toEqual([{ scheduler: 'sh', choices: choiceSequence('sh', said.endpoints, said.connections) }]);
  });

  it.each([
    [['nope'], /no scheduler nope/],
    [['rr', '--weights', 'a'], /--weights a/],
    [['rr', '--weights', '1', '--active', '1,1'], /--active names 2 endpoints of 1/],
    [['rr', '--connections', '99'], /at most 26/],
  ] as const)('%j is refused', async (words, said) => {
    const { code, stderr } = await explain(...words);
    expect(code).toBe(2);
    expect(stderr).toMatch(said);
  });
});
