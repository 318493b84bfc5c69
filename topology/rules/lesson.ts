import { isIP } from 'node:net';
import type { Diagnostic } from '../diagnostic.ts';
import type { ActionSpec, CheckSpec, CommandSpec, LessonSpec, OutputCheckSpec, ReachCheckSpec } from '../lesson/lesson.ts';
import { labelProblem, nearest } from '../names.ts';
import { FABRIC_NETNS } from '../plan.ts';
import type { LabSpec } from '../spec.ts';
import { problem, type Path } from './findings.ts';
import { clustersOf, routersOf } from './lab-view.ts';
import { scheduledPods } from './pods-view.ts';

interface At<T> {
  readonly value: T;
  readonly path: Path;
}

const at = <T>(items: readonly T[] | undefined, ...path: Path): readonly At<T>[] => (items ?? []).map((value, i) => ({ value, path: [...path, i] }));

/** Every word by which a place of the lab can be named, as `cnilab exec` takes them. */
function placesOf(spec: LabSpec): ReadonlySet<string> {
  return new Set([
    FABRIC_NETNS,
    ...routersOf(spec).map(({ name }) => name),
    ...(spec.outside?.hosts ?? []).map(({ name }) => name),
    ...(spec.hosts ?? []).flatMap(({ name, docker }) => [name, ...(docker?.containers ?? []).flatMap((one) => [one.name, `${name}/${one.name}`])]),
    ...clustersOf(spec).flatMap((cluster) => [
      ...cluster.nodes.flatMap(({ name, id }) => [name, id]),
      ...scheduledPods(cluster).flatMap(({ draft: { namespace, name } }) => [name, `${namespace}/${name}`, `${cluster.name}/${namespace}/${name}`]),
    ]),
  ]);
}

/** All checks of a lesson, those of its steps and exercises too. */
function checksOf(lesson: LessonSpec): readonly At<CheckSpec>[] {
  return [
    ...at(lesson.checks, 'lesson', 'checks'),
    ...at(lesson.steps, 'lesson', 'steps').flatMap(({ value, path }) => (value.check === undefined ? [] : [{ value: value.check, path: [...path, 'check'] }])),
    ...at(lesson.exercises, 'lesson', 'exercises').flatMap(({ value, path }) => at(value.checks, ...path, 'checks')),
  ];
}

const isCommand = (action: ActionSpec): action is CommandSpec => 'run' in action;

function commandsOf(lesson: LessonSpec): readonly At<CommandSpec>[] {
  const actions = at(lesson.exercises, 'lesson', 'exercises').flatMap(({ value, path }) => [
    ...at(value.break, ...path, 'break'),
    ...at(value.solution, ...path, 'solution'),
  ]);
  return [
    ...at(lesson.steps, 'lesson', 'steps'),
    ...at(lesson.look, 'lesson', 'look'),
    ...at(lesson.exercises, 'lesson', 'exercises').map(({ value, path }) => ({ value: value.see, path: [...path, 'see'] })),
    ...actions.flatMap(({ value, path }) => (isCommand(value) ? [{ value, path }] : [])),
    ...checksOf(lesson).flatMap(({ value, path }): readonly At<CommandSpec>[] =>
      value.type === 'output' ? [{ value, path }] : value.type === 'wire' ? [{ value: value.during, path: [...path, 'during'] }] : [],
    ),
  ];
}

/** What is only known while the lab runs, or is no name of a place. */
const isLater = (word: string): boolean => word.includes('${');

function unknownPlaces(spec: LabSpec, lesson: LessonSpec): readonly Diagnostic[] {
  const places = placesOf(spec);
  const named: readonly At<string>[] = [
    ...commandsOf(lesson).map(({ value, path }) => ({ value: value.on, path: [...path, 'on'] })),
    ...checksOf(lesson).flatMap(({ value, path }): readonly At<string>[] => {
      if (value.type === 'wire') return [{ value: value.at, path: [...path, 'at'] }];
      if (value.type !== 'reach') return [];
      const { from, to, responder } = value;
      return [
        { value: from, path: [...path, 'from'] },
        ...(isIP(to) === 0 ? [{ value: to, path: [...path, 'to'] }] : []),
        ...(responder === undefined || responder === null ? [] : [{ value: responder.at, path: [...path, 'responder', 'at'] }]),
      ];
    }),
  ];
  return named
    .filter(({ value }) => !isLater(value) && !places.has(value))
    .map(({ value, path }) => {
      const near = nearest(value, [...places]);
      return problem(
        'LESSON_PLACE_UNKNOWN',
        path,
        `the lab has no ${JSON.stringify(value)}`,
        near === null ? 'name a pod, node, host, router or container of the lab, as `cnilab exec` takes it' : `did you mean ${near}?`,
      );
    });
}

/** An exercise may be judged by a check of the lesson, repeated word for word. */
function different(checks: readonly At<CheckSpec>[]): readonly At<CheckSpec>[] {
  return [...new Map(checks.toReversed().map((check) => [JSON.stringify(check.value), check])).values()].toReversed();
}

/** Names of one kind: of the right form, and each once. */
function names(words: readonly At<string>[]): readonly Diagnostic[] {
  return words.flatMap(({ value, path }, i) => {
    const wrong = labelProblem(value);
    if (wrong !== null)
      return [problem('LESSON_NAME', path, `${JSON.stringify(value)} will not do as a name: ${wrong}`, 'use small letters, digits and dashes')];
    return words.findIndex((one) => one.value === value) === i
      ? []
      : [problem('LESSON_NAME', path, `${value} is the name of two`, 'give each a name of its own: reports tell them apart by it')];
  });
}

function reachProblem({ protocol, port, responder, to, expect, seenAs, hops }: ReachCheckSpec): readonly [message: string, hint: string] | null {
  if (protocol === 'icmp' && (port !== undefined || responder !== undefined)) return ['ICMP has no ports, and needs no responder', 'remove port and responder'];
  if (protocol !== 'icmp' && port === undefined) return [`${protocol} needs a port`, 'add port: 8080'];
  if (hops !== undefined && protocol === 'tcp') return ['a TCP socket does not tell the TTL', 'use icmp or udp, or remove hops'];
  const watched = expect === 'answered' && (protocol === 'icmp' ? isIP(to) === 0 : responder !== null && (responder !== undefined || isIP(to) === 0));
  if ((seenAs !== undefined || hops !== undefined) && !watched)
    return ['seenAs and hops are what a responder of the lab sees', 'expect an answer, and name the place where the responder stands'];
  return null;
}

function outputProblem({ shows, matches = [], lacks = [] }: OutputCheckSpec): readonly [message: string, hint: string] | null {
  if (shows !== undefined && matches.length + lacks.length > 0)
    return ['shows is the whole output: matches and lacks say it twice', 'keep the one or the others'];
  for (const pattern of [...matches, ...lacks]) {
    try {
      // What is filled in is escaped: any text will do in its place.
      void new RegExp(pattern.replaceAll(/\$\{[^}]*\}/g, 'x').replaceAll('$$', '$'), 'm');
    } catch (error) {
      return [(error as SyntaxError).message, 'escape what is meant as it stands: \\( \\[ \\. \\*'];
    }
  }
  return null;
}

function checkProblems(lesson: LessonSpec): readonly Diagnostic[] {
  return checksOf(lesson).flatMap(({ value, path }) => {
    const found = value.type === 'reach' ? reachProblem(value) : value.type === 'output' ? outputProblem(value) : null;
    return found === null ? [] : [problem('LESSON_CHECK', path, `check ${value.id}: ${found[0]}`, found[1])];
  });
}

/** Exercises are judged by checks: their own, or those of the lesson. */
function unjudged(lesson: LessonSpec): readonly Diagnostic[] {
  if ((lesson.checks ?? []).length > 0) return [];
  return at(lesson.exercises, 'lesson', 'exercises')
    .filter(({ value }) => value.checks === undefined)
    .map(({ value, path }) =>
      problem('LESSON_CHECK', path, `nothing tells whether exercise ${value.name} is solved`, 'give it checks, or give the lesson some'),
    );
}

/** A lesson names what is there, and its checks can be asked. Whether its faults apply is found when they are injected. */
export function lesson(spec: LabSpec): readonly Diagnostic[] {
  const { lesson: given } = spec;
  if (given === undefined) return [];
  return [
    ...unknownPlaces(spec, given),
    ...names(different(checksOf(given)).map(({ value, path }) => ({ value: value.id, path: [...path, 'id'] }))),
    ...names(at(given.exercises, 'lesson', 'exercises').map(({ value, path }) => ({ value: value.name, path: [...path, 'name'] }))),
    ...checkProblems(given),
    ...unjudged(given),
  ];
}
