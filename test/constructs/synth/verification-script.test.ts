import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ENTER } from '../../../constructs/synth/verification/entered.ts';
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

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cnilab-script-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe('a node that probes a share of the others', () => {
  it('probes the same ones whatever it calls before', () => {
    const directory = scratch();
    const tools = join(directory, 'bin');
    mkdirSync(tools);
    // Nothing is sent: every probe fails at once.
    for (const [name, text] of Object.entries({
      curl: 'exit 7',
      nc: 'exit 1',
      ip: 'echo "1.1.1.1 src 127.0.0.1 uid 0"',
      bash: 'echo "write error: Connection refused"',
    })) {
      writeFileSync(join(tools, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(tools, name), 0o755);
    }
    writeFileSync(join(directory, 'targets'), ['a', 'b', 'c'].map((node, index) => `${index}\t${node}\tpod-${node}\t127.0.0.${index + 1}\t-\t-\n`).join(''));
    writeFileSync(join(directory, 'calls'), 'call\ttcp\t127.0.0.1\t7000\t5\n');
    const targetsOf = (calls: string): readonly string[] => {
      const run = spawnSync('sh', ['-c', PROBE_SCRIPT], {
        encoding: 'utf8',
        timeout: 60_000,
        env: {
          PATH: `${tools}:${process.env['PATH'] ?? ''}`,
          REQUIREMENT: 'r3',
          NODE: 'b',
          POD: 'probe',
          OFFSETS: '0 2',
          FAMILIES: 'ipv4',
          ATTEMPTS: '1',
          DEADLINE: '0.2',
          PARALLEL: '4',
          LIMIT: '30',
          TARGETS: join(directory, 'targets'),
          SCRATCH: mkdtempSync(join(directory, 's-')),
          CALLS: calls,
        },
      });
      const lines = run.stdout.split('\n').filter((line) => line.includes('"kind":"mesh"'));
      return [...new Set(lines.map((line) => (JSON.parse(line) as { readonly target: string }).target))].toSorted();
    };
    expect(targetsOf('')).toEqual(['pod-a', 'pod-b']);
    expect(targetsOf(join(directory, 'calls'))).toEqual(['pod-a', 'pod-b']);
  }, 60_000);
});

describe('a pod that is entered', () => {
  it.each([0, 3])('tells how the script ended (%i), and keeps nothing of it', (status) => {
    const directory = scratch();
    const [program = '', ...args] = ENTER;
    const run = spawnSync(program, args, { input: `cat; echo "$1"; exit ${status}\n`, encoding: 'utf8', env: { ...process.env, TMPDIR: directory } });
    expect(run.stdout.trim().startsWith(directory)).toBe(true);
    expect(run.status).toBe(status);
    expect(readdirSync(directory)).toEqual([]);
  });
});
