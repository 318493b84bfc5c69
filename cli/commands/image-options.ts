/** The options by which a user says which images a real cluster runs. */
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

/** What --node-image (or CNILAB_NODE_IMAGE) and --image say. */
export function imageOptions(invocation: Invocation): Overrides {
  const nodeImage = textOption(invocation, 'nodeImage') ?? invocation.streams.env['CNILAB_NODE_IMAGE'];
  const images = listOption(invocation, 'image');
  return {
    ...given('nodeImage', nodeImage === '' ? undefined : nodeImage),
    ...given('images', images === undefined ? undefined : Object.fromEntries(images.map(replacement))),
  };
}
