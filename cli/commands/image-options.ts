/** The options by which a user says which images a real cluster runs. */
import { resolve } from 'node:path';
import { isImageUrl } from '../../topology/vm-image.ts';
import type { Overrides } from '../../lab/overrides.ts';
import { given, listOption, textOption, usageError, type Invocation } from '../invocation.ts';

function replacement(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  const [repository, image] = [text.slice(0, Math.max(equals, 0)), text.slice(equals + 1)];
  if (repository === '' || image === '')
    throw usageError(`--image ${text} is not REPOSITORY=IMAGE`, 'like --image ghcr.io/flannel-io/flannel=registry.example/flannel:v0.28.4');
  if (/:[^/]*$|@/.test(repository))
    throw usageError(`--image ${text}: ${repository} has a tag or a digest`, 'name the repository alone before "=": every tag of it is replaced');
  return [repository, image];
}

/** Where a user keeps the image of nodes, by engine: a name of containers' images, or a disk. */
const NODE_IMAGE: Readonly<Record<string, string>> = { kind: 'CNILAB_NODE_IMAGE', vm: 'CNILAB_VM_IMAGE' };

const FLAGS = { nodeImage: '--node-image', image: '--image', load: '--load' } as const;

/**
 * Refuses the options about images where nothing would look at them.
 * @throws LabError USAGE
 */
export function refuseImages({ options }: Invocation, where: string, hint: string): void {
  const unused = Object.entries(FLAGS).find(([name]) => options[name] !== undefined);
  if (unused !== undefined) throw usageError(`${unused[1]} is of no use ${where}`, hint);
}

/** What --node-image (or the engine's variable) and --image say. */
export function imageOptions(invocation: Invocation, engine = 'kind'): Overrides {
  const { cwd, env } = invocation.streams;
  const inPlace = (image = ''): string | undefined => (image === '' ? undefined : engine === 'vm' && !isImageUrl(image) ? resolve(cwd, image) : image);
  const images = listOption(invocation, 'image');
  return {
    ...given('nodeImage', inPlace(textOption(invocation, 'nodeImage'))),
    ...given('usualNodeImage', inPlace(env[NODE_IMAGE[engine] ?? ''])),
    ...given('images', images === undefined ? undefined : Object.fromEntries(images.map(replacement))),
  };
}
