import type { EngineHandle } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import type { LabStatus, ReadLab } from './read.ts';

/** What can be looked at: also a lab that failed to come up and was kept for that. */
export const TO_BE_LOOKED_AT: readonly LabStatus[] = ['up', 'failed'];

/**
 * The handle of a lab that runs.
 *
 * @param accepted the states that will do
 * @throws LabError LAB_LOST when it does not, with the way back
 */
export function requireUp(lab: ReadLab, accepted: readonly LabStatus[] = ['up']): EngineHandle {
  if (accepted.includes(lab.status) && lab.handle !== null) return lab.handle;
  const why = lab.status === 'lost' ? 'its processes are gone (a reboot ends every lab)' : `a run left it ${lab.status}`;
  throw new LabError({
    code: 'LAB_LOST',
    message: `lab ${lab.name} is not up: ${why}`,
    hint:
      lab.source.path === ''
        ? `\`cnilab down ${lab.name}\` cleans it`
        : `\`cnilab up ${lab.source.path}\` brings it up anew, \`cnilab down ${lab.name}\` cleans it`,
    details: { status: lab.status },
  });
}
