import { DEFAULT_ENGINE } from '../../lab/load-engine.ts';
import { withOverrides } from '../../lab/overrides.ts';
import { CLUSTER_WORDS, renderDoctor } from '../../report/doctor-text.ts';
import { exitCodes } from '../exit-codes.ts';
import type { ExistingCluster } from '../../lab/verify-existing.ts';
import { given, textOption, usageError, type Invocation, type RunCommand } from '../invocation.ts';
import { imageOptions, refuseImages } from './image-options.ts';
import { openLabFile } from './open-lab-file.ts';
import { existingCluster } from './verify.ts';

/** Exit 3 when something is missing that every lab needs, or that the named lab needs. */
export const run: RunCommand = async (invocation) => {
  const { lab, operands, output } = invocation;
  const file = operands[0];
  const engine = textOption(invocation, 'engine');
  const cluster = existingCluster(invocation);
  if (cluster !== null) return await examine(invocation, cluster);
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

/** A cluster that exists: its nodes, not this machine. */
async function examine(invocation: Invocation, cluster: ExistingCluster): Promise<number> {
  const { lab, operands, output } = invocation;
  const other = operands[0] ?? ['engine', 'nodeImage'].flatMap((name) => textOption(invocation, name) ?? [])[0];
  if (other !== undefined) throw usageError(`${other} and --kubeconfig or --context exclude each other`, 'ask for a cluster, or for this machine');
  const capabilities = await lab.examineExisting(cluster);
  const ok = capabilities.every((capability) => capability.ok);
  output.document({ ok, lab: null, capabilities });
  output.data(renderDoctor(capabilities, output.style, output.columns, CLUSTER_WORDS));
  return ok ? exitCodes.ok : exitCodes.environment;
}
