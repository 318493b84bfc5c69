import type { EngineSession } from '../../engines/port.ts';
import { CommandError } from '../../topology/errors.ts';
import type { CommandSpec } from '../../topology/lesson/lesson.ts';
import { fill, type Values } from './fill.ts';
import type { LessonContext } from './check.ts';

/** A line of shell that ran in a place. */
export interface Ran {
  /** The place as the lesson names it, and the line as it was run. */
  readonly on: string;
  readonly run: string;
  /** null: it was ended, because it took too long. */
  readonly exitCode: number | null;
  /** What a terminal would have shown: both streams, as they came. */
  readonly output: string;
}

const TIMEOUT_MS = 10_000;
/** The shell's own status for a program that it does not find (POSIX.1, XCU 2.8.2). */
const NOT_FOUND = 127;

/** The command as it is typed: `${…}` filled in. */
export function commandText({ run }: Pick<CommandSpec, 'run'>, values: Values): string {
  return fill(run, values);
}

/**
 * Runs a command of a lesson.
 *
 * @throws LabError LESSON_TEMPLATE; TARGET_UNKNOWN; what the session throws for a lab that is gone
 */
export async function runCommand(context: Pick<LessonContext, 'session' | 'values' | 'placeOf'>, command: CommandSpec): Promise<Ran> {
  const on = fill(command.on, context.values);
  const run = commandText(command, context.values);
  const { netns, id } = context.placeOf(on);
  return await inPlace(context.session, { netns, id }, { on, run }, command.timeoutMs ?? TIMEOUT_MS);
}

async function inPlace(
  session: EngineSession,
  place: { readonly netns: string; readonly id: string },
  command: Pick<Ran, 'on' | 'run'>,
  timeoutMs: number,
): Promise<Ran> {
  try {
    // One stream, so that lines stand in the order in which they came.
    const { exitCode, stdout, stderr } = await session.run(place.netns, ['sh', '-c', `exec 2>&1\n${command.run}`], { timeoutMs, id: place.id });
    return { ...command, exitCode, output: stdout + stderr };
  } catch (error) {
    if (error instanceof CommandError && error.code === 'TIMEOUT') return { ...command, exitCode: null, output: '' };
    throw error;
  }
}

/** The program that is not on this machine, where that is why a command said nothing; else null. */
export function missingProgram({ exitCode, output }: Ran): string | null {
  const found =
    /(?:^|\n)(?:sh|bash|\/bin\/sh): (?:line )?\d+: (.+?): (?:command )?not found/.exec(output) ?? /(?:^|\n)sh: (?:\d+: )?(.+?): not found/.exec(output);
  return exitCode === NOT_FOUND ? (found?.[1] ?? 'the program') : null;
}
