/** Completion scripts for bash, zsh and fish, made from the command table. Names of labs are read from the state directory, without starting Node. */
import { commandGroups, commandNames, commands, globalOptions, type CommandName, type OptionRow } from './command-table.ts';
import { impliedMember } from './help.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function isShell(word: string): word is Shell {
  return shells.some((shell) => shell === word);
}

/** The script for a shell, to be sourced. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bash();
    case 'zsh':
      return zsh();
    case 'fish':
      return fish();
  }
}

const helpOption: OptionRow = { flags: '-h, --help', summary: 'help, with examples' };
const LABS_DIRECTORY = '"${XDG_STATE_HOME:-$HOME/.local/state}/cnilab/labs"';

function optionsOf(name: CommandName): readonly OptionRow[] {
  return [...commands[name].options, ...globalOptions, helpOption];
}

/** `-q, --quiet` → ['-q', '--quiet'] */
function words(option: OptionRow): string[] {
  return option.flags.replace(/ <.*$/, '').split(', ');
}

function topWords(): string[] {
  return [...new Set(commandNames.map((name) => name.split(' ')[0] ?? name))];
}

function members(group: string): CommandName[] {
  return commandNames.filter((name) => name.startsWith(`${group} `));
}

function summaryOf(word: string): string {
  return new Map<string, string>([...Object.entries(commandGroups), ...commandNames.map((name) => [name, commands[name].summary] as const)]).get(word) ?? '';
}

/** What the operands of a command complete to; the last row also stands for the operands after it. */
function operandKinds(name: CommandName): string[] {
  return commands[name].arguments.map(({ completes }) => (completes === undefined ? 'none' : typeof completes === 'string' ? completes : completes.join(' ')));
}

function memberWords(group: string): string[] {
  return members(group).map((name) => name.slice(group.length + 1));
}

function bashGroup(group: string): string {
  const implied = impliedMember(group);
  const own = memberWords(group).join(' ');
  return implied === undefined
    ? `    ${group})
      if [ "$COMP_CWORD" -eq 2 ]; then
        COMPREPLY=($(compgen -W '${own}' -- "$current")); return
      fi
      command="$command \${COMP_WORDS[2]}"; first=3 ;;`
    : `    ${group})
      if [ "$COMP_CWORD" -eq 2 ]; then also='${own}'; fi
      if [ "$COMP_CWORD" -gt 2 ] && [[ ' ${own} ' == *" \${COMP_WORDS[2]} "* ]]; then
        command="$command \${COMP_WORDS[2]}"; first=3
      else
        command='${implied}'
      fi ;;`;
}

function bash(): string {
  const cases = commandNames.map((name) => {
    const kinds = operandKinds(name)
      .map((kind) => `'${kind}'`)
      .join(' ');
    return `    '${name}') options='${optionsOf(name).flatMap(words).join(' ')}'; kinds=(${kinds}) ;;`;
  });
  // Options of one name take other values with another command.
  const values = commandNames.flatMap((name) =>
    optionsOf(name).flatMap((option) => {
      const word = words(option)
        .map((one) => `'${name} ${one}'`)
        .join('|');
      return option.choices !== undefined
        ? [`    ${word}) COMPREPLY=($(compgen -W '${option.choices.join(' ')}' -- "$current")); return ;;`]
        : option.completes === 'file'
          ? [`    ${word}) compopt -o default; return ;;`]
          : option.value !== undefined
            ? [`    ${word}) return ;;`]
            : [];
    }),
  );
  return `# bash completion for cnilab: source <(cnilab completion bash)
_cnilab_labs() { ls ${LABS_DIRECTORY} 2>/dev/null; }
_cnilab() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="\${COMP_WORDS[1]}" first=2 options='' kinds=() also=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${[...topWords(), 'help', '--help', '--version'].join(' ')}' -- "$current")); return
  fi
  case "$command" in
${Object.keys(commandGroups).map(bashGroup).join('\n')}
  esac
  case "$command $previous" in
${values.join('\n')}
  esac
  case "$command" in
${cases.join('\n')}
    *) return ;;
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current")); return
  fi
  local index=0 word
  for word in "\${COMP_WORDS[@]:first:COMP_CWORD-first}"; do
    [ "$word" = -- ] && { compopt -o default; return; }
    [[ "$word" == -* ]] || index=$((index + 1))
  done
  [ "\${#kinds[@]}" -eq 0 ] && return
  [ "$index" -ge "\${#kinds[@]}" ] && index=$((\${#kinds[@]} - 1))
  case "\${kinds[index]}" in
    none) ;;
    file) compopt -o default ;;
    directory) compopt -o dirnames ;;
    lab) COMPREPLY=($(compgen -W "$(_cnilab_labs)" -- "$current")) ;;
    file-or-lab) compopt -o default; COMPREPLY=($(compgen -W "$(_cnilab_labs)" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "\${kinds[index]}" -- "$current")) ;;
  esac
  COMPREPLY+=($(compgen -W "$also" -- "$current"))
}
complete -F _cnilab cnilab
`;
}

/** Quoted for zsh's _arguments: brackets and colons mean something there. */
function zshText(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, (sign) => `\\${sign}`);
}

function zshAction(completes: string | undefined): string {
  switch (completes) {
    case undefined:
    case 'none':
      return ' ';
    case 'file':
      return '_files';
    case 'directory':
      return '_files -/';
    case 'lab':
      return '_cnilab_labs';
    case 'file-or-lab':
      return '_cnilab_files_or_labs';
    default:
      return `(${completes})`;
  }
}

function zshArguments(name: CommandName): string {
  const options = optionsOf(name).flatMap((option) =>
    words(option).map((word) => {
      const value = /<(.*)>/.exec(option.flags)?.[1];
      const action = option.choices !== undefined ? `(${option.choices.join(' ')})` : option.completes === 'file' ? '_files' : ' ';
      return `'${word}[${zshText(option.summary)}]${value === undefined ? '' : `:${value}:${action}`}'`;
    }),
  );
  const operands = commands[name].arguments.map(
    ({ name: shown, summary }, i) => `'${shown.includes('...') ? '*' : String(i + 1)}:${zshText(summary)}:${zshAction(operandKinds(name)[i])}'`,
  );
  return `_arguments ${[...options, ...operands].join(' \\\n        ')}`;
}

function zsh(): string {
  const described = (names: readonly (readonly [string, string])[]): string => names.map(([word, summary]) => `'${word}:${zshText(summary)}'`).join(' ');
  const groupCases = Object.keys(commandGroups).map((group) => {
    const implied = impliedMember(group);
    const into = 'command="$command $words[2]"; shift words; (( CURRENT-- ))';
    return `    ${group})
      if (( CURRENT == 2 )); then
        local -a members=(${described(members(group).map((name) => [name.slice(group.length + 1), commands[name].summary]))})
        _describe -t commands command members${implied === undefined ? '; return' : ''}
      fi
      ${implied === undefined ? into : `if (( CURRENT > 2 )) && [[ "$words[2]" == (${memberWords(group).join('|')}) ]]; then ${into}; else command='${implied}'; fi`} ;;`;
  });
  return `#compdef cnilab
# zsh completion for cnilab: cnilab completion zsh > "\${fpath[1]}/_cnilab"
_cnilab_labs() { local -a labs=(\${(f)"$(ls ${LABS_DIRECTORY} 2>/dev/null)"}); _describe -t labs lab labs; }
_cnilab_files_or_labs() { _cnilab_labs; _files; }
_cnilab() {
  if (( CURRENT == 2 )); then
    local -a names=(${described(topWords().map((word) => [word, summaryOf(word)]))})
    _describe -t commands command names; return
  fi
  local command="$words[2]"
  shift words; (( CURRENT-- ))
  case "$command" in
${groupCases.join('\n')}
  esac
  case "$command" in
${commandNames.map((name) => `    '${name}')\n      ${zshArguments(name)} ;;`).join('\n')}
  esac
}
if [ "$funcstack[1]" = _cnilab ]; then _cnilab "$@"; else compdef _cnilab cnilab; fi
`;
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** Of the member that a group means where none is named: no other is. */
function fishCondition(name: CommandName): string {
  const [group = '', member] = name.split(' ');
  const seen = `__fish_seen_subcommand_from ${group}`;
  if (member === undefined) return seen;
  if (commands[name].implied !== true) return `${seen}; and __fish_seen_subcommand_from ${member}`;
  const others = memberWords(group).filter((word) => word !== member);
  return `${seen}; and not __fish_seen_subcommand_from ${others.join(' ')}`;
}

function fish(): string {
  const lines = [
    '# fish completion for cnilab: cnilab completion fish > ~/.config/fish/completions/cnilab.fish',
    'function __cnilab_labs',
    '  set -l state $XDG_STATE_HOME',
    '  test -n "$state"; or set state ~/.local/state',
    '  command ls $state/cnilab/labs 2>/dev/null',
    'end',
    'complete -c cnilab -f',
    ...topWords().map((word) => `complete -c cnilab -n __fish_use_subcommand -a ${word} -d ${fishText(summaryOf(word))}`),
  ];
  for (const group of Object.keys(commandGroups)) {
    const seen = memberWords(group);
    for (const name of members(group)) {
      lines.push(
        `complete -c cnilab -n '__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${seen.join(' ')}' -a ${name.slice(group.length + 1)} -d ${fishText(commands[name].summary)}`,
      );
    }
  }
  for (const name of commandNames) {
    const condition = `-n '${fishCondition(name)}'`;
    for (const option of optionsOf(name)) {
      const names = words(option)
        .map((word) => (word.startsWith('--') ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`))
        .join(' ');
      const value =
        option.choices !== undefined
          ? ` -x -a ${fishText(option.choices.join(' '))}`
          : option.completes === 'file'
            ? ' -r -F'
            : option.value !== undefined
              ? ' -x'
              : '';
      lines.push(`complete -c cnilab ${condition} ${names}${value} -d ${fishText(option.summary)}`);
    }
    for (const kind of new Set(operandKinds(name))) {
      if (kind === 'file' || kind === 'file-or-lab') lines.push(`complete -c cnilab ${condition} -F`);
      if (kind === 'lab' || kind === 'file-or-lab') lines.push(`complete -c cnilab ${condition} -a '(__cnilab_labs)'`);
      if (kind === 'directory') lines.push(`complete -c cnilab ${condition} -a '(__fish_complete_directories)'`);
      if (name === 'completion') lines.push(`complete -c cnilab ${condition} -a ${fishText(kind)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
