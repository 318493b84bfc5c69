/** What this machine has for kind, for `doctor`: every need with what was found and how it is mended. */
import type { LabPlan } from '../../topology/plan.ts';
import type { Capability, Finding } from '../port.ts';
import type { Provider } from './container-engine.ts';
import { hostFacts } from './host-facts.ts';
import { lastLine } from './container-engine.ts';
import { localImages } from './images.ts';
import type { KindDeps } from './kind-deps.ts';
import { judgePlugin, pluginsNeeded } from '../kubernetes/node-plugins.ts';
import { nodeImagesOf, trials } from './trials.ts';

/** Capabilities of this machine; with a plan also those that only it needs. */
export async function capabilities(deps: KindDeps, plan: LabPlan | null): Promise<readonly Capability[]> {
  const facts = await hostFacts(deps);
  const { provider, problem } = facts.engine;
  const images = plan === null || problem !== '' ? [] : await Promise.all(nodeImagesOf(plan).map(async (image) => await nodeImage(deps, provider, image)));
  const plugins = (plan === null ? ['bridge'] : pluginsNeeded(plan)).map((name) =>
    capability(
      { id: `cni-${name}`, title: `CNI plugin ${name}`, required: false, neededBy: 'bridge and flannel on kind, whose node images lack it' },
      judgePlugin(deps, name),
    ),
  );
  return [...trials.map((trial) => capability(trial, trial.judge(facts, plan))), ...plugins, ...images];
}

function capability(about: Pick<Capability, 'id' | 'title' | 'required' | 'neededBy'>, { ok, detail, remedy }: Finding): Capability {
  const { id, title, required, neededBy } = about;
  return { id, title, ok, detail, remedy: ok ? '' : remedy, required, neededBy };
}

/** Here, or at least to be had: its registry is asked. */
async function nodeImage(deps: Pick<KindDeps, 'run'>, provider: Provider, image: string): Promise<Capability> {
  const about = { id: `node-image-${image}`, title: `node image ${image}`, required: false, neededBy: 'every node' };
  if ((await localImages(deps, provider, [image])).length > 0) return capability(about, { ok: true, detail: 'is on this machine', remedy: '' });
  const asked = await deps.run([provider, 'manifest', 'inspect', image], { timeoutMs: 15_000 });
  return capability(about, {
    ok: asked.exitCode === 0,
    detail: asked.exitCode === 0 ? 'is not on this machine, and can be pulled' : `is not on this machine, and cannot be pulled: ${lastLine(asked)}`,
    remedy: 'check the name and the network, or choose one that is here: --node-image IMAGE',
  });
}
