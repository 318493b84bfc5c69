/** The shape of a lesson; what it means is checked by the rule `lesson`. */
import { z } from 'zod';
import { optional, port, strict } from '../schema-fields.ts';
import {
  LEVELS,
  REACH_OUTCOMES,
  TOPICS,
  type ActionSpec,
  type CheckSpec,
  type CommandSpec,
  type ExerciseSpec,
  type LessonSpec,
  type LookSpec,
  type OutputCheckSpec,
  type ReachCheckSpec,
  type StepSpec,
  type TodaySpec,
  type VerdictCheckSpec,
  type WireCheckSpec,
} from './lesson.ts';

const filled = (description: string): z.ZodString => z.string().min(1).meta({ description });
/** Up to ten minutes: a lesson is followed by somebody who waits. */
const ms = z.int().min(1).max(600_000);
const shows = z.array(z.string()).meta({ id: 'Shown', description: 'Output, line by line; … stands for anything within a line, alone for any lines.' });

const command = {
  on: filled('Where it runs: a pod, node, host, router or container of the lab.'),
  run: filled('A line of shell; ${…} is filled in from the running lab, $$ is a dollar sign.'),
  timeoutMs: optional(ms, 'Milliseconds.', { default: 10_000 }),
};
const commandSpec = strict(command).meta({ id: 'LessonCommand' }) satisfies z.ZodType<CommandSpec>;

const checked = {
  id: filled('Unique in the lesson: small letters, digits and dashes.'),
  says: filled('What is expected, as a sentence.'),
  waitMs: optional(ms, 'It is asked again until it holds, for so many milliseconds.', { default: 5000 }),
};

const reach = strict({
  type: z.literal('reach'),
  ...checked,
  from: filled('Who dials: a place of the lab.'),
  to: filled('A place of the lab, or an address; ${…} may stand for it.'),
  protocol: z.enum(['icmp', 'tcp', 'udp']),
  port: optional(port, 'tcp, udp: the port that is dialled.'),
  responder: optional(
    z.union([strict({ at: filled('A place of the lab.'), port: optional(port, 'Default: the port that is dialled.') }), z.null()]),
    'Where a responder is opened. Default: at `to` where it is a place; null: nowhere.',
  ),
  expect: z.enum(REACH_OUTCOMES),
  seenAs: optional(z.string().min(1), 'The address that the responder sees.'),
  hops: optional(z.int().min(0).max(63), 'Routers on the way, as the TTL tells. icmp, udp.'),
}).meta({ id: 'ReachCheck' }) satisfies z.ZodType<ReachCheckSpec>;

const output = strict({
  type: z.literal('output'),
  ...checked,
  ...command,
  shows: optional(shows, 'The whole output.'),
  matches: optional(z.array(z.string()), 'Regular expressions (m): each must match somewhere.'),
  lacks: optional(z.array(z.string()), 'Regular expressions (m): none may match.'),
  exit: optional(z.union([z.int().min(0).max(255), z.null()]), 'Exit status; null: any.', { default: 0 }),
}).meta({ id: 'OutputCheck' }) satisfies z.ZodType<OutputCheckSpec>;

const verdict = strict({
  type: z.literal('verdict'),
  ...checked,
  only: optional(z.array(z.string().min(1)).min(1), 'Checks, requirements or suites, as cnilab verify --only takes them.'),
  verdict: optional(z.enum(['pass', 'fail']), 'What the verifier must say.', { default: 'pass' }),
  diagnoses: optional(z.array(z.string().min(1)).min(1), 'Diagnoses that must be among those found.'),
}).meta({ id: 'VerdictCheck' }) satisfies z.ZodType<VerdictCheckSpec>;

const wire = strict({
  type: z.literal('wire'),
  ...checked,
  at: filled('The place whose devices are watched.'),
  interface: optional(z.string().min(1), 'One device of it. Default: all.'),
  filter: filled('Which packets, as cnilab capture takes it.'),
  during: commandSpec,
  seen: optional(z.boolean(), 'Must such packets pass, or must none?', { default: true }),
}).meta({ id: 'WireCheck' }) satisfies z.ZodType<WireCheckSpec>;

const check: z.ZodType<CheckSpec> = z.discriminatedUnion('type', [reach, output, verdict, wire]);

const action: z.ZodType<ActionSpec> = z
  .union([
    commandSpec,
    strict({
      fault: filled('A fault of the library, as cnilab fault inject takes it.'),
      node: optional(z.string(), 'Where.'),
      pod: optional(z.string(), 'Whom.'),
    }),
    strict({ undo: filled('A fault that is taken back.') }),
  ])
  .meta({ id: 'LessonAction', description: 'A command, or a fault of the library.' });

const look: z.ZodType<LookSpec> = strict({ title: filled('What is looked at.'), ...command, text: filled('What one sees, and why. Markdown.'), shows }).meta({
  id: 'Look',
});

const step: z.ZodType<StepSpec> = strict({
  title: filled('What is done.'),
  ...command,
  text: filled('Why, and what it does. Markdown.'),
  check: optional(check, 'What is true once it is done.'),
  undo: optional(z.string().min(1), 'A line of shell that takes it back, in the same place. Without it the step cannot be taken back.'),
}).meta({ id: 'Step' });

const exercise: z.ZodType<ExerciseSpec> = strict({
  name: filled('Small letters, digits and dashes.'),
  title: filled('One line.'),
  symptom: filled('What somebody complains about. Markdown.'),
  see: commandSpec,
  break: z.array(action).min(1),
  hints: z.array(z.string().min(1)),
  solution: z.array(action).min(1),
  why: filled('Why it was so. Markdown.'),
  checks: optional(z.array(check).min(1), 'What must fail after the break and hold after the solution. Default: all checks of the lesson.'),
}).meta({ id: 'Exercise' });

const today: z.ZodType<TodaySpec> = strict({
  claim: filled('What is said.'),
  truth: filled('What is true.'),
  source: z.url().meta({ description: 'Where that is written.' }),
}).meta({ id: 'Today' });

/** Every field of {@link LessonSpec}, nothing else. */
export const lessonSchema: z.ZodType<LessonSpec> = strict({
  title: filled('Title of the lesson.'),
  topic: z.enum(TOPICS),
  level: z.enum(LEVELS),
  order: z.int().min(1).meta({ description: 'Position among the labs of its topic.' }),
  goal: filled('What one knows after it. Markdown.'),
  engines: optional(z.array(z.string().min(1)).min(1), 'Engines that can show it, best first. Default: netns.'),
  notShown: optional(z.string().min(1), 'What the embedded engine does not show of it. Markdown.'),
  steps: optional(z.array(step), 'What is typed, one after the other.'),
  look: optional(z.array(look), 'What to look at.'),
  checks: optional(z.array(check), 'What is true in this lab, after its last step.'),
  exercises: optional(z.array(exercise), 'What to break and to mend.'),
  today: optional(z.array(today), 'What older texts say, and what is true today.'),
}).meta({ id: 'Lesson', description: 'What the lab teaches.' });
