/** A lesson as a learner and a teacher go through it, on real kernels: steps, checks, an exercise that is mended and one that is killed half-way, grades. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { GradeReport } from '../../verify/lesson/grade-report.ts';
import { lacking } from '../requires.ts';
import { Place, root } from './cnilab.ts';

const why = lacking('netns');
const LAB = readFileSync(join(root, 'docs/lessons.md'), 'utf8');
/** The lab that docs/lessons.md shows. */
const YAML = /```yaml\n(name: [^]*?)```/.exec(LAB)?.[1] ?? '';
/** The same without what takes its whole time: for an address of nobody the kernel asks three times, a second each, and what fails is asked again for five. */
const QUICK = YAML.replace(
  /^.* id: nobody, .*$/m,
  "    - { type: output, id: way, says: pc1 has a way out, on: pc1, run: ip route, matches: ['^default via '] }",
).replaceAll(/ id: (there|passes),/g, ' id: $1, waitMs: 500,');
/** Its exercise once more, with a break that takes so long that it can be killed. */
const SLOW = `
    - name: slow
      title: Slow
      symptom: Slow.
      see: { on: pc1, run: 'true' }
      break:
        - { on: router, run: sysctl -qw net.ipv4.ip_forward=0 }
        - { on: pc1, run: exec sleep 60, timeoutMs: 60000 }
      hints: []
      solution: [{ on: router, run: sysctl -qw net.ipv4.ip_forward=1 }]
      why: It was off.
`;

describe.skipIf(why !== null)(`a lesson${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('is followed to its end, and graded', async () => {
    await using place = new Place();
    const file = join(place.directory, 'lab.yaml');
    writeFileSync(file, YAML);
    const cnilab = async (...args: readonly string[]) => await place.cnilab(args);
    const graded = async (): Promise<GradeReport> => JSON.parse((await cnilab('check', 'two-rooms', '--json')).stdout) as GradeReport;

    const up = await cnilab('up', file);
    expect(up.code, up.stderr).toBe(0);
    expect(up.stderr).toContain('next: cnilab step two-rooms');
    // Before its steps nothing holds that they make, and there is nothing to break.
    expect((await cnilab('exercise', 'two-rooms', 'no-way')).stderr).toContain('build it first: `cnilab step two-rooms --all`');

    // The first step by hand, the others by the tool.
    await cnilab('exec', 'two-rooms', 'pc1', '--', 'ip', 'route', 'add', 'default', 'via', '192.168.1.1');
    const steps = await cnilab('step', 'two-rooms', '--all');
    expect(steps.stdout, steps.stderr).toContain('(done already)');
    expect(steps.code).toBe(0);
    const whole = await graded();
    expect(whole.checks.filter((check) => check.verdict !== 'pass')).toEqual([]);
    expect(whole).toMatchObject({ verdict: 'pass', exercise: null, passed: whole.total });

    // A lesson that changed is taken over; the lab is not touched, its steps stay done.
    expect(whole.checks.map(({ id }) => id)).toEqual(['there', 'nobody', 'passes']);
    writeFileSync(file, QUICK.trimEnd() + SLOW);
    expect((await cnilab('up', file)).stderr).toContain('nothing to change');

    // Broken, hinted at, mended by hand.
    const begun = await cnilab('exercise', 'two-rooms', 'no-way');
    expect(begun.code, begun.stderr).toBe(0);
    expect(begun.stdout).toContain('100% packet loss');
    expect((await cnilab('exercise', 'two-rooms', '--hint')).stdout).toMatch(/^hint 1 of 2: /);
    mkdirSync(join(place.directory, 'grades'));
    const report = (name: string): string => join(place.directory, 'grades', `${name}.json`);
    expect((await cnilab('check', 'two-rooms', '--learner', 'ada, first', '-o', report('1'))).code).toBe(1);
    await cnilab('exec', 'two-rooms', 'router', '--', 'sysctl', '-w', 'net.ipv4.ip_forward=1');
    const mended = await cnilab('check', 'two-rooms', '--learner', 'ada', '-o', report('2'));
    expect(mended.stdout).toContain('solved: ');

    // Broken once more, and solved by the tool.
    await cnilab('exercise', 'two-rooms', 'no-way');
    expect((await cnilab('solve', 'two-rooms')).code).toBe(0);
    const after = await graded();
    expect(after.verdict).toBe('pass');
    expect(after.checks.map(({ id }) => id)).toEqual(['there', 'way', 'passes']);

    // Killed while it breaks: it is under way, and can be solved.
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'exercise', 'two-rooms', 'slow'], { env: place.environment, stdio: 'ignore' });
    const forwards = async (): Promise<string> => (await cnilab('exec', 'two-rooms', 'router', '--', 'cat', '/proc/sys/net/ipv4/ip_forward')).stdout.trim();
    while ((await forwards()) === '1') await sleep(50);
    child.kill('SIGKILL');
    expect(await graded()).toMatchObject({ exercise: 'slow', verdict: 'fail' });
    expect((await cnilab('exercise', 'two-rooms', 'no-way')).stderr).toContain('exercise slow is under way');
    const solved = await cnilab('solve', 'two-rooms');
    expect(solved.stdout, solved.stderr).toContain('It was off.');

    writeFileSync(report('3'), '{}');
    const table = await cnilab('grade', join(place.directory, 'grades'));
    expect(table.code).toBe(1);
    expect(table.stdout.split('\r\n')).toEqual([
      'learner,lab,exercise,verdict,score,hints,minutes',
      expect.stringMatching(/^ada,two-rooms,no-way,pass,1,1,\d+\.\d$/),
      expect.stringMatching(/^"ada, first",two-rooms,no-way,fail,0\.\d+,1,\d+\.\d$/),
      '',
    ]);
    expect(table.stderr).toContain('3.json is no report');
    expect((await cnilab('down', 'two-rooms')).code).toBe(0);
    expect(place.leftovers()).toEqual([]);
  });
});
