import { flag, operand, type RunCommand } from '../invocation.ts';
import { imageOptions, refuseImages } from './image-options.ts';
import { isFileOperand, openLabFile } from './open-lab-file.ts';

/** Every image that a lab needs on kind: of its nodes, and of what runs in them. */
export const run: RunCommand = async (invocation) => {
  const { lab, output, streams } = invocation;
  const word = operand(invocation, 0);
  const options = { offline: flag(invocation, 'offline') };
  const isFile = isFileOperand(word, streams.cwd);
  if (!isFile) refuseImages(invocation, 'with a running lab: its images are those that it came up with', 'name the lab file, or leave it out');
  const { artifacts } = isFile
    ? await lab.synthesizeLab(await openLabFile(invocation, word), 'kind', { ...imageOptions(invocation), ...options })
    : { artifacts: await lab.synthesize((await lab.readLab(word)).plan, 'kind', options) };
  const { nodeImages, images } = artifacts;
  output.document({ lab: artifacts.lab, nodeImages, images });
  output.data([...nodeImages, ...images].join('\n'));
  return 0;
};
