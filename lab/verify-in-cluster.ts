/** Verification from inside of clusters with an API: what the pods of Jobs report is judged by the same checks as probes of the embedded engine. */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Collected } from '../engines/kubernetes/collect.ts';
import type { ClusterFacts } from '../engines/kubernetes/facts.ts';
import type { EngineSession, FidelityStatement, KubernetesAccess } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import type { ClusterPlan, LabPlan } from '../topology/plan.ts';
import { ATTEMPTS, CLUSTER_DEADLINE_MS, targetsPerNode } from '../topology/probing.ts';
import type { Cast } from '../verify/cast.ts';
import type { VerifyOptions } from '../verify/options.ts';
import type { Report, RequirementId } from '../verify/report.ts';

/** What is verified: a lab that runs on an engine with an API, or clusters that were found. */
export interface InClusterTarget {
  /** Name for the report and the marks of what is created. */
  readonly lab: string;
  readonly engine: string;
  readonly fidelity: (plan: LabPlan) => FidelityStatement;
  readonly accesses: readonly KubernetesAccess[];
  /** The running lab as it is; null for clusters that were found. */
  readonly plan: LabPlan | null;
  /** Image of the probes. @default agnhost, the test image of Kubernetes */
  readonly image?: string;
}

interface Verified {
  readonly facts: ClusterFacts;
  readonly collected: Collected;
  readonly plan: LabPlan;
  readonly session: EngineSession;
  readonly cast: Cast;
  /** Nodes that track no connection, though they take part. */
  readonly untracked: readonly string[];
}

/**
 * Verifies clusters from inside, one after the other, and judges them together. Each gets one namespace, which is proven to be gone when this
 * resolves or rejects.
 *
 * @throws {LabError} USAGE, CLUSTER_UNREACHABLE, FORBIDDEN_BY_CLUSTER with the rules to grant, NOT_READY, CLEANUP_FAILED, INTERRUPTED
 */
export async function verifyInCluster(target: InClusterTarget, options: VerifyOptions = {}): Promise<Report> {
  const [{ verifyLab }, { settleOptions }, { checks }] = await Promise.all([
    import('../verify/run-verification.ts'),
    import('../verify/options.ts'),
    import('../verify/checks/index.ts'),
  ]);
  // What makes no sense is said before anything is created.
  settleOptions({ families: ['ipv4', 'ipv6'], clusters: [] }, options, Object.keys(checks), { icmp: false });
  const at = new Date();
  const started = performance.now();
  const parts: Verified[] = [];
  try {
    for (const access of target.accesses) parts.push(await verifyOne(target, access, options));
    const first = parts[0];
    if (first === undefined) throw new LabError({ code: 'USAGE', message: `${target.lab} has no cluster`, hint: 'only clusters can be verified from inside' });
    const plan = { ...first.plan, name: target.lab, clusters: parts.flatMap((part) => part.plan.clusters) };
    // What is judged was probed already: its progress is no news.
    const { onProgress: _told, ...judged } = options;
    const report = await verifyLab(together(parts), plan, {
      ...judged,
      deadlineMs: options.deadlineMs ?? CLUSTER_DEADLINE_MS,
      sample: undefined,
      engine: target.engine,
      fidelity: target.fidelity(plan),
      casts: new Map(parts.map((part) => [part.facts.cluster, part.cast])),
      notes: parts.flatMap(notesOf),
      missing: parts.flatMap(missingOf),
    });
    return { ...report, startedAt: at.toISOString(), elapsedMs: Math.round(performance.now() - started) };
  } finally {
    await removed(parts);
  }
}

/** Waits for all removals, whatever becomes of one; throws the first failure. */
async function removed(parts: readonly Verified[]): Promise<void> {
  const ended = await Promise.allSettled(parts.map((part) => part.collected.cleanup));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}

async function verifyOne(target: InClusterTarget, access: KubernetesAccess, options: VerifyOptions): Promise<Verified> {
  const [
    { kubectlFor },
    { readFacts },
    { collectVerification },
    { observedPlan },
    { recordedSession },
    { AGNHOST_IMAGE },
    synth,
    { requirePermissions },
    permissions,
    { untrackedNodes },
  ] = await Promise.all([
    import('../engines/kubernetes/kubectl.ts'),
    import('../engines/kubernetes/facts.ts'),
    import('../engines/kubernetes/collect.ts'),
    import('../engines/kubernetes/observed-plan.ts'),
    import('../engines/kubernetes/recorded-session.ts'),
    import('../topology/workloads.ts'),
    import('../constructs/synth/verification/index.ts'),
    import('../engines/kubernetes/permissions.ts'),
    import('../constructs/synth/verification/permissions.ts'),
    import('../engines/kubernetes/conntrack-text.ts'),
  ]);
  const onEvent = options.onProgress ?? (() => {});
  const signal = options.signal ?? new AbortController().signal;
  // Each process that is waited for listens to it.
  setMaxListeners(0, signal);
  const kubectl = kubectlFor(access);
  await requirePermissions(kubectl, permissions.VERIFICATION_PERMISSIONS, { signal });
  const planned = target.plan?.clusters.find((cluster) => cluster.name === access.cluster) ?? null;
  const facts = inOrder(await readFacts(kubectl, { signal }), planned);
  const families = facts.families.filter((family) => options.families?.includes(family) ?? true);
  if (families.length === 0) {
    throw new LabError({ code: 'USAGE', message: 'no address family is left to probe', hint: `${access.cluster} has ${facts.families.join(' and ')}` });
  }
  const perNode = targetsPerNode(facts.nodes.length, options.sample);
  const namespace = `cnilab-verify-${randomBytes(4).toString('hex')}`;
  const deadlineMs = options.deadlineMs ?? CLUSTER_DEADLINE_MS;
  const attempts = options.attempts ?? ATTEMPTS;
  const common = { lab: target.lab, namespace };
  const collected = await collectVerification({
    access,
    facts,
    kubectl,
    objects: (round) =>
      synth.verificationObjects({
        ...common,
        ...round,
        nodes: facts.nodes.map((node) => node.name),
        families,
        attempts,
        deadlineMs,
        image: target.image ?? AGNHOST_IMAGE,
        profile: options.profile ?? 'classic',
        perNode,
        shardSize: null,
      }),
    targets: (lines) => synth.targetsConfigMap({ ...common, lines }),
    signal,
    onEvent,
  });
  try {
    const nodes = planned?.nodes.map((node) => ({ plan: node.name, name: node.netns }));
    const plan = observedPlan({
      lab: target.lab,
      cluster: access.cluster,
      facts,
      collected,
      ...(target.plan === null ? {} : { plan: target.plan }),
      ...(nodes === undefined ? {} : { nodes }),
    });
    return {
      facts,
      collected,
      plan,
      session: recordedSession(collected, plan),
      cast: castOfOne(collected, plan, synth.offsetsFor(facts.nodes.length, perNode)),
      untracked: untrackedNodes(collected.conntrack, collected.evidence.probes),
    };
  } catch (error) {
    // Whoever awaits the removal of a part does not know of this one.
    await collected.cleanup;
    throw error;
  }
}

/** Nodes in the order of the plan, so that a report reads like the lab. */
function inOrder(facts: ClusterFacts, planned: ClusterPlan | null): ClusterFacts {
  if (planned === null) return facts;
  const place = new Map(planned.nodes.map((node, index) => [node.netns, index]));
  return { ...facts, nodes: facts.nodes.toSorted((a, b) => (place.get(a.name) ?? Infinity) - (place.get(b.name) ?? Infinity)) };
}

function castOfOne(collected: Collected, plan: LabPlan, offsets: Cast['offsets']): Cast {
  const cluster = plan.clusters[0];
  const ids = (roles: readonly string[]): ReadonlySet<string> =>
    new Set(collected.pods.filter((pod) => roles.includes(pod.role)).map((pod) => `${cluster?.name ?? ''}/${collected.namespace}/${pod.name}`));
  // A pod that started later may have been given one of them.
  const taken = new Set([...collected.pods.flatMap((pod) => pod.ips), ...collected.evidence.views.flatMap((view) => view.podIPs)]);
  const nodeIds = new Map(cluster?.nodes.map((node) => [node.netns, node.id]));
  return {
    asks: ids(['r1', 'r3']),
    asksAll: ids(['r1']),
    answers: ids(['responder']),
    offsets,
    nobody: new Map(collected.targets.map((line) => [nodeIds.get(line.node) ?? line.node, line.nobody.filter((address) => !taken.has(address))])),
  };
}

/** One session over all clusters: every request is about the ends of one of them. */
function together(parts: readonly Verified[]): EngineSession {
  const sessionOf = (id: string): EngineSession => {
    const part = parts.find(({ plan }) => id.startsWith(`${plan.clusters[0]?.name ?? ''}/`)) ?? parts[0];
    if (part === undefined) throw new RangeError(`no cluster has ${id}`);
    return part.session;
  };
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first.session;
  return {
    sight: { icmp: false, df: false, kernel: false, clock: false, destination: false },
    probe: async (request, onBatch) => await sessionOf(request.endpoints[0]?.id ?? '').probe(request, onBatch),
    snapshot: async (namespaces, options) => {
      const all = await Promise.all(parts.map(async (part) => await part.session.snapshot(namespaces, options)));
      return { takenAt: all[0]?.takenAt ?? '', namespaces: Object.assign({}, ...all.map((one) => one.namespaces)) };
    },
    run: async (netns, argv, options) => await sessionOf(netns).run(netns, argv, options),
    checkAttachments: async () => (await Promise.all(parts.map(async (part) => await part.session.checkAttachments()))).reduce((a, b) => a + b, 0),
    close: async () => {
      await Promise.all(parts.map(async (part) => await part.session.close()));
    },
  };
}

/** Requirements that a responder or a Job that did not report leaves unproven. */
const PROVES: Readonly<Record<string, readonly RequirementId[]>> = {
  responder: ['R1', 'R2', 'R3'],
  r1: ['R1', 'R3'],
  r2: ['R2'],
  r3: ['R3'],
};

function missingOf({ facts, collected }: Verified): NonNullable<VerifyOptions['missing']> {
  return collected.notRun.flatMap(({ requirement, node, reason }) =>
    (PROVES[requirement] ?? []).map((id) => ({ requirement: id, reason: `${facts.cluster}: ${requirement} on ${node}: ${reason}` })),
  );
}

function notesOf({ facts, collected, untracked }: Verified): readonly string[] {
  return [
    ...facts.unread.map((line) => `${facts.cluster}: ${line}`),
    ...(collected.conntrack.length === 0
      ? [`connection tracking of ${facts.cluster}: its nodes cannot be entered, so a translation that two nodes undo for each other would not be seen`]
      : []),
    ...untracked.map((node) => `connection tracking of ${node} (${facts.cluster}): it has no entry of probes that were answered, so it proves nothing there`),
    ...collected.notRun.map((one) => `${facts.cluster}: ${one.requirement} on ${one.node}: ${one.reason}`),
  ];
}
