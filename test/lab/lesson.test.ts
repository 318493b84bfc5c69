import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { asLoaded } from '../../lab/api.ts';
import { labDirectory } from '../../lab/directories.ts';
import { listFaults } from '../../lab/fault.ts';
import type { LabState } from '../../lab/lab-state.ts';
import { checkLesson } from '../../lab/lesson/check.ts';
import { beginExercise, giveHint, listExercises } from '../../lab/lesson/exercise.ts';
import { readGrades } from '../../lab/lesson/grade.ts';
import { solveExercise } from '../../lab/lesson/solve.ts';
import { lessonStanding } from '../../lab/lesson/standing.ts';
import { takeSteps } from '../../lab/lesson/steps.ts';
import { undoStep } from '../../lab/lesson/undo-step.ts';
import { up } from '../../lab/up.ts';
import type { CheckSpec, LessonSpec } from '../../topology/lesson/lesson.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { FileEngine } from './file-engine.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();
let engine: FileEngine;
const withEngine = { loadEngine: () => Promise.resolve(engine) };
const kept = (): LabState => JSON.parse(readFileSync(join(labDirectory('a'), 'state.json'), 'utf8')) as LabState;

/** What the commands of the lesson are about: words that are true now. */
let world: Set<string>;
const holds = (word: string): CheckSpec => ({ type: 'output', id: word, says: `${word} holds`, on: 'pc1', run: `test ${word}`, waitMs: 1 });
const lesson: LessonSpec = {
  title: 'A lesson',
  topic: 'hosts',
  level: 'first',
  order: 1,
  goal: 'Words.',
  steps: [
    { title: 'One', on: 'pc1', run: 'set one', text: 'The first.', check: holds('one') },
    { title: 'Two', on: 'pc2', run: 'set two', text: 'The second.', undo: 'unset two' },
  ],
  checks: [holds('cable'), holds('power')],
  exercises: [
    {
      name: 'cut',
      title: 'A cut',
      symptom: 'No answer.',
      see: { on: 'pc1', run: 'look ${pc2}' },
      break: [{ on: 'pc2', run: 'unset cable' }],
      hints: ['Look at it.', 'It is the cable.'],
      solution: [{ on: 'pc2', run: 'set cable' }],
      why: 'It was cut.',
    },
    {
      name: 'forward',
      title: 'No way',
      symptom: 'No way.',
      see: { on: 'pc1', run: 'look' },
      break: [{ fault: 'ip-forward-off' }, { on: 'pc1', run: 'unset power' }],
      hints: [],
      solution: [{ undo: 'ip-forward-off' }, { on: 'pc1', run: 'set power' }],
      why: 'It was off.',
    },
  ],
};
const spec: LabSpec = {
  name: 'a',
  hosts: [{ name: 'pc1' }, { name: 'pc2' }],
  clusters: [{ name: 'c1', cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 1 }] }],
  lesson,
};

beforeEach(async () => {
  world = new Set(['cable', 'power']);
  engine = new FileEngine(join(scratch.folder, 'world'));
  engine.exitCodeOf = (command) => {
    const [, verb = '', word = ''] = /\n(\w+) ?(\S*)$/.exec(command) ?? [];
    if (verb === 'set') world.add(word);
    if (verb === 'unset') world.delete(word);
    if (verb === 'fail') return 7;
    return verb === 'test' && !world.has(word) ? 1 : 0;
  };
  await up(await asLoaded(spec), { engine: 'file', ...withEngine });
});

describe('steps of a lesson', () => {
  it('are taken one by one, and the last one is said to be the last', async () => {
    expect(await takeSteps('a', withEngine)).toMatchObject({
      done: 1,
      total: 2,
      verdict: 'pass',
      taken: [{ number: 1, run: 'set one', check: { verdict: 'pass' } }],
    });
    expect(kept().lesson).toEqual({ steps: 1, exercise: null });
    expect(await takeSteps('a', withEngine)).toMatchObject({ done: 2, taken: [{ number: 2, check: null }] });
    expect(await takeSteps('a', withEngine)).toMatchObject({ done: 2, taken: [] });
    expect([...world]).toEqual(['cable', 'power', 'one', 'two']);
  });

  it('are recognised when they were done by hand', async () => {
    world.add('one');
    const seen: number[] = [];
    const { taken } = await takeSteps('a', { ...withEngine, all: true, onStep: (step) => seen.push(step.number) });
    expect(taken.map((step) => step.ran?.run ?? null)).toEqual([null, 'set two']);
    expect(seen).toEqual([1, 2]);
  });

  it('are not done when their command fails, or their check does not hold', async () => {
    const change = async (steps: LessonSpec['steps']): Promise<unknown> =>
      await up(await asLoaded({ ...spec, lesson: { ...lesson, steps: steps ?? [] } }), { engine: 'file', ...withEngine });
    await change([{ title: 'One', on: 'pc1', run: 'fail it', text: '.' }]);
    await expect(takeSteps('a', withEngine)).rejects.toMatchObject({
      code: 'LESSON_COMMAND_FAILED',
      message: '`fail it` on pc1 ended with status 7',
      details: { stderr: 'no' },
    });
    await change([{ title: 'One', on: 'pc1', run: 'set nothing', text: '.', check: holds('one') }]);
    expect(await takeSteps('a', { ...withEngine, all: true })).toMatchObject({ done: 0, verdict: 'fail' });
    expect(kept().lesson?.steps ?? 0).toBe(0);
    await change([]);
    await expect(takeSteps('a', withEngine)).rejects.toMatchObject({ code: 'LESSON_MISSING' });
  });
});

describe('the last step of a lesson', () => {
  const withSteps = async (...steps: NonNullable<LessonSpec['steps']>): Promise<void> => {
    await up(await asLoaded({ ...spec, lesson: { ...lesson, steps } }), { engine: 'file', ...withEngine });
  };
  const one = { title: 'One', on: 'pc1', run: 'set one', text: '.', undo: 'unset one', check: holds('one') } as const;

  it('is taken back by its inverse, step by step, and can be taken again', async () => {
    await withSteps(one, { title: 'Two', on: 'pc2', run: 'set two', text: '.', undo: 'unset two' });
    await takeSteps('a', { ...withEngine, all: true });
    expect(await undoStep('a', withEngine)).toMatchObject({ number: 2, done: 1, total: 2, ran: { on: 'pc2', run: 'unset two' }, check: null });
    expect(await undoStep('a', withEngine)).toMatchObject({ number: 1, done: 0, check: { verdict: 'fail' } });
    expect([[...world], kept().lesson]).toEqual([['cable', 'power'], { steps: 0, exercise: null }]);
    expect(await takeSteps('a', { ...withEngine, all: true })).toMatchObject({ done: 2, verdict: 'pass' });
  });

  it('is not taken back where none is done, where it declares no inverse, and while an exercise is under way', async () => {
    await expect(undoStep('a', withEngine)).rejects.toMatchObject({ code: 'STEP_REFUSED', hint: expect.stringContaining('cnilab step a') });
    await takeSteps('a', withEngine);
    await expect(undoStep('a', withEngine)).rejects.toMatchObject({
      code: 'STEP_REFUSED',
      message: 'step 1 (One) cannot be taken back: it declares no inverse',
    });
    expect([world.has('one'), kept().lesson?.steps]).toEqual([true, 1]);
    await takeSteps('a', withEngine);
    await beginExercise('a', 'cut', withEngine);
    await expect(undoStep('a', withEngine)).rejects.toMatchObject({ code: 'STEP_REFUSED', hint: expect.stringContaining('cnilab solve a') });
    await withSteps();
    await expect(undoStep('a', withEngine)).rejects.toMatchObject({ code: 'LESSON_MISSING' });
  });

  it('stays done where its inverse fails or does not undo it; what was undone by hand is counted', async () => {
    await withSteps({ ...one, undo: 'fail it' });
    await takeSteps('a', withEngine);
    await expect(undoStep('a', withEngine)).rejects.toMatchObject({ code: 'LESSON_COMMAND_FAILED', details: { stderr: 'no' } });
    expect(kept().lesson?.steps).toBe(1);
    world.delete('one');
    expect(await undoStep('a', withEngine)).toMatchObject({ done: 0, ran: { exitCode: 7 }, check: { verdict: 'fail' } });
    await withSteps({ ...one, undo: 'unset other' });
    await takeSteps('a', withEngine);
    expect(await undoStep('a', withEngine)).toMatchObject({ done: 1, check: { verdict: 'pass' } });
    expect(kept().lesson?.steps).toBe(1);
  });
});

describe('how far a lesson is', () => {
  it('is told of a lab that has one, also before anything was begun', async () => {
    expect(lessonStanding(kept())).toMatchObject({ title: 'A lesson', steps: { done: 0, total: 2 }, exercise: null, exercises: ['cut', 'forward'] });
    await takeSteps('a', withEngine);
    await beginExercise('a', 'cut', withEngine);
    await giveHint('a', withEngine);
    expect(lessonStanding(kept())).toMatchObject({ steps: { done: 1, total: 2 }, exercise: { name: 'cut', hints: { given: 1, total: 2 } } });
    const { lesson: _none, ...bare } = kept().spec;
    expect(lessonStanding({ ...kept(), spec: bare })).toBeNull();
  });
});

describe('a lesson', () => {
  it('that changed is taken over by up, and nothing of the lab is touched', async () => {
    await beginExercise('a', 'cut', withEngine);
    const before = engine.calls.length;
    const { outcome } = await up(await asLoaded({ ...spec, lesson: { ...lesson, goal: 'Other words.', exercises: [] } }), { engine: 'file', ...withEngine });
    expect(outcome).toBe('unchanged');
    expect(engine.calls).toHaveLength(before);
    expect(kept().spec.lesson?.goal).toBe('Other words.');
    // The exercise is gone with it: no other is refused for its sake.
    await expect(giveHint('a', withEngine)).rejects.toMatchObject({ code: 'EXERCISE_REFUSED' });
  });

  it.each([
    ['alone', {}],
    ['with the lab', { clusters: [{ name: 'c1', cni: { type: 'bridge' }, workloads: [{ name: 'web', perNode: 2 }] }] }],
  ] as const)('that changed %s lets the programs of the nodes go on that an exercise had stopped which it has no more', async (_how, more) => {
    engine.agents = { stop: ['agents', 'stop'], resume: ['agents', 'resume'] };
    await beginExercise('a', 'cut', withEngine);
    const change = async (names: readonly string[], other: Partial<LabSpec>): Promise<readonly string[]> => {
      engine.commands.splice(0);
      const exercises = lesson.exercises?.filter(({ name }) => names.includes(name)) ?? [];
      await up(await asLoaded({ ...spec, ...other, lesson: { ...lesson, exercises } }), { engine: 'file', ...withEngine });
      return engine.commands.filter((command) => command.includes('agents'));
    };
    expect(await change(['cut'], {})).toEqual([]);
    expect(kept().lesson?.exercise?.name).toBe('cut');
    const nodes = kept().plan.clusters.flatMap((cluster) => cluster.nodes);
    expect(await change(['forward'], more)).toEqual(nodes.map(({ netns }) => `${netns}: agents resume`));
    expect(kept().lesson?.exercise).toBeNull();
  });

  it('is graded by its checks', async () => {
    const { report, why } = await checkLesson('a', { ...withEngine, learner: 'ada' });
    expect(report).toMatchObject({ schema: 'cnilab.grade/1', lab: 'a', exercise: null, learner: 'ada', verdict: 'pass', passed: 2, total: 2, hints: 0 });
    expect(report.startedAt).toBe(kept().createdAt);
    expect(why).toBeNull();
    world.delete('power');
    expect((await checkLesson('a', withEngine)).report).toMatchObject({ verdict: 'fail', passed: 1, total: 2 });
  });

  it('that a lab does not have is missed', async () => {
    const { lesson: _none, ...bare } = spec;
    await up(await asLoaded(bare), { engine: 'file', ...withEngine });
    await expect(checkLesson('a', withEngine)).rejects.toMatchObject({ code: 'LESSON_MISSING' });
    await expect(checkLesson('b', withEngine)).rejects.toMatchObject({ code: 'LAB_UNKNOWN' });
    await up(await asLoaded({ ...bare, lesson: { title: 'x', topic: 'dns', level: 'deep', order: 1, goal: 'x' } }), { engine: 'file', ...withEngine });
    await expect(checkLesson('a', withEngine)).rejects.toMatchObject({ code: 'LESSON_MISSING', message: expect.stringContaining('no checks') });
    expect(await listExercises('a', withEngine)).toEqual([]);
  });
});

describe('an exercise', () => {
  it('is begun, hinted at, graded and solved', async () => {
    expect(await beginExercise('a', 'cut', withEngine)).toMatchObject({
      symptom: 'No answer.',
      hints: 2,
      see: { on: 'pc1', run: expect.stringMatching(/^look 172\.30\.0\./) },
    });
    expect(world.has('cable')).toBe(false);
    expect((await listExercises('a', withEngine)).map((one) => one.underWay)).toEqual([true, false]);
    const hints = [await giveHint('a', withEngine), await giveHint('a', withEngine), await giveHint('a', withEngine)];
    expect(hints.map(({ hint, number }) => [number, hint])).toEqual([
      [1, 'Look at it.'],
      [2, 'It is the cable.'],
      [2, 'It is the cable.'],
    ]);
    expect(await checkLesson('a', withEngine)).toMatchObject({ why: null, report: { exercise: 'cut', verdict: 'fail', passed: 1, total: 2, hints: 2 } });
    expect(await solveExercise('a', withEngine)).toMatchObject({
      exercise: 'cut',
      verdict: 'pass',
      why: 'It was cut.',
      steps: [{ action: { run: 'set cable' }, failed: '' }],
    });
    expect(kept().lesson).toEqual({ steps: 0, exercise: null });
    await expect(solveExercise('a', withEngine)).rejects.toMatchObject({ code: 'EXERCISE_REFUSED' });
  });

  it('is over when its checks hold, and then tells why it was so', async () => {
    await beginExercise('a', 'cut', withEngine);
    world.add('cable');
    expect(await checkLesson('a', withEngine)).toMatchObject({ why: 'It was cut.', report: { exercise: 'cut', verdict: 'pass' } });
    expect((await checkLesson('a', withEngine)).report.exercise).toBeNull();
  });

  it('is refused while another is under way, in a lab that is broken already, and by a name that it does not have', async () => {
    await expect(beginExercise('a', 'cu', withEngine)).rejects.toMatchObject({ code: 'LESSON_MISSING', hint: 'there is: cut, forward' });
    world.delete('power');
    await expect(beginExercise('a', 'cut', withEngine)).rejects.toMatchObject({
      code: 'EXERCISE_REFUSED',
      hint: '`cnilab step a --all`'.replace(/^/, 'build it first: '),
    });
    expect(kept().lesson).toBeUndefined();
    world.add('power');
    await beginExercise('a', 'cut', withEngine);
    await expect(beginExercise('a', 'forward', withEngine)).rejects.toMatchObject({
      code: 'EXERCISE_REFUSED',
      message: expect.stringContaining('cut is under way'),
    });
  });

  it('is begun once, also by two who begin at the same time', async () => {
    const both = await Promise.allSettled([beginExercise('a', 'cut', withEngine), beginExercise('a', 'cut', withEngine)]);
    const refused = both.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    expect(refused).toEqual([expect.objectContaining({ code: 'EXERCISE_REFUSED', message: expect.stringContaining('cut is under way') as string })]);
    expect(engine.commands.filter((command) => command.endsWith('unset cable'))).toHaveLength(1);
  });

  it('that breaks half-way is under way, and solve brings the lab back', async () => {
    const [cut] = lesson.exercises ?? [];
    const half = {
      ...cut,
      name: 'half',
      break: [
        { on: 'pc2', run: 'unset cable' },
        { on: 'pc2', run: 'fail it' },
      ],
    } as typeof cut;
    await up(await asLoaded({ ...spec, lesson: { ...lesson, exercises: half === undefined ? [] : [half] } }), { engine: 'file', ...withEngine });
    await expect(beginExercise('a', 'half', withEngine)).rejects.toMatchObject({ code: 'LESSON_COMMAND_FAILED', hint: '`cnilab solve a` brings the lab back' });
    expect(kept().lesson?.exercise?.name).toBe('half');
    expect(await solveExercise('a', withEngine)).toMatchObject({ verdict: 'pass' });
    expect(world.has('cable')).toBe(true);
  });

  it('whose solution fails stays under way, unless the checks hold all the same', async () => {
    const [cut] = lesson.exercises ?? [];
    const wrong = { ...cut, solution: [{ on: 'pc2', run: 'fail it' }] } as typeof cut;
    await up(await asLoaded({ ...spec, lesson: { ...lesson, exercises: wrong === undefined ? [] : [wrong] } }), { engine: 'file', ...withEngine });
    await beginExercise('a', 'cut', withEngine);
    expect(await solveExercise('a', withEngine)).toMatchObject({ verdict: 'fail', steps: [{ failed: 'no' }] });
    expect(kept().lesson?.exercise?.name).toBe('cut');
    world.add('cable');
    expect(await solveExercise('a', withEngine)).toMatchObject({ verdict: 'pass', steps: [{ failed: 'no' }] });
  });

  it('keeps the programs of the nodes from mending it, until it is solved', async () => {
    engine.agents = { stop: ['agents', 'stop'], resume: ['agents', 'resume'] };
    const told = (): readonly string[] =>
      engine.commands.filter((command) => /agents|cable/.test(command)).map((command) => command.replace(/^.*[:\n] ?/s, ''));
    await beginExercise('a', 'cut', withEngine);
    const [node] = kept().plan.clusters[0]?.nodes ?? [];
    expect(engine.commands).toContain(`${node?.netns ?? ''}: agents stop`);
    const nodes = kept().plan.clusters[0]?.nodes.map(() => 'agents stop') ?? [];
    expect(told()).toEqual(['test cable', ...nodes, 'unset cable']);
    await checkLesson('a', withEngine);
    expect(told()).not.toContain('agents resume');
    await solveExercise('a', withEngine);
    expect(told().slice(-nodes.length - 2)).toEqual(['set cable', 'test cable', ...nodes.map(() => 'agents resume')]);
  });

  it('says on which node they could not be stopped, and bears a node that has none', async () => {
    engine.agents = { stop: ['agents', 'stop'], resume: ['agents', 'resume'] };
    const works = engine.exitCodeOf;
    const answering =
      (status: number): typeof works =>
      (command) =>
        command.endsWith('agents stop') ? status : works(command);
    engine.exitCodeOf = answering(127);
    await expect(beginExercise('a', 'cut', withEngine)).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringMatching(/^agents stop on c1\/\S+ ended with status 127: no$/) as string,
      hint: expect.stringContaining('cnilab solve a') as string,
    });
    expect(world.has('cable')).toBe(true);
    expect(await solveExercise('a', withEngine)).toMatchObject({ verdict: 'pass' });
    engine.exitCodeOf = answering(1);
    expect(await beginExercise('a', 'cut', withEngine)).toMatchObject({ name: 'cut' });
  });

  it('injects faults of the library, and leaves none behind however it is mended', async () => {
    const injected = async (): Promise<readonly string[]> =>
      (await listFaults('a', withEngine)).flatMap((fault) => (fault.injected === true ? [fault.id] : []));
    await beginExercise('a', 'forward', withEngine);
    expect(await injected()).toEqual(['ip-forward-off']);
    expect(await solveExercise('a', withEngine)).toMatchObject({ verdict: 'pass', steps: [{ failed: '' }, { failed: '' }] });
    expect(await injected()).toEqual([]);
    await beginExercise('a', 'forward', withEngine);
    world.add('power');
    expect((await checkLesson('a', withEngine)).why).toBe('It was off.');
    expect(await injected()).toEqual([]);
  });

  it('is not over while a fault that it injected cannot be undone', async () => {
    await beginExercise('a', 'forward', withEngine);
    const works = engine.exitCodeOf;
    world.add('power');
    engine.exitCodeOf = (command) => (command.includes('ip_forward') ? 1 : works(command));
    await expect(checkLesson('a', withEngine)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
    expect([kept().faults.map(({ id }) => id), kept().lesson?.exercise?.name]).toEqual([['ip-forward-off'], 'forward']);
    engine.exitCodeOf = works;
    expect((await checkLesson('a', withEngine)).why).toBe('It was off.');
    expect([kept().faults, kept().lesson?.exercise]).toEqual([[], null]);
  });
});

describe('how far somebody is', () => {
  it('is written down without opening the lab once more', async () => {
    await beginExercise('a', 'cut', withEngine);
    const opened = vi.spyOn(engine, 'open');
    expect(await giveHint('a', withEngine)).toMatchObject({ number: 1 });
    expect(kept().lesson?.exercise?.hints).toBe(1);
    expect(opened).toHaveBeenCalledOnce();
  });
});

describe('grades of a class', () => {
  it('are the reports of a folder, and what is none is named', async () => {
    const folder = join(scratch.folder, 'handed-in');
    mkdirSync(folder);
    const { report } = await checkLesson('a', { ...withEngine, learner: 'bob' });
    writeFileSync(join(folder, '2.json'), JSON.stringify(report));
    writeFileSync(join(folder, '1.json'), JSON.stringify({ ...report, learner: 'ada' }));
    writeFileSync(join(folder, '3.json'), '{');
    writeFileSync(join(folder, '4.json'), JSON.stringify({ ...report, hints: -1 }));
    writeFileSync(join(folder, '5.json'), '{"schema":"cnilab.report/1"}');
    writeFileSync(join(folder, 'notes.txt'), 'x');
    const grades = await readGrades(folder);
    expect(grades.reports.map((one) => one.learner)).toEqual(['ada', 'bob']);
    expect(grades.refused.map(({ file, reason }) => `${file} ${reason}`)).toEqual([
      expect.stringMatching(/^3\.json /),
      '4.json its hints is -1',
      '5.json its schema is "cnilab.report/1", not cnilab.grade/1',
    ]);
    await expect(readGrades(join(folder, 'no'))).rejects.toMatchObject({ code: 'USAGE' });
  });
});
