/** The kind engine: every node is a container, and everything in it is Kubernetes' own. */
import { LabError } from '../../topology/errors.ts';
import { kindRefusals } from '../../topology/kind-refusals.ts';
import type { Engine } from '../port.ts';
import { containersOf } from './container-engine.ts';
import { destroyClusters } from './destroy.ts';
import { fidelity } from './fidelity.ts';
import { accessTo, kindHandle, NAME, type KindHandle } from './handle.ts';
import { kindDeps, type KindDeps } from './kind-deps.ts';
import { ownedBy, readOwner, type Owner } from './owner.ts';
import { placeArgv } from './place.ts';
import { replaceReasons } from '../kubernetes/replace-reasons.ts';
import { FIXED_PARTS } from './fixed-parts.ts';
import { kindSession } from './session.ts';

/** `deps`: the lowest layer of a test. */
export function kindEngine(deps: KindDeps = kindDeps): Engine {
  /** Is every container of the lab there, ours, and running? @throws LabError when the container engine does not answer: then nobody knows. */
  const runs = async (handle: KindHandle): Promise<boolean> => {
    const owner = await ownerOf(handle);
    const containers = await containersOf(deps, handle.provider, owner.clusters);
    const own = ownedBy(owner, containers);
    return own.length >= owner.containers && own.every(({ running }) => running);
  };

  return {
    name: NAME,
    title: 'Kubernetes in containers (kind)',
    artifacts: 'kind',
    refusals: kindRefusals,
    replaceReasons: (from, to) => replaceReasons(FIXED_PARTS, from, to),
    kubernetes: (handle) => {
      const running = kindHandle(handle);
      return Object.entries(running.clusters).map(([cluster, engineName]) => accessTo(deps, running, cluster, engineName));
    },
    observe: async (handle, plan) => await (await import('./observe-clusters.ts')).observeClusters(deps, kindHandle(handle), plan),
    capabilities: async (plan) => await (await import('./capabilities.ts')).capabilities(deps, plan),
    fidelity,
    create: async (plan, context) => await (await import('./create.ts')).createClusters(deps, plan, context),
    change: async (handle, from, to, context) => {
      if (!(await runs(kindHandle(handle)))) throw lost(to.name);
      await (await import('./change.ts')).changeClusters(deps, handle, from, to, context);
    },
    status: async (handle) => ((await runs(kindHandle(handle))) ? 'up' : 'lost'),
    open: async (handle, plan) => {
      if (!(await runs(kindHandle(handle)))) throw lost(plan.name);
      return kindSession(deps, kindHandle(handle), plan);
    },
    enter: (handle, place, argv) => {
      const terminal = process.stdin.isTTY && process.stdout.isTTY;
      return Promise.resolve(placeArgv(kindHandle(handle), place, argv, { input: true, terminal }));
    },
    destroy: async (handle, directory) => await destroyClusters(deps, directory, handle?.engine === NAME ? await ownerOf(kindHandle(handle)) : null),
  };
}

/** What the directory says; where it is gone, as much as the handle knows. */
async function ownerOf({ directory, provider, clusters, containers, writtenAt }: KindHandle): Promise<Owner> {
  return (await readOwner(directory)) ?? { lab: '', directory, provider, clusters: Object.values(clusters), containers, writtenAt };
}

function lost(lab: string): LabError {
  return new LabError({
    code: 'LAB_LOST',
    message: `lab ${lab} is lost: not all of its nodes run (the container engine was restarted, or somebody stopped them)`,
    hint: `\`cnilab down ${lab}\` cleans up, \`cnilab up\` rebuilds it`,
  });
}
