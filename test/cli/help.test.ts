import { describe, expect, it } from 'vitest';
import { commandNames, commands } from '../../cli/command-table.ts';
import { engines } from '../../engines/registry.ts';
import { helpTopic } from '../../cli/help.ts';
import { parseArguments } from '../../cli/parse.ts';
import { runCli } from './run-cli.ts';

describe('help', () => {
  it('of the program names every command and exit code', async () => {
    const { code, stdout, stderr } = await runCli(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const name of commandNames) expect(stdout).toMatch(new RegExp(`^  ${name.split(' ')[0] ?? ''} `, 'm'));
    for (const exit of [0, 1, 2, 3, 4, 5, 6, 70, 130, 143]) expect(stdout).toMatch(new RegExp(`^  ${String(exit)} `, 'm'));
    await expect(stdout).toMatchFileSnapshot('golden/help.txt');
  });

  it.each(commandNames)('of %s has usage, every option and examples that parse', async (name) => {
    const { code, stdout } = await runCli([...name.split(' '), '--help']);
    expect(code).toBe(0);
    // The word of a group that need not be typed is left out.
    const typed = commands[name].implied === true ? (name.split(' ')[0] ?? name) : name;
    expect(stdout).toContain(`Usage: cnilab ${typed}`);
    for (const option of commands[name].options) expect(stdout).toContain(option.flags);
    expect(stdout).toContain('--timeout <seconds>');
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
    for (const example of commands[name].examples) {
      expect(stdout).toContain(example);
      const argv = example
        .replace(/^source <\((.*)\)$/, '$1')
        .replace(/ > .*$/, '')
        .split(' ')
        .slice(1);
      expect(parseArguments(argv).command).toBe(name);
    }
    expect((await runCli(['help', ...name.split(' ')])).stdout).toBe(stdout);
  });

  it('offers the engines that there are', () => {
    expect(commands.up.options.find((option) => option.flags.startsWith('--engine'))?.choices).toEqual(Object.keys(engines));
  });

  it('of a group lists its members', async () => {
    expect((await runCli(['fault', '--help'])).stdout).toMatch(/fault list[^]*fault inject[^]*fault undo/);
  });

  it.each([
    [['--help'], ''],
    [['-h'], ''],
    [['help'], ''],
    [['up', '-h'], 'up'],
    [['up', 'x.ts', '--json', '--help'], 'up'],
    [['help', 'fault', 'list'], 'fault list'],
    [['fault', '-h'], 'fault'],
    [['up', 'x.ts'], undefined],
    [['exec', 'a', 'b', '--', 'ip', '--help'], undefined],
    [['nonsense', '--help'], undefined],
  ])('%j asks for %j', (argv, topic) => {
    expect(helpTopic(argv)).toBe(topic);
  });
});
