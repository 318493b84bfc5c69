import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LabApi } from '../../cli/lab-api.ts';
import type { LessonStanding } from '../../lab/lesson/standing.ts';
import type { ReadLab } from '../../lab/read.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { GradeReport } from '../../verify/lesson/grade-report.ts';
import { runCli } from './run-cli.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cnilab-lesson-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const good = { id: 'ping', says: 'pc1 reaches pc2', verdict: 'pass', expected: 'an answer', seen: 'an answer', asked: 1, elapsedMs: 2 } as const;
const bad = { ...good, id: 'route', says: 'pc1 has a route', verdict: 'fail', expected: '`ip route` on pc1 shows /default/', seen: 'no output' } as const;
const unclear = { ...good, id: 'dig', says: 'names work', verdict: 'inconclusive', expected: '', seen: 'dig is not on this machine' } as const;
const report: GradeReport = {
  schema: 'cnilab.grade/1',
  lab: 'switch',
  exercise: 'cut',
  learner: 'ada',
  startedAt: '2026-01-02T10:00:00.000Z',
  finishedAt: '2026-01-02T10:06:00.000Z',
  hints: 1,
  verdict: 'fail',
  passed: 1,
  total: 3,
  checks: [good, bad, unclear],
};
const checking = (given: GradeReport, why: string | null = null): Partial<LabApi> => ({ checkLesson: () => Promise.resolve({ report: given, why }) });

describe('cnilab check', () => {
  it('shows each check, and of what does not hold what was expected and seen', async () => {
    const { code, stdout, stderr } = await runCli(['check', 'switch'], { lab: checking(report) });
    expect(code).toBe(1);
    expect(stdout.split('\n')).toEqual([
      '✓ pc1 reaches pc2  ping',
      '✗ pc1 has a route  route',
      '    expected   `ip route` on pc1 shows /default/',
      '    seen       no output',
      '? names work  dig',
      '    unclear    dig is not on this machine',
      '1 of 3 hold, exercise cut',
      '',
    ]);
    expect(stderr).toContain('next: cnilab exercise switch --hint');
  });

  it('writes the report for the teacher, and not over another', async () => {
    const options = { cwd: folder, lab: checking(report) };
    expect((await runCli(['check', 'switch', '-o', 'ada.json', '--learner', 'ada'], options)).stderr).toContain('wrote ada.json');
    expect(JSON.parse(readFileSync(join(folder, 'ada.json'), 'utf8'))).toEqual(report);
    expect((await runCli(['check', 'switch', '-o', 'ada.json'], options)).code).toBe(2);
    expect((await runCli(['check', 'switch', '-o', 'ada.json', '--force'], options)).code).toBe(1);
  });

  it('tells why it was so, when the exercise is solved; one that could not be judged is neither', async () => {
    const solved = await runCli(['check', 'switch'], { lab: checking({ ...report, verdict: 'pass', passed: 1, total: 1, checks: [good] }, 'It was cut.\n') });
    expect(solved).toMatchObject({ code: 0, stdout: expect.stringContaining('solved: It was cut.') });
    expect((await runCli(['check', 'switch'], { lab: checking({ ...report, verdict: 'inconclusive' }) })).code).toBe(5);
    expect(JSON.parse((await runCli(['check', 'switch', '--json'], { lab: checking(report) })).stdout)).toEqual(report);
  });
});

describe('cnilab exercise', () => {
  const exercises = [
    { name: 'cut', title: 'A cut', hints: 2, underWay: false },
    { name: 'mask', title: 'A mask', hints: 0, underWay: true },
  ];
  const see = { on: 'pc1', run: 'ping -c 1 10.0.0.2 | tail -1', exitCode: 1, output: '100% packet loss\n' };
  const lab: Partial<LabApi> = {
    listExercises: () => Promise.resolve(exercises),
    beginExercise: (name, exercise) => Promise.resolve({ lab: name, name: exercise, title: 'A cut', symptom: 'No answer.', see, hints: 2 }),
    giveHint: () => Promise.resolve({ exercise: 'cut', hint: 'Look at the cable.', number: 1, of: 2 }),
  };

  it('lists, begins and hints', async () => {
    const listed = await runCli(['exercise', 'switch'], { lab });
    expect(listed.stdout).toMatch(/cut +A cut\nmask +under way +A mask\n/);
    expect(listed.stderr).toContain('next: cnilab check switch');
    const begun = await runCli(['exercise', 'switch', 'cut'], { lab });
    expect(begun.code).toBe(0);
    expect(begun.stdout).toBe("A cut\nNo answer.\ncnilab exec switch pc1 -- sh -c 'ping -c 1 10.0.0.2 | tail -1'\n  100% packet loss\n");
    expect(begun.stderr).toContain('there are 2 hints');
    expect((await runCli(['exercise', 'switch', '--hint'], { lab })).stdout).toBe('hint 1 of 2: Look at the cable.\n');
    expect((await runCli(['exercise', 'switch', 'cut', '--hint'], { lab })).code).toBe(2);
    expect(JSON.parse((await runCli(['exercise', 'switch', '--json'], { lab })).stdout)).toEqual({ lab: 'switch', exercises });
  });
});

describe('cnilab solve', () => {
  it('shows what was typed and why, and what is left where it does not help', async () => {
    const solving = (verdict: 'pass' | 'fail'): Partial<LabApi> => ({
      solveExercise: (name) =>
        Promise.resolve({
          lab: name,
          exercise: 'cut',
          steps: [
            { action: { on: 'pc2', run: 'ip link set eth0 up' }, failed: '' },
            { action: { undo: 'ip-forward-off' }, failed: 'ip-forward-off is not injected' },
          ],
          checks: [verdict === 'pass' ? good : bad],
          verdict,
          why: 'It was cut.',
        }),
    });
    const solved = await runCli(['solve', 'switch'], { lab: solving('pass') });
    expect(solved.code).toBe(0);
    expect(solved.stdout.split('\n')).toEqual([
      'cnilab exec switch pc2 -- ip link set eth0 up',
      'cnilab fault undo switch ip-forward-off',
      '  ip-forward-off is not injected',
      '✓ pc1 reaches pc2  ping',
      'It was cut.',
      '',
    ]);
    expect(await runCli(['solve', 'switch'], { lab: solving('fail') })).toMatchObject({ code: 1, stderr: expect.stringContaining('cnilab diagnose switch') });
  });
});

describe('cnilab step', () => {
  it('shows what it does, as it is typed by hand', async () => {
    const step = { number: 1, title: 'A bridge', text: 'A switch.', on: 'node1', run: 'ip link add br0 type bridge', check: good };
    const ran = { on: 'node1', run: step.run, exitCode: 0, output: '' };
    const lab: Partial<LabApi> = {
      takeSteps: (name, options) => {
        const taken = [
          { ...step, ran },
          { ...step, number: 2, ran: null },
        ];
        for (const one of taken) options?.onStep?.(one);
        return Promise.resolve({ lab: name, total: 3, done: 2, taken, verdict: 'pass' });
      },
    };
    const { code, stdout, stderr } = await runCli(['step', 'hand', '--all'], { lab });
    expect(code).toBe(0);
    expect(stdout).toContain('1. A bridge\nA switch.\ncnilab exec hand node1 -- ip link add br0 type bridge\n✓ pc1 reaches pc2  ping\n');
    expect(stdout).toContain('type bridge  (done already)\n');
    expect(stderr).toContain('2 of 3 steps done\nnext: cnilab step hand\n');
  });
});

describe('cnilab step --undo', () => {
  const ran = { on: 'node1', run: 'ip link del br0', exitCode: 0, output: '' };
  const undoing = (check: typeof good | typeof bad): Partial<LabApi> => ({
    undoStep: (name) => Promise.resolve({ lab: name, number: 1, title: 'A bridge', ran, total: 3, done: check.verdict === 'pass' ? 1 : 0, check }),
  });

  it('shows what it does, and says where the check holds all the same', async () => {
    const { code, stdout, stderr } = await runCli(['step', 'hand', '--undo'], { lab: undoing(bad) });
    expect([code, stdout]).toEqual([0, '1. A bridge\ncnilab exec hand node1 -- ip link del br0\n']);
    expect(stderr).toContain('0 of 3 steps done\nnext: cnilab step hand\n');
    const held = await runCli(['step', 'hand', '--undo'], { lab: undoing(good) });
    expect([held.code, held.stdout]).toEqual([1, expect.stringContaining('✓ pc1 reaches pc2')]);
    expect(held.stderr).toContain('1 of 3 steps done: its check still holds');
  });

  it('is one or the other', async () => {
    expect(await runCli(['step', 'hand', '--undo', '--all'], { lab: undoing(bad) })).toMatchObject({ code: 2 });
  });
});

describe('cnilab inspect', () => {
  it('says how far the lesson of a lab is', async () => {
    const standing: LessonStanding = {
      title: 'By hand',
      steps: { done: 1, total: 3 },
      exercise: { name: 'cut', hints: { given: 1, total: 2 }, startedAt: '2026-01-02T10:00:00.000Z' },
      exercises: ['cut'],
    };
    const state = {
      name: 'hand',
      engine: 'netns',
      status: 'up',
      createdAt: '2026-01-02T10:00:00.000Z',
      updatedAt: '2026-01-02T10:00:00.000Z',
      source: { path: '', sha256: '' },
      directory: '/state/run-1',
      faults: [],
      plan: planLab({ name: 'hand', hosts: [{ name: 'pc1' }] }),
    } as unknown as ReadLab;
    const lab = (lesson: LessonStanding | null): Partial<LabApi> => ({ readLab: () => Promise.resolve(state), lessonStanding: () => Promise.resolve(lesson) });
    expect((await runCli(['inspect', 'hand'], { lab: lab(standing) })).stdout).toContain(
      'By hand; 1 of 3 steps done; exercise cut under way, 1 of 2 hints given',
    );
    expect(JSON.parse((await runCli(['inspect', 'hand', '--json'], { lab: lab(standing) })).stdout)).toMatchObject({ name: 'hand', lessonStanding: standing });
    expect((await runCli(['inspect', 'hand'], { lab: lab(null) })).stdout).not.toContain('lesson');
  });
});

describe('cnilab grade', () => {
  it('makes one table, and names what is no report', async () => {
    const lab: Partial<LabApi> = { readGrades: () => Promise.resolve({ reports: [report], refused: [{ file: 'x.json', reason: 'it is no object' }] }) };
    const { code, stdout, stderr } = await runCli(['grade', 'handed-in'], { lab });
    expect(code).toBe(1);
    expect(stdout).toBe('learner,lab,exercise,verdict,score,hints,minutes\r\nada,switch,cut,fail,0.333,1,6.0\r\n');
    expect(stderr).toContain('warning: x.json is no report: it is no object');
    expect((await runCli(['grade', 'handed-in', '-o', 'grades.csv'], { lab, cwd: folder })).stdout).toBe('');
    expect(readFileSync(join(folder, 'grades.csv'), 'utf8')).toBe(stdout);
  });
});
