/**
 * A running lab whose nodes can be entered, opened: programs run in its nodes, and in the network namespaces of its pods, which are entered from the nodes. So a few
 * probes are tried, and packets followed; the probes of a verification come from inside the clusters.
 */
import { LabError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { REPORTED_SIGHT, type EngineSession } from '../port.ts';
import type { CommandOptions, FinishedCommand } from '../run-command.ts';
import { endedByItself } from './ended-by-itself.ts';
import { followPackets } from './follow-packets.ts';
import { inPodArgv } from './kernel-script.ts';
import { readKernels, readPodPlaces, type ClusterPlace, type OnNode } from './read-kernels.ts';
import { measureWay } from './measure-way.ts';
import { limited } from './time-limit.ts';
import { tryWays, type RunInPlace } from './try-ways.ts';

/**
 * Those that look every few seconds whether routes, rules and settings are theirs, by what their command lines hold: agents of CNIs, and kube-proxy. The
 * brackets keep a shell that carries these words from being one of them.
 */
const AGENTS = '[f]lanneld|/run/[c]nilab-bridge/bridge\\.sh|[k]indnetd|[c]alico-node|[w]eaver|[k]ube-proxy';

export interface EnteredNodes {
  /** Name of the engine, for people. */
  readonly engine: string;
  /** By how much everything takes longer there. */
  readonly slowness: number;
  /** Runs a program on a node, as root. @throws LabError TARGET_UNKNOWN for what is no node that runs */
  readonly run: (node: string, argv: readonly string[], options: CommandOptions) => Promise<FinishedCommand>;
}

/** @param plan the lab as observed: `netns` of a node is its name, of a pod `pod:<cluster>/<namespace>/<name>` */
export function nodeSession({ engine, slowness, run: enter }: EnteredNodes, plan: LabPlan): EngineSession {
  const places = placesOf(plan);
  // Time limits are made for machines of one's own: they are as much longer here, for both ends.
  const run: EnteredNodes['run'] = async (node, argv, { timeoutMs, ...options }) =>
    timeoutMs === undefined
      ? await enter(node, argv, options)
      : await enter(node, limited(argv, timeoutMs * slowness), { ...options, timeoutMs: timeoutMs * slowness });
  const onNode: OnNode = async (node, argv, options = {}) => await run(node, argv, options);
  const inPlace: RunInPlace = async (netns, argv, options) => {
    const place = places.find((one) => one.netns === netns);
    const inside = place === undefined || place.pod === null ? argv : inPodArgv(await podPath(onNode, place, place.pod), argv);
    return endedByItself(await run(place?.node ?? netns, inside, options), netns, argv);
  };
  return {
    sight: { ...REPORTED_SIGHT, probes: false, single: true, kernel: true },
    agents: { stop: ['pkill', '-STOP', '-f', AGENTS], resume: ['pkill', '-CONT', '-f', AGENTS] },
    probe: async (request, onBatch) => await tryWays(inPlace, request, onBatch, slowness),
    measure: async (request) => await measureWay(inPlace, request, slowness),
    follow: async (request, context) => await followPackets(inPlace, request, context),
    snapshot: async (namespaces, options) => {
      const asked = new Set(namespaces);
      return await readKernels(
        onNode,
        places.filter(({ netns }) => asked.has(netns)),
        options,
      );
    },
    run: async (netns, argv, options = {}) => await inPlace(netns, argv, options),
    checkAttachments: () =>
      Promise.reject(
        new LabError({
          code: 'ENGINE_UNSUPPORTED',
          message: `on ${engine} the container runtime attaches pods: CNI CHECK cannot be asked for from outside`,
          hint: '`cnilab verify LAB` looks at every pod from inside of the cluster',
        }),
      ),
    close: () => Promise.resolve(),
  };
}

function placesOf(plan: LabPlan): readonly ClusterPlace[] {
  return plan.clusters.flatMap(({ nodes, pods }) => [
    ...nodes.map(({ netns }) => ({ netns, node: netns, pod: null })),
    ...pods.flatMap(({ netns, hostNetwork, namespace, name, node: home }) => {
      const node = nodes.find((one) => one.name === home);
      return hostNetwork || node === undefined ? [] : [{ netns, node: node.netns, pod: `${namespace}/${name}` }];
    }),
  ]);
}

/** @throws LabError TARGET_UNKNOWN when the pod does not run there any more */
async function podPath(onNode: OnNode, { node }: ClusterPlace, pod: string): Promise<string> {
  const path = (await readPodPlaces(onNode, node)).get(pod);
  if (path !== undefined) return path;
  throw new LabError({
    code: 'TARGET_UNKNOWN',
    message: `pod ${pod} does not run on ${node} any more`,
    hint: 'the cluster has put another in its place: name that one; `kubectl get pods --all-namespaces` lists them',
  });
}
