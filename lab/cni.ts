/** CNI plugins called by hand, for one attachment in a running lab. */
import type { CniRequest, CniRun } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import { listed } from '../topology/listed.ts';
import { interfaceNameProblem, labelProblem, netnsName, stableHash } from '../topology/names.ts';
import { readConflist } from './conflist.ts';
import { findTargets, resolveTarget } from './exec.ts';
import type { LabState, PodByHand } from './lab-state.ts';
import type { LoadEngine } from './load-engine.ts';
import { writeState } from './state-file.ts';
import { withLab } from './with-lab.ts';

export interface CniByHandOptions {
  /** Of a pod that the lab does not have: the machine on which its namespace is made. @default the only machine of the lab */
  readonly node?: string;
  /** CNI_IFNAME. @default eth0 */
  readonly ifname?: string;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/** What was called, for which attachment. */
export interface CniByHand extends CniRun {
  readonly lab: string;
  readonly command: CniRequest['command'];
  /** Identities. */
  readonly pod: string;
  readonly node: string;
  readonly netns: string;
  readonly ifname: string;
}

const IFNAME = 'eth0';

/** What is attached. */
interface Attachee extends PodByHand {
  readonly namespace: string;
  /** The interface that the lab itself attached it by; '' for a pod made by hand. */
  readonly ownIfname: string;
  /** Made by hand, and new. */
  readonly isNew: boolean;
}

/**
 * Calls the plugins of a network configuration list as a container runtime does: ADD and CHECK in the order of the list, DEL in reverse. For a pod of the lab, by
 * another interface than its own; or for a name that the lab does not have, for which ADD makes an empty namespace, which DEL and `down` remove.
 * What a plugin refuses is an answer, not an error.
 *
 * @param file path of the list
 * @throws LabError CNI_LIST_INVALID; USAGE for a name or a machine that will not do, and what is attached already; LAB_UNKNOWN; LAB_LOST; LAB_LOCKED; TARGET_UNKNOWN;
 * ENGINE_UNSUPPORTED where a container runtime attaches pods; EnvironmentError for a plugin that is not there
 */
export async function cniByHand(command: CniRequest['command'], name: string, pod: string, file: string, options: CniByHandOptions = {}): Promise<CniByHand> {
  const ifname = options.ifname ?? IFNAME;
  const problem = interfaceNameProblem(ifname);
  if (problem !== null) throw usage(`--ifname: ${problem}`, 'an interface has a name of up to 15 letters and digits, such as net1');
  const list = await readConflist(file);
  return await withLab(name, `cni ${command.toLowerCase()}`, options, async (state, session) => {
    if (session.callCni === undefined) throw unsupported(state.engine);
    const whom = attacheeOf(state, pod, options.node);
    if (whom.ownIfname === ifname && command !== 'CHECK')
      throw usage(
        `${ifname} of ${whom.id} is the lab's own attachment`,
        '--ifname net1 attaches the pod a second time; a new name gets a namespace of its own',
      );
    const { namespace, name: podName, containerId, netns } = whom;
    const owned = whom.ownIfname === '';
    const others = (state.byHand ?? []).filter((one) => one.id !== whom.id);
    // Known before it is there: a run that is killed leaves nothing that has no name.
    if (command === 'ADD' && whom.isNew) await writeState({ ...state, byHand: [...others, asKept(whom)] });
    const forget = async (): Promise<void> => (owned ? await writeState({ ...state, byHand: others }) : undefined);
    try {
      const run = await session.callCni({ command, node: whom.nodeNetns, netns, owned, containerId, ifname, list, pod: { namespace, name: podName } });
      if (run.removed || (!run.ok && whom.isNew && command === 'ADD')) await forget();
      return { lab: name, command, pod: whom.id, node: whom.node, netns, ifname, ...run };
    } catch (error) {
      if (command === 'ADD' && whom.isNew) await forget();
      throw error;
    }
  });
}

function attacheeOf(state: LabState, word: string, nodeWord: string | undefined): Attachee {
  const found = findTargets(state, word);
  const node = nodeWord === undefined ? null : machineNamed(state, nodeWord);
  const known = found.length === 0 ? newPod(state, word, node) : knownPod(state, resolveTarget(state, word).id);
  if (node !== null && node.id !== known.node) throw usage(`${known.id} is on ${known.node}, not on ${node.id}`, 'leave --node away: where it is, is known');
  return known;
}

function knownPod(state: LabState, id: string): Attachee {
  const byHand = state.byHand?.find((one) => one.id === id);
  if (byHand !== undefined) return { ...byHand, namespace: 'default', ownIfname: '', isNew: false };
  for (const { nodes, pods } of state.plan.clusters) {
    const pod = pods.find((one) => one.id === id);
    const node = nodes.find((one) => one.name === pod?.node);
    if (pod === undefined || node === undefined) continue;
    if (pod.interface === null || pod.hostNetwork) throw usage(`${id} is in the network of its node: no runtime calls plugins for it`, 'name another pod');
    const { name, namespace, netns, containerId } = pod;
    return { id, name, namespace, netns, containerId, node: node.id, nodeNetns: node.netns, ownIfname: pod.interface.name, isNew: false };
  }
  throw usage(`${id} is a machine, and plugins attach pods`, 'name a pod, or a name that the lab does not have: it gets an empty namespace');
}

interface Machine {
  readonly id: string;
  readonly netns: string;
}

function machinesOf({ plan }: LabState): readonly Machine[] {
  return [...plan.clusters.flatMap(({ nodes }) => nodes), ...plan.machines].map(({ id, netns }) => ({ id, netns }));
}

function machineNamed(state: LabState, word: string): Machine {
  const { id } = resolveTarget(state, word);
  const machine = machinesOf(state).find((one) => one.id === id);
  if (machine !== undefined) return machine;
  throw usage(
    `--node: ${id} is no machine`,
    `machines are: ${listed(
      machinesOf(state).map((one) => one.id),
      12,
    )}`,
  );
}

function newPod(state: LabState, name: string, given: Machine | null): Attachee {
  const problem = labelProblem(name);
  if (problem !== null)
    throw usage(`lab ${state.name} has no pod ${JSON.stringify(name)}, and it cannot be the name of a new one: ${problem}`, 'choose a name such as by-hand');
  const [only, ...others] = machinesOf(state);
  const node = given ?? (others.length === 0 ? only : undefined);
  if (node === undefined)
    throw usage(
      `lab ${state.name} has no pod ${name}; for a new one its machine must be named`,
      `add --node NAME: ${listed(
        machinesOf(state).map((one) => one.id),
        12,
      )}`,
    );
  const id = `by-hand/${name}`;
  return {
    id,
    name,
    namespace: 'default',
    netns: netnsName('by-hand', name),
    containerId: stableHash(id, 64),
    node: node.id,
    nodeNetns: node.netns,
    ownIfname: '',
    isNew: true,
  };
}

function asKept({ id, name, netns, containerId, node, nodeNetns }: Attachee): PodByHand {
  return { id, name, netns, containerId, node, nodeNetns };
}

function usage(message: string, hint: string): LabError {
  return new LabError({ code: 'USAGE', message, hint });
}

function unsupported(engine: string): LabError {
  return new LabError({
    code: 'ENGINE_UNSUPPORTED',
    message: `on engine ${engine} the container runtime calls the plugins: they cannot be called by hand from outside`,
    hint: 'bring the lab up on engine netns for that',
  });
}
