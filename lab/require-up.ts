import type { EngineHandle } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import type { ReadLab } from './read.ts';

/**
 * The handle of a lab that runs.
 *
 * @throws LabError LAB_LOST when it does not, with the way back
 */
export function requireUp(lab: ReadLab): EngineHandle {
  if (lab.status === 'up' && lab.handle !== null) return lab.handle;
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
