/** Help texts, made from the command table alone so that `--help` loads nothing else. */
import { commandGroups, commandNames, commands, globalOptions, type CommandName, type GroupName, type OptionRow } from './command-table.ts';
import { exitCodeMeanings, exitCodes } from './exit-codes.ts';

/** A command, a group of commands, or '' for the program. */
export type HelpTopic = CommandName | GroupName | '';

/**
 * What help is asked for; undefined when argv does not ask for help, or for something unknown.
 * @example helpTopic(['up', '--help']) // 'up'
 */
export function helpTopic(argv: readonly string[]): HelpTopic | undefined {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  if (words[0] !== 'help' && !words.includes('--help') && !words.includes('-h')) return undefined;
  const [first = '', second = ''] = words.filter((word, i) => !word.startsWith('-') && !(i === 0 && word === 'help'));
  if (first === '') return '';
  return (
    commandNames.find((name) => name === `${first} ${second}`) ??
    commandNames.find((name) => name === first) ??
    (second === '' ? groupNamed(first) : impliedMember(first))
  );
}

/** The command that a group means where no member is named; undefined where it means none. */
export function impliedMember(group: string): CommandName | undefined {
  return commandNames.find((name) => name.startsWith(`${group} `) && commands[name].implied === true);
}

/** Help for a topic, ending with a newline. */
export function renderHelp(topic: HelpTopic): string {
  if (topic === '') return programHelp();
  const name = commandNames.find((known) => known === topic);
  return name === undefined ? groupHelp(topic) : commandHelp(name);
}

function groupNamed(word: string): GroupName | undefined {
  return (Object.keys(commandGroups) as GroupName[]).find((group) => group === word);
}

function programHelp(): string {
  const shown: (readonly [string, string])[] = commandNames.filter((name) => !name.includes(' ')).map((name) => [name, commands[name].summary]);
  shown.splice(-1, 0, ...Object.entries(commandGroups));
  return text([
    'cnilab: Kubernetes network labs, planned, brought up and proven.',
    'New here: `cnilab labs` lists labs that teach, in order; begin with `cnilab up switch`.',
    '',
    'Usage: cnilab <command> [options]',
    '',
    'Commands:',
    ...columns(shown),
    '',
    'Options of every command:',
    ...optionLines(globalOptions),
    ...columns([
      ['-h, --help', 'help, with examples'],
      ['-V, --version', 'print the version'],
    ]),
    '',
    'Exit codes:',
    ...columns((Object.keys(exitCodes) as (keyof typeof exitCodes)[]).map((key) => [String(exitCodes[key]), exitCodeMeanings[key]])),
    '',
    'Start:',
    '  cnilab labs',
    '  cnilab init my-lab',
    '  cnilab up my-lab/lab.ts --verify',
    '  cnilab <command> --help',
  ]);
}

function groupHelp(group: string): string {
  const members = commandNames.filter((name) => name.startsWith(`${group} `));
  return text([
    `cnilab ${group}: ${new Map<string, string>(Object.entries(commandGroups)).get(group) ?? ''}`,
    '',
    `Usage: cnilab ${group} <command> [options]`,
    '',
    'Commands:',
    ...columns(members.map((name) => [usageOf(name), commands[name].summary])),
    '',
    'Examples:',
    ...members.flatMap((name) => commands[name].examples.slice(0, 1)).map((line) => `  ${line}`),
  ]);
}

function commandHelp(name: CommandName): string {
  const row = commands[name];
  return text([
    `cnilab ${name}: ${row.summary}`,
    '',
    `Usage: cnilab ${usageOf(name)}`,
    ...(row.details === undefined ? [] : ['', ...fill(row.details, 98)]),
    ...(row.arguments.length === 0 ? [] : ['', 'Arguments:', ...columns(row.arguments.map((a) => [a.name, a.summary]))]),
    ...(row.options.length === 0 ? [] : ['', 'Options:', ...optionLines(row.options)]),
    '',
    'Options of every command:',
    ...optionLines(globalOptions),
    '',
    'Examples:',
    ...row.examples.map((line) => `  ${line}`),
  ]);
}

/** `exec <lab> <target> -- <argv...>` */
export function usageOf(name: CommandName): string {
  const row = commands[name];
  const words = row.arguments.map((a) => (a.name === '<argv...>' ? `-- ${a.name}` : a.name));
  return [row.implied === true ? (name.split(' ')[0] ?? name) : name, ...words, ...(row.options.length > 0 ? ['[options]'] : [])].join(' ');
}

function optionLines(options: readonly OptionRow[]): string[] {
  return columns(
    options.map(
      (o) =>
        [
          o.flags,
          o.choices === undefined || o.choices.every((c) => o.summary.includes(c)) ? o.summary : `${o.summary}; one of ${o.choices.join(', ')}`,
        ] as const,
    ),
  );
}

const LEFT = 22;

function columns(rows: readonly (readonly [string, string])[]): string[] {
  return rows.flatMap(([left, right]) => {
    const lines = fill(right, 98 - LEFT - 2);
    if (left.length > LEFT) return [`  ${left}`, ...lines.map((line) => ' '.repeat(LEFT + 4) + line)];
    return lines.map((line, i) => `  ${(i === 0 ? left : '').padEnd(LEFT)}  ${line}`);
  });
}

function fill(paragraph: string, width: number): string[] {
  const lines = [''];
  for (const word of paragraph.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
