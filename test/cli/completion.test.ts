import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandNames, commands } from '../../cli/command-table.ts';
import { completionScript, shells, type Shell } from '../../cli/completion.ts';

const present = (shell: Shell): boolean => spawnSync(shell, ['--version'], { stdio: 'ignore' }).error === undefined;

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cnilab-completion-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function written(shell: Shell): string {
  const file = join(directory, shell);
  writeFileSync(file, completionScript(shell));
  return file;
}

/** What bash offers after these words; the last one is being typed. */
function offered(...typed: string[]): string[] {
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cnilab 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['-c', script, 'bash', written('bash'), 'cnilab', ...typed], {
    encoding: 'utf8',
    env: { ...process.env, XDG_STATE_HOME: join(directory, 'state') },
  });
  return out
    .split('\n')
    .filter((word) => word !== '')
    .sort();
}

/** What looks wrong in a script whose shell is not there: quotes, blocks, lines of another shape. */
function oddities(shell: Shell): string {
  const script = completionScript(shell).replaceAll("'\\''", '').replaceAll("\\'", '');
  const count = (pattern: RegExp): number => script.match(pattern)?.length ?? 0;
  const found = [
    count(/'/g) % 2 === 0 ? [] : ['unpaired quote'],
    shell === 'zsh' && count(/\bcase "/g) !== count(/^ *esac$/gm) ? ['case without esac'] : [],
  ].flat();
  const strange = shell === 'fish' ? script.split('\n').filter((line) => line !== '' && !/^(complete -c cnilab |function |end$|#| {2})/.test(line)) : [];
  return [...found, ...strange].join('\n');
}

describe('completion', () => {
  it.each(shells)('%s: names every command and option', (shell) => {
    const script = completionScript(shell);
    for (const name of commandNames) {
      for (const word of name.split(' ')) expect(script).toContain(word);
      for (const option of commands[name].options) expect(script).toContain(option.flags.replace(/ <.*/, '').replace(/.*--/, ''));
    }
  });

  it.each(shells)('%s: is valid, by the shell itself where it is there', (shell) => {
    expect(present(shell) ? spawnSync(shell, ['-n', written(shell)], { encoding: 'utf8' }).stderr : oddities(shell)).toBe('');
  });

  it('bash is there: its script was really checked', () => {
    expect(present('bash')).toBe(true);
  });

  it('offers commands, members, options, values and running labs', () => {
    mkdirSync(join(directory, 'state/cnilab/labs/three'), { recursive: true });
    expect(offered('v')).toEqual(['validate', 'verify']);
    expect(offered('fault', '')).toEqual(['inject', 'list', 'undo']);
    expect(offered('verify', '--pro')).toEqual(['--probe-image', '--profile', '--protocol']);
    expect(offered('verify', 'three', '--profile', '')).toEqual(['classic', 'current', 'strict']);
    expect(offered('up', 'lab.ts', '--engine', '')).toEqual(['kind', 'netns', 'vm']);
    expect(offered('down', '')).toEqual(['three']);
    expect(offered('fault', 'inject', 'th')).toEqual(['three']);
    expect(offered('completion', '')).toEqual(['bash', 'fish', 'zsh']);
    expect(offered('exec', 'three', '')).toEqual([]);
  });

  it('offers the values that an option has with this command', () => {
    expect(offered('synth', 'lab.ts', '--engine', '')).toEqual(['kind', 'vm']);
    expect(offered('up', 'lab.ts', '--engine', '')).toEqual(['kind', 'netns', 'vm']);
    expect(offered('verify', 'three', '--timeout', '')).toEqual([]);
  });

  it('takes the first operand of a group for one of the member that it means where none is named', () => {
    mkdirSync(join(directory, 'state/cnilab/labs/three'), { recursive: true });
    expect(offered('explain', '')).toEqual(['scheduler', 'three', 'way']);
    expect(offered('explain', 'three', '--l')).toEqual(['--live']);
    expect(offered('explain', 'way', 'th')).toEqual(['three']);
    expect(offered('explain', 'scheduler', 'r')).toEqual(['rr']);
    expect(completionScript('zsh')).toContain(`if (( CURRENT > 2 )) && [[ "$words[2]" == (way|scheduler) ]]`);
    expect(completionScript('fish')).toContain(
      "complete -c cnilab -n '__fish_seen_subcommand_from explain; and not __fish_seen_subcommand_from scheduler' -l live",
    );
  });
});
