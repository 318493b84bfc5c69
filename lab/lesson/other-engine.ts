import type { Diagnostic } from '../../topology/diagnostic.ts';
import { caution } from '../../topology/rules/findings.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { DEFAULT_ENGINE } from '../load-engine.ts';

/** A lesson names the engines that show it. On another one its lab may come up all the same, and not be what the lesson tells of: LESSON_ENGINE. */
export function lessonOnOtherEngine({ lesson }: LabSpec, engine: string): readonly Diagnostic[] {
  if (lesson === undefined) return [];
  const [best = DEFAULT_ENGINE, ...others] = lesson.engines ?? [DEFAULT_ENGINE];
  if ([best, ...others].includes(engine)) return [];
  return [
    caution(
      'LESSON_ENGINE',
      lesson.engines === undefined ? ['lesson'] : ['lesson', 'engines'],
      `the lesson of this lab is for engine ${[best, ...others].join(' or ')}: on engine ${engine} the lab may not be what the lesson shows and checks`,
      `--engine ${best} brings up the lab of the lesson`,
    ),
  ];
}
