import { containersOf } from '../topology/docker/places.ts';
import { LabError } from '../topology/errors.ts';
import { listed } from '../topology/listed.ts';
import { FABRIC_NETNS } from '../topology/plan.ts';
import { environmentOf } from '../topology/services/environment.ts';
import { podNames } from '../verify/lesson/names.ts';
import type { LabState } from './lab-state.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { presentLab } from './present-plan.ts';
import { readLab } from './read.ts';
import { requireUp, TO_BE_LOOKED_AT } from './require-up.ts';

/** A place of a lab in which programs can be run. */
export interface Target {
  /** Network namespace. */
  readonly netns: string;
  /** Identity: `cluster/namespace/pod`, `cluster/node`, `host/container`, or the name of a host or router. */
  readonly id: string;
}

interface Named extends Target {
  /** All that it can be called, shortest first. */
  readonly names: readonly string[];
}

function everything(state: LabState): readonly Named[] {
  const { machines, clusters } = state.observed ?? state.plan;
  return [
    ...clusters.flatMap((cluster) => cluster.pods.map((pod): Named => ({ id: pod.id, netns: pod.netns, names: podNames(pod) }))),
    ...clusters.flatMap((cluster) => cluster.nodes.map((node): Named => ({ id: node.id, netns: node.netns, names: [node.name, node.id] }))),
    ...machines.map((machine): Named => ({ id: machine.id, netns: machine.netns, names: [machine.name] })),
    ...containersOf({ machines }).map(({ id, netns, name }): Named => ({ id, netns, names: [name, id] })),
    ...(state.byHand ?? []).map(({ id, netns, name }): Named => ({ id, netns, names: [name, id] })),
    { id: FABRIC_NETNS, netns: FABRIC_NETNS, names: [FABRIC_NETNS] },
  ];
}

const SHOWN = 20;

/** Everything that a word can mean in a lab. */
export function findTargets(state: LabState, target: string): readonly Target[] {
  const all = everything(state);
  // A full identity means one thing, even where it is also part of another's name.
  const exact = all.filter((one) => one.id === target);
  return exact.length > 0 ? exact : all.filter((one) => one.names.includes(target));
}

/**
 * What a word means in a lab: POD, NAMESPACE/POD, CLUSTER/NAMESPACE/POD, NODE, CLUSTER/NODE, a host, a router, CONTAINER, HOST/CONTAINER, or `fabric`, where the switches are.
 *
 * @throws LabError TARGET_UNKNOWN listing what it could mean, or all that there is
 */
export function resolveTarget(state: LabState, target: string): Target {
  const found = findTargets(state, target);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return { netns: only.netns, id: only.id };
  if (only !== undefined) {
    const ids = found.map((one) => one.id);
    throw new LabError({
      code: 'TARGET_UNKNOWN',
      message: `${target} can be ${found.length} things in lab ${state.name}`,
      hint: `say which: ${listed(ids, SHOWN)}`,
      details: { candidates: ids },
    });
  }
  const all = everything(state);
  const near = all.filter((one) => one.names.some((name) => name.includes(target))).map((one) => one.id);
  const candidates = near.length > 0 && target !== '' ? near : all.map((one) => one.id);
  throw new LabError({
    code: 'TARGET_UNKNOWN',
    message: `lab ${state.name} has no ${JSON.stringify(target)}`,
    hint: `there is: ${listed(candidates, SHOWN)}`,
    details: { candidates },
  });
}

/**
 * Does a word mean the same whatever became of the pods of a cluster? It does when it is a node or a pod's own name; a name of the plan is that of the pod which
 * stands in its place now, and a name that nobody had may be a new pod's. To ask a cluster takes seconds, and of a node nothing need be asked.
 */
function isKnown(state: LabState, target: string): boolean {
  const pods = (state.observed?.clusters ?? []).flatMap((cluster) => cluster.pods);
  const found = findTargets(state, target);
  return found.length > 0 && found.every(({ id }) => pods.every((pod) => pod.id !== id || [pod.name, `${pod.namespace}/${pod.name}`, pod.id].includes(target)));
}

/**
 * The argument vector that runs a program in a place of a lab that runs, or that failed and was kept, to be started with inherited stdio. Pods that came after
 * the lab are known, too.
 *
 * @throws LabError LAB_UNKNOWN, LAB_LOST, TARGET_UNKNOWN
 */
export async function enterArgv(
  name: string,
  target: string,
  argv: readonly string[],
  options: { readonly loadEngine?: LoadEngine } = {},
): Promise<readonly string[]> {
  const recorded = await readLab(name, options);
  const handle = requireUp(recorded, TO_BE_LOOKED_AT);
  const engine = await (options.loadEngine ?? loadEngine)(recorded.engine);
  const state = isKnown(recorded, target) ? recorded : await presentLab(engine, handle, recorded);
  const { netns, id } = resolveTarget(state, target);
  return await engine.enter(handle, netns, argv, id, environmentOf(state.plan, id));
}
