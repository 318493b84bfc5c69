/** What is asked inside of a cluster beyond the network: Services, names and policies, planned by the checks that will judge the answers. */
import type { Beyond } from '../engines/kubernetes/collect.ts';
import type { ParsedEvidence } from '../engines/kubernetes/evidence.ts';
import type { ExpectedJob } from '../engines/kubernetes/expected-jobs.ts';
import type { ClusterFacts } from '../engines/kubernetes/facts.ts';
import type { Kubectl } from '../engines/kubernetes/kubectl.ts';
import type { LabParts } from '../engines/kubernetes/lab-parts.ts';
import type { TargetLine } from '../engines/kubernetes/targets.ts';
import type { EngineSession } from '../engines/port.ts';
import type { ClusterPlan, LabPlan, PodPlan } from '../topology/plan.ts';
import type { Cast } from '../verify/cast.ts';
import type { VerifyOptions } from '../verify/options.ts';
import type { Suite } from '../verify/suites.ts';
import { guestAddresses, rangesDecide } from './guest-addresses.ts';

export interface SuitesInput {
  readonly kubectl: Kubectl;
  readonly lab: string;
  readonly namespace: string;
  readonly facts: ClusterFacts;
  /** A lab's own cluster, or one that was found: of that nothing is known but what every cluster has. */
  readonly ownLab: boolean;
  readonly suites: readonly Suite[];
  readonly options: VerifyOptions;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Called once when pods of the lab are to be entered, before anything is created: throws when that is not allowed. */
  readonly mayEnter: () => Promise<void>;
  /** The cluster as it is, with the pods of the verification that these names and addresses are of. */
  readonly observe: (jobs: readonly ExpectedJob[]) => LabPlan;
}

export interface SuitesInCluster {
  /** Settles what is asked. */
  readonly prepare: (targets: readonly TargetLine[]) => Promise<Beyond | null>;
  /** Connections and questions of the Job that has most of them; null: none are asked. */
  readonly calls: () => number | null;
  /** The plan, the parts and the answers of what was asked; null when nothing was. `observed`: with the pods of R1 as they were. */
  readonly judged: (observed: LabPlan, evidence: Evidence) => Promise<Judged | null>;
  /** What could not be asked, for people. */
  readonly notes: readonly string[];
}

type Evidence = Pick<ParsedEvidence, 'probes' | 'replies' | 'done'>;

export interface Judged {
  readonly plan: LabPlan;
  readonly cast: Cast;
  readonly session: EngineSession;
}

/** Pods of a lab that are entered: each takes a process here, and eight there. */
const MOST_ENTERED = 30;
/** Reading and starting, beyond what the probes of an entered pod take. */
const ENTER_MS = 60_000;

/** Nothing is asked yet. */
export function suitesInCluster(input: SuitesInput): SuitesInCluster {
  const { kubectl, facts, namespace, signal, deadlineMs } = input;
  const notes: string[] = input.ownLab ? [] : [`Services and policies of ${facts.cluster}: it was found, and only those of a lab are looked at`];
  let parts: LabParts | null = null;
  let most: number | null = null;
  // Names are the same for every pod; who may call whom is not.
  const enters = input.suites.includes('services') || input.suites.includes('policy');
  const partsOf = async (cluster: ClusterPlan): Promise<LabParts> => {
    const [{ readLabParts }, { clusterServices }] = await Promise.all([
      import('../engines/kubernetes/lab-parts.ts'),
      import('../engines/kubernetes/observed-services.ts'),
    ]);
    return input.ownLab
      ? await readLabParts(kubectl, cluster, signal)
      : { services: clusterServices(facts), pods: [], dns: [], serves: new Set(), enterable: new Map() };
  };
  const noteUnasked = ({ pods, enterable }: LabParts): void => {
    if (!enters) {
      if (pods.length > 0) notes.push(`pods of ${facts.cluster} as clients: they are entered for Services and policies alone`);
      return;
    }
    const strange = pods.filter((pod) => !pod.hostNetwork && !enterable.has(pod.id)).length;
    if (strange > 0) notes.push(`${strange} pods of ${facts.cluster} as clients: their images are not agnhost, so nothing can be asked from them`);
    if (enterable.size > MOST_ENTERED) notes.push(`${enterable.size - MOST_ENTERED} more pods of ${facts.cluster} as clients: ${MOST_ENTERED} were entered`);
  };
  return {
    notes,
    calls: () => most,
    prepare: async (targets) => {
      const [{ rehearse }, { verifyLab }, { amountOf, callsText }, { enterPods, longestMs }, synth, { dnsZone, resolveDns }, { decodeQuestion, encodeReply }] =
        await Promise.all([
          import('../engines/kubernetes/rehearsal.ts'),
          import('../verify/run-verification.ts'),
          import('../engines/kubernetes/calls.ts'),
          import('../engines/kubernetes/enter-pods.ts'),
          import('../constructs/synth/verification/index.ts'),
          import('../topology/services/dns-records.ts'),
          import('../verify/dns/message.ts'),
        ]);
      const guests = (way: number, taken: ReadonlySet<string>): LabPlan =>
        input.observe(
          targets.map(({ node, index }) => {
            const shares = facts.nodes.find((one) => one.name === node)?.podCIDRs ?? [];
            return { node, name: `r1-${index}`, ips: guestAddresses(shares, taken)[way] ?? [] };
          }),
        );
      const [cluster] = guests(0, new Set()).clusters;
      if (cluster === undefined) return null;
      const known = await partsOf(cluster);
      parts = known;
      const taken = new Set([...(facts.podIPs ?? []), ...known.pods.flatMap((pod) => pod.interface?.addresses.map((one) => one.address) ?? [])]);
      let zone = dnsZone(cluster);
      const { session, calls } = rehearse((message) => {
        const bytes = Buffer.from(message, 'base64');
        const question = decodeQuestion(bytes);
        return Buffer.from(encodeReply(bytes, question === null ? [] : (resolveDns(zone, question)?.answers ?? []))).toString('base64');
      });
      // Where the address of a pod decides, it is asked for what any of them needs: most connections count.
      for (const way of rangesDecide({ ...cluster, services: known.services }) ? [0, 1, 2] : [0]) {
        const { plan, cast } = withParts(guests(way, taken), known, enters);
        zone = dnsZone(plan.clusters[0] ?? cluster);
        await verifyLab(session, plan, { ...judging(input, cast, cluster.name), onProgress: () => {} });
      }
      const asked = calls();
      const jobs = targets.flatMap(({ index, node }) => [
        { requirement: 'r1' as const, index, own: asked.get(`${cluster.name}/${namespace}/r1-${index}`) ?? [] },
        { requirement: 'r2' as const, index, own: asked.get(node) ?? [] },
      ]);
      most = Math.max(0, ...jobs.map(({ own }) => amountOf(own)));
      const files = jobs.map(({ requirement, index, own }) => ({ requirement, index, text: callsText(own) }));
      const { enterable } = known;
      noteUnasked(known);
      const entries = known.pods.flatMap((pod) => {
        const own = asked.get(pod.id) ?? [];
        const container = enterable.get(pod.id);
        if (own.length === 0 || container === undefined) return [];
        const amount = amountOf(own);
        const node = cluster.nodes.find((one) => one.name === pod.node)?.netns ?? pod.node;
        const text = synth.enteredScript({
          node,
          pod: `${pod.namespace}/${pod.name}`,
          calls: callsText(own),
          amount,
          deadlineMs,
          slowness: kubectl.slowness,
        });
        return [{ namespace: pod.namespace, pod: pod.name, container, argv: synth.ENTER, input: text, timeoutMs: ENTER_MS + amount * deadlineMs }];
      });
      if (entries.length > 0) await input.mayEnter();
      return {
        enterMs: longestMs(entries),
        objects: [synth.callsConfigMap({ lab: input.lab, namespace, files })],
        enter: () =>
          enterPods(kubectl, entries, {
            signal,
            onTrouble: (entry, why) => notes.push(`${facts.cluster}: ${entry.namespace}/${entry.pod} could not be entered: ${why}`),
          }),
      };
    },
    judged: async (observed, evidence) => {
      if (parts === null) return null;
      const { callingSession } = await import('../engines/kubernetes/calling-session.ts');
      const { plan, cast } = withParts(observed, parts, enters);
      for (const { requirement, pod, complete, error } of evidence.done)
        if (requirement === 'own' && !complete) notes.push(`${facts.cluster}: not all was asked from ${pod}: ${error}`);
      const places = new Map<string, string>();
      for (const { nodes, pods } of plan.clusters) {
        for (const node of nodes) places.set(node.netns, node.netns);
        for (const pod of pods) {
          places.set(`${pod.namespace}/${pod.name}`, pod.netns);
          if (pod.namespace === namespace) places.set(pod.name, pod.netns);
        }
      }
      return { plan, cast, session: callingSession(evidence, plan, places) };
    },
  };
}

/** The options with which these suites are rehearsed. */
function judging({ suites, options, deadlineMs }: Pick<SuitesInput, 'suites' | 'options' | 'deadlineMs'>, cast: Cast, cluster: string): VerifyOptions {
  return { ...options, suites: suites.filter((suite) => suite !== 'network'), deadlineMs, sample: undefined, casts: new Map([[cluster, cast]]) };
}

/**
 * The cluster with its Services, the lab's own pods, and those of R1 as its guests. Guests come first: what is asked of the
 * last pod (its name) is the same before their addresses are known.
 */
function withParts(observed: LabPlan, { services, pods, dns, serves, enterable }: LabParts, enters: boolean): { readonly plan: LabPlan; readonly cast: Cast } {
  const isGuest = (pod: PodPlan): boolean => pod.labels['cnilab.dev/requirement'] === 'r1';
  const clusters = observed.clusters.map((cluster): ClusterPlan => ({ ...cluster, services, pods: [...cluster.pods.filter(isGuest), ...dns, ...pods] }));
  const entered = enters ? pods.filter((pod) => enterable.has(pod.id)).slice(0, MOST_ENTERED) : [];
  const asks = new Set([...clusters.flatMap((cluster) => cluster.pods.filter(isGuest)), ...entered].map((pod) => pod.id));
  const answers = new Set(pods.map((pod) => pod.id));
  return { plan: { ...observed, clusters }, cast: { asks, answers, serves, asksAll: asks, offsets: 'all', nobody: new Map() } };
}
