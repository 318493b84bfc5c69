import { DEFAULT_ENGINE } from '../../lab/load-engine.ts';
import { withOverrides } from '../../lab/overrides.ts';
import { renderDoctor } from '../../report/doctor-text.ts';
import { exitCodes } from '../exit-codes.ts';
import { given, textOption, type RunCommand } from '../invocation.ts';
import { imageOptions, refuseImages } from './image-options.ts';
import { openLabFile } from './open-lab-file.ts';

/** Exit 3 when something is missing that every lab needs, or that the named lab needs. */
export const run: RunCommand = async (invocation) => {
  const { lab, operands, output } = invocation;
  const file = operands[0];
  const engine = textOption(invocation, 'engine');
  if (file === undefined) refuseImages(invocation, 'without a lab file', 'name the lab file whose nodes it is for');
  if ((engine ?? DEFAULT_ENGINE) === DEFAULT_ENGINE) refuseImages(invocation, `on engine ${DEFAULT_ENGINE}: it runs no images`, 'add --engine kind');
  const overrides = engine === undefined || engine === DEFAULT_ENGINE ? {} : imageOptions(invocation, engine);
  const plan = file === undefined ? null : await lab.planLabFile(withOverrides(await openLabFile(invocation, file), overrides));
  const capabilities = await lab.doctor(plan, given('engine', engine));
  const lacks = capabilities.filter((capability) => !capability.ok && (capability.required || plan !== null));
  output.document({ ok: lacks.length === 0, lab: plan?.name ?? null, capabilities });
  output.data(renderDoctor(capabilities, output.style, output.columns));
  if (lacks.length === 0)
    output.next(file === undefined ? 'cnilab init my-lab' : `cnilab up ${file}${engine === undefined ? '' : ` --engine ${engine}`} --verify`);
  return lacks.length === 0 ? exitCodes.ok : exitCodes.environment;
};
