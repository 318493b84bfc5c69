import type { EngineSession } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';

/**
 * @param lab its name
 * @param engine its name, for people
 * @param hint what can be done instead
 * @throws {LabError} ENGINE_UNSUPPORTED where the kernels of the lab cannot be read
 */
export function requireKernels({ sight }: Pick<EngineSession, 'sight'>, lab: string, engine: string, hint: string): void {
  if (sight.kernel) return;
  throw new LabError({ code: 'ENGINE_UNSUPPORTED', message: `the kernels of ${lab} cannot be read through a session of engine ${engine}`, hint });
}
