import { EngineError } from '../../../topology/errors.ts';

/** Where the lab's namespaces have their names: in the holder's private /run, so that no two labs share them. */
export const NETNS_FOLDER = '/run/netns';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** File that names the namespace. @throws EngineError when the name could leave the folder */
export function netnsPath(name: string): string {
  if (NAME.test(name)) return `${NETNS_FOLDER}/${name}`;
  throw new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `${JSON.stringify(name)} cannot be the name of a network namespace`,
    hint: 'use letters, digits, dots and hyphens',
  });
}
