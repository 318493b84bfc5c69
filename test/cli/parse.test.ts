import { readFileSync, readdirSync } from 'node:fs';
import { Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { commandNames, commands, globalOptions } from '../../cli/command-table.ts';
import { parseArguments } from '../../cli/parse.ts';
import { LabError } from '../../topology/errors.ts';

function refused(...argv: string[]): LabError {
  try {
    parseArguments(argv);
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  throw new Error(`${argv.join(' ')} was not refused`);
}

describe('parseArguments', () => {
  it('reads operands, options and global options wherever they stand', () => {
    expect(parseArguments(['-q', 'verify', 'three', '--attempts', '5', '--protocol', 'udp,TCP,udp', '--timeout', '2.5', '--only', '^r1'])).toEqual({
      command: 'verify',
      operands: ['three'],
      options: { quiet: true, attempts: 5, protocol: ['udp', 'tcp'], timeout: 2.5, only: '^r1' },
    });
  });

  it('leaves everything after -- to the program of exec', () => {
    expect(parseArguments(['exec', 'three', 'worker1', '--json', '--', 'ip', '-json', '--', 'route', '--help'])).toEqual({
      command: 'exec',
      operands: ['three', 'worker1', 'ip', '-json', '--', 'route', '--help'],
      options: { json: true },
    });
  });

  it('knows the members of a group', () => {
    expect(parseArguments(['fault', 'inject', 'three', 'stale-fdb', '--node', 'worker1'])).toMatchObject({
      command: 'fault inject',
      operands: ['three', 'stale-fdb'],
      options: { node: 'worker1' },
    });
    expect(parseArguments(['validate', 'a.ts', 'b.ts']).operands).toEqual(['a.ts', 'b.ts']);
    expect(parseArguments(['fault', 'list']).operands).toEqual([]);
  });

  it.each([
    [['verfy', 'three'], /unknown command 'verfy'/, /did you mean verify/],
    [['verify', 'three', '--protcol', 'tcp'], /unknown option '--protcol'/, /did you mean --protocol/],
    [['up', 'x.ts', '--jsn'], /unknown option '--jsn'/, /did you mean --json/],
    [['fault', 'injct', 'x', 'y'], /unknown command 'injct'/, /did you mean inject/],
    [['fault'], /fault: no command/, /cnilab fault --help/],
    [['up'], /missing required argument 'file'/, /usage: cnilab up <file>/],
    [['ls', 'three'], /too many arguments/, /usage: cnilab ls/],
    [['exec', 'three', 'worker1'], /missing required argument 'argv'/, /-- <argv...>/],
    [['exec', 'three', 'worker1', 'ip', '-br', 'addr'], /unknown option '-br'/, /put -- before the program/],
    [['verify', 'x', '--profile', 'loose'], /argument 'loose' is invalid.*classic, current, strict/, /usage/],
    [['verify', 'x', '--attempts', '0'], /whole number above 0/, /usage/],
    [['verify', 'x', '--attempts', '1e3'], /whole number above 0/, /usage/],
    [['verify', 'x', '--protocol', 'tcp,sctp'], /sctp is not known.*tcp, udp, icmp/, /usage/],
    [['verify', 'x', '--family', ','], /Allowed: ipv4, ipv6/, /usage/],
    [['verify', 'x', '--only', '('], /Unterminated group/, /usage/],
    [['ls', '--timeout', '-1'], /number of seconds above 0/, /usage/],
    [['ls', '--timeout', '99999999'], /at most 2147483/, /usage/],
    [['ls', '--timeout'], /argument missing/, /usage/],
  ])('refuses %j', (argv, message, hint) => {
    const error = refused(...argv);
    expect(error.code).toBe('USAGE');
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });
});

describe('options', () => {
  const known = new Set(
    [...globalOptions, ...commandNames.flatMap((name) => commands[name].options)].map(({ flags, summary }) => new Option(flags, summary).attributeName()),
  );
  const folder = new URL('../../cli/commands/', import.meta.url);
  const read = readdirSync(folder).flatMap((file) =>
    [...readFileSync(new URL(file, folder), 'utf8').matchAll(/\b(?:flag|(?:text|number|list)Option)\(\s*\w+,\s*'([^']*)'|\boptions\['([^']*)'\]/g)].map(
      ([, called = '', indexed = '']) => ({ file, name: called + indexed }),
    ),
  );

  it('are read by the names that they are parsed into', () => {
    expect(read.length).toBeGreaterThan(40);
    expect(read.filter(({ name }) => !known.has(name))).toEqual([]);
  });
});
