/** What `up` looks at before it creates anything: all questions side by side, every lack named at once. */
import type { ArtifactSet } from '../../topology/artifacts.ts';
import { EnvironmentError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { Materials } from '../port.ts';
import { collisions, collisionText, networkRanges, routeRanges, type TakenRange } from './collisions.ts';
import { answered, answeredOfMost, containersOf, parsed, type Provider } from './container-engine.ts';
import { hostFacts } from './host-facts.ts';
import { localImages, missing, requireLocal } from './images.ts';
import type { KindDeps } from './kind-deps.ts';
import { markOf, ownerText, readOwner } from './owner.ts';
import { judgePlugin } from '../kubernetes/node-plugins.ts';
import { trials } from './trials.ts';

export interface Preflight {
  readonly provider: Provider;
  /** Node images that are to be pulled first. */
  readonly pull: readonly string[];
  /** What this machine lacks that the lab may come up without, each with how it is mended. */
  readonly advice: readonly string[];
}

/**
 * @throws EnvironmentError ENVIRONMENT_LACKS with everything that is missing; NAME_TAKEN; CIDR_COLLISION; IMAGE_MISSING
 */
export async function preflight(
  deps: KindDeps,
  plan: LabPlan,
  artifacts: ArtifactSet,
  { load, offline }: Pick<Materials, 'load' | 'offline'>,
): Promise<Preflight> {
  const [facts, ports] = await Promise.all([hostFacts(deps), portsInUse(deps, plan)]);
  const advice = trials
    .filter(({ required }) => !required)
    .map((trial) => ({ what: trial.title, ...trial.judge(facts, plan) }))
    .filter(({ ok }) => !ok)
    .map(({ what, detail, remedy }) => `${what}: ${detail} (${remedy})`);
  const plugins = [...new Set(artifacts.clusters.flatMap((cluster) => cluster.plugins))];
  const lacks = [
    ...trials.filter(({ required }) => required).map((trial) => ({ what: trial.title, ...trial.judge(facts, plan) })),
    ...plugins.map((name) => ({ what: `CNI plugin ${name}`, ...judgePlugin(deps, name) })),
    ...ports,
  ].filter(({ ok }) => !ok);
  if (lacks.length > 0) {
    throw new EnvironmentError({
      code: 'ENVIRONMENT_LACKS',
      message: `lab ${plan.name} cannot run on kind here: ${lacks.map(({ what, detail }) => `${what}: ${detail}`).join('; ')}`,
      hint: [...new Set(lacks.map(({ remedy }) => remedy))].join('\n'),
      details: { lacks },
    });
  }
  const { provider } = facts.engine;
  const [taken, local] = await Promise.all([
    takenRanges(deps, provider),
    localImages(deps, provider, [...artifacts.nodeImages, ...load]),
    namesFree(deps, provider, artifacts),
  ]);
  const found = collisions(plan, taken);
  if (found.length > 0) {
    throw new EnvironmentError({
      code: 'CIDR_COLLISION',
      message: `address ranges of lab ${plan.name} are in use on this machine: ${collisionText(found)}`,
      hint: `choose other ranges in the lab file (podCIDR, serviceCIDR), or remove the network if nothing needs it: ${provider} network rm NAME`,
      details: { collisions: found },
    });
  }
  requireLocal(provider, load, local);
  const pull = artifacts.nodeImages.filter((image) => !local.includes(image));
  if (offline && pull.length > 0) throw missing(pull, 'cannot be used: not on this machine, and nothing may be fetched', `${provider} pull ${pull.join(' ')}`);
  return { provider, pull, advice };
}

interface Lack {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy: string;
}

async function portsInUse(deps: Pick<KindDeps, 'portInUse'>, plan: LabPlan): Promise<readonly Lack[]> {
  const mappings = plan.clusters.flatMap((cluster) => cluster.portMappings);
  return await Promise.all(
    mappings.map(async (mapping) => {
      const { hostPort, listenAddress, node } = mapping;
      return {
        what: `port ${hostPort} of ${listenAddress}`,
        ok: !(await deps.portInUse(mapping)),
        detail: `is in use (mapped to node ${node})`,
        remedy: `end what listens (\`ss -ltnp sport = :${hostPort}\`), or map another port (portMappings)`,
      };
    }),
  );
}

async function takenRanges(deps: Pick<KindDeps, 'run'>, provider: Provider): Promise<readonly TakenRange[]> {
  const networks = async (): Promise<readonly TakenRange[]> => {
    const listed = answered(provider, await deps.run([provider, 'network', 'ls', '--quiet'], QUESTION));
    const names = listed.stdout.split('\n').filter((name) => name !== '');
    if (names.length === 0) return [];
    const answer = answeredOfMost(provider, await deps.run([provider, 'network', 'inspect', ...names], QUESTION));
    return parsed(`${provider} network inspect`, () => networkRanges(answer.stdout === '' ? '[]' : answer.stdout));
  };
  // Not there on every machine that a container engine can serve.
  const routes = async (family: '-4' | '-6'): Promise<readonly TakenRange[]> => {
    const answer = await deps.run(['ip', family, '-json', 'route'], QUESTION);
    return answer.exitCode === 0 ? parsed(`ip ${family} -json route`, () => routeRanges(answer.stdout.trim(), family === '-4' ? 32 : 128)) : [];
  };
  return (await Promise.all([networks(), routes('-4'), routes('-6')])).flat();
}

async function namesFree(deps: Pick<KindDeps, 'run'>, provider: Provider, artifacts: ArtifactSet): Promise<void> {
  const names = artifacts.clusters.map(({ engineName }) => engineName);
  const [container] = await containersOf(deps, provider, names);
  if (container === undefined) return;
  const mark = markOf(container);
  const owner = mark === null ? null : await readOwner(mark);
  const removal = owner === null ? `kind delete cluster --name ${container.cluster}` : `cnilab down ${owner.lab}`;
  throw new EnvironmentError({
    code: 'NAME_TAKEN',
    message: `kind has a cluster ${container.cluster} already (${ownerText(container)}): it is left alone`,
    hint: `give the lab another name; or, if nobody needs that cluster: ${removal}`,
    details: { cluster: container.cluster, container: container.name },
  });
}

const QUESTION = { timeoutMs: 15_000 };
