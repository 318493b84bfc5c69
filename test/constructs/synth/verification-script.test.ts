import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { PROBE_SCRIPT } from '../../../constructs/synth/verification/probe-script.ts';
import { AGNHOST_TOOLS } from '../../agnhost-tools.ts';

/** Reserved words and built-in utilities of a POSIX shell, as far as a script may use them. */
const SHELL: ReadonlySet<string> = new Set(
  (
    'if then elif else fi for in while until do done case esac break continue return exit trap ' +
    'eval exec export printf read set unset wait kill true false test command'
  ).split(' '),
);

/** Every word that stands where a shell looks for a command, and is neither of the shell nor a function of the script. */
function programs(script: string): readonly string[] {
  const code = script
    .replaceAll(/^\s*#.*$/gm, '')
    .replaceAll(/'[^']*'/g, "''")
    .replaceAll(/\$\(\(.*?\)\)/g, '0')
    .replaceAll(/\\\n/g, ' ');
  const functions = new Set([...code.matchAll(/^([a-z_]+)\(\)/gm)].map((match) => match[1]));
  // A pattern of `case` ends in `)` and may have `|` in it.
  const bodies = code.replaceAll(/^(\s*)\(?[^\n$(){]*\)(?=\s|$)/gm, '$1');
  const commands = bodies.matchAll(/(?:^|[|&;({])[ \t]*(?:(?:if|then|elif|else|do|while|until|!)[ \t]+)*([a-z][a-z0-9_-]*)(?=[\s;)]|$)/gm);
  return [...new Set([...commands].map((match) => match[1] ?? ''))].filter((word) => !SHELL.has(word) && !functions.has(word)).toSorted();
}

describe('the probe script', () => {
  it('uses no program that the agnhost image lacks', () => {
    const used = programs(PROBE_SCRIPT);
    expect(used.filter((program) => !AGNHOST_TOOLS.includes(program))).toEqual([]);
    expect(used).toEqual(expect.arrayContaining(['bash', 'mkfifo', 'sleep']));
    expect(PROBE_SCRIPT).toMatch(/"\$curl" -q.*\n/);
  });

  it('is looked through by a test that sees a program which is not there', () => {
    const strange = (line: string): readonly string[] => programs(`${PROBE_SCRIPT}\n${line}\n`).filter((program) => !AGNHOST_TOOLS.includes(program));
    expect(strange('ping -c 1 10.0.0.1')).toEqual(['ping']);
    expect(strange('x=$(jq . file)')).toEqual(['jq']);
    expect(strange('if python3 -V; then perl; fi')).toEqual(['perl', 'python3']);
  });

  it('is POSIX shell without a word of bash', () => {
    execFileSync('sh', ['-n'], { input: PROBE_SCRIPT });
    expect(PROBE_SCRIPT).not.toMatch(/\[\[|\blocal\b|\bfunction\b|<<<|<\(|&>|\$RANDOM/);
    expect(PROBE_SCRIPT).not.toContain('@{');
    expect(/^[\n\x20-\x7e]*$/.test(PROBE_SCRIPT)).toBe(true);
  });
});
