/** argv → command, operands and options; every mistake is a USAGE error with the nearest word and the usage line. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { LabError } from '../topology/errors.ts';
import { commandGroups, commandNames, commands, globalOptions, type CommandName, type OptionRow } from './command-table.ts';
import { impliedMember, usageOf } from './help.ts';
import { usageError, type OptionValue } from './invocation.ts';

export interface ParsedCommand {
  readonly command: CommandName;
  readonly operands: readonly string[];
  readonly options: Readonly<Record<string, OptionValue>>;
}

/** Parses; throws LabError USAGE. */
export function parseArguments(argv: readonly string[]): ParsedCommand {
  let parsed: ParsedCommand | undefined;
  const program = quiet(new Command('cnilab'));
  for (const row of globalOptions) program.addOption(option(row));
  const groups = new Map(Object.entries(commandGroups).map(([name]) => [name, quiet(program.command(name))]));
  for (const name of commandNames) {
    const [first = '', second] = name.split(' ');
    const command = quiet(
      (second === undefined ? program : (groups.get(first) ?? program)).command(second ?? first, { isDefault: commands[name].implied === true }),
    );
    for (const argument of commands[name].arguments) command.argument(argument.name);
    for (const row of commands[name].options) command.addOption(option(row));
    command.action(() => {
      parsed = {
        command: name,
        operands: command.processedArgs.flat().filter((value): value is string => typeof value === 'string'),
        options: command.optsWithGlobals(),
      };
    });
  }
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) throw asUsageError(error, argv);
    throw error;
  }
  if (parsed === undefined) throw usageError('no command', 'cnilab --help lists the commands');
  return parsed;
}

/** Help is answered elsewhere; errors are thrown, never printed by commander. */
function quiet(command: Command): Command {
  return command
    .helpOption(false)
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
}

function option(row: OptionRow): Option {
  const made = new Option(row.flags, row.summary);
  if (row.value === 'repeated') made.argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]);
  else if (row.value !== undefined && row.value !== 'text') made.argParser((text: string) => readValue(text, row));
  else if (row.choices !== undefined) made.choices(row.choices);
  return made;
}

/** The longest timer that Node keeps, in seconds. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

function readValue(text: string, row: OptionRow): string | number | readonly string[] {
  const amount = Number(text);
  switch (row.value) {
    case 'integer':
    case 'milliseconds':
      if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
      return amount;
    case 'seconds':
      if (!/^\d+(\.\d+)?$/.test(text) || amount <= 0 || amount > MAX_SECONDS)
        throw new InvalidArgumentError(`It must be a number of seconds above 0, at most ${String(MAX_SECONDS)}.`);
      return amount;
    case 'list': {
      const items = text
        .split(',')
        .map((item) => item.trim().toLowerCase())
        .filter((item) => item !== '');
      const strange = items.filter((item) => row.choices !== undefined && !row.choices.includes(item));
      if (items.length === 0 || strange.length > 0)
        throw new InvalidArgumentError(`${strange.length > 0 ? `${strange.join(', ')} is not known. ` : ''}Allowed: ${(row.choices ?? []).join(', ')}.`);
      return [...new Set(items)];
    }
    case 'regex':
      return readRegex(text);
    case 'text':
    case 'repeated':
    case undefined:
    default:
      return text;
  }
}

function readRegex(text: string): string {
  try {
    return new RegExp(text).source;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : 'It is no regular expression.');
  }
}

function asUsageError(error: CommanderError, argv: readonly string[]): LabError {
  const words = argv.filter((word) => !word.startsWith('-'));
  const name =
    commandNames.find((known) => known === `${words[0] ?? ''} ${words[1] ?? ''}`) ??
    commandNames.find((known) => known === words[0]) ??
    impliedMember(words[0] ?? '');
  const usage = name === undefined ? '`cnilab --help` lists the commands' : `usage: cnilab ${usageOf(name)}`;
  if (error.code === 'commander.help') {
    const group = words[0] === undefined || !(words[0] in commandGroups) ? undefined : words[0];
    return usageError(
      group === undefined ? 'no command' : `${group}: no command`,
      group === undefined ? usage : `\`cnilab ${group} --help\` lists its commands`,
    );
  }
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /\(Did you mean (?:one of )?(.*)\?\)/.exec(rest.join(' '))?.[1];
  const dashes = name === 'exec' && error.code === 'commander.unknownOption' && !argv.includes('--') ? 'put -- before the program; ' : '';
  return usageError(message, `${suggestion === undefined ? '' : `did you mean ${suggestion}? `}${dashes}${usage}`);
}
