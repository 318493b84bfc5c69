/** Verification from inside of clusters with an API: what the pods of Jobs report is judged by the same checks as probes of the embedded engine. */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Collected } from '../engines/kubernetes/collect.ts';
import type { ClusterFacts } from '../engines/kubernetes/facts.ts';
import { REPORTED_SIGHT, type EngineSession, type FidelityStatement, type KubernetesAccess } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import type { ClusterPlan, LabPlan } from '../topology/plan.ts';
import { ATTEMPTS, CLUSTER_DEADLINE_MS, targetsPerNode } from '../topology/probing.ts';
import type { Cast } from '../verify/cast.ts';
import type { VerifyOptions } from '../verify/options.ts';
import type { Report, RequirementId } from '../verify/report.ts';
import { SUITES, suitesOf, type Suite } from '../verify/suites.ts';
import { suitesInCluster, type Judged } from './suites-in-cluster.ts';

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
  /** What was asked beyond the network; null when nothing was. */
  readonly beyond: Judged | null;
  /** What of it could not be asked. */
  readonly notes: readonly string[];
}

/** Suites that are asked for, those of them that have a check left to run. */
interface Wanted {
  readonly network: boolean;
  readonly beyond: readonly Suite[];
}

/**
 * Verifies clusters from inside, one after the other, and judges them together. Each gets one namespace, which is proven to be gone when this
 * resolves or rejects.
 *
 * @throws {LabError} USAGE, CLUSTER_UNREACHABLE, FORBIDDEN_BY_CLUSTER with the rules to grant, NOT_READY, CLEANUP_FAILED, INTERRUPTED
 */
export async function verifyInCluster(target: InClusterTarget, options: VerifyOptions = {}): Promise<Report> {
  const [{ verifyLab }, { joinReports }] = await Promise.all([import('../verify/run-verification.ts'), import('../verify/join-reports.ts')]);
  const wanted = await wantedOf(target, options);
  const at = new Date();
  const started = performance.now();
  const parts: Verified[] = [];
  try {
    for (const access of target.accesses) parts.push(await verifyOne(target, access, options, wanted));
    const first = parts[0];
    if (first === undefined) throw new LabError({ code: 'USAGE', message: `${target.lab} has no cluster`, hint: 'only clusters can be verified from inside' });
    // What is judged was probed already: its progress is no news.
    const { onProgress: _told, ...rest } = options;
    const about = (plan: LabPlan): VerifyOptions => ({
      ...rest,
      deadlineMs: deadlineOf(target, options),
      sample: undefined,
      engine: target.engine,
      fidelity: target.fidelity(plan),
    });
    const reports: Report[] = [];
    if (wanted.network) {
      const plan = { ...first.plan, name: target.lab, clusters: parts.flatMap((part) => part.plan.clusters) };
      const casts = new Map(parts.map((part) => [part.facts.cluster, part.cast]));
      const notes = parts.flatMap(notesOf);
      reports.push(await verifyLab(together(parts), plan, { ...about(plan), casts, notes, suites: ['network'], missing: parts.flatMap(missingOf) }));
    }
    const asked = parts.flatMap(({ beyond }) => beyond ?? []);
    const [one] = asked;
    if (one !== undefined) {
      const plan = { ...one.plan, name: target.lab, clusters: asked.flatMap((part) => part.plan.clusters) };
      const casts = new Map(asked.map(({ plan: { clusters }, cast }) => [clusters[0]?.name ?? '', cast]));
      const notes = parts.flatMap((part) => [...part.notes, ...(wanted.network ? [] : notesOf(part))]);
      reports.push(await verifyLab(together(asked), plan, { ...about(plan), casts, notes, suites: wanted.beyond }));
    }
    const [report, other] = reports;
    if (report === undefined) throw new LabError({ code: 'USAGE', message: 'no suite is left to run', hint: `the suites are ${SUITES.join(', ')}` });
    const joined = other === undefined ? report : joinReports(report, other, ['network', ...wanted.beyond]);
    return { ...joined, startedAt: at.toISOString(), elapsedMs: Math.round(performance.now() - started) };
  } finally {
    await removed(parts);
  }
}

const FOUND_SUITES: readonly Suite[] = ['network', 'dns'];

/**
 * All that the lab has, and the names of the cluster itself, unless others are asked for. What makes no sense is said before anything is created.
 * @throws {LabError} USAGE
 */
async function wantedOf(target: InClusterTarget, options: VerifyOptions): Promise<Wanted> {
  const [{ isSelected, settleOptions }, { checks }] = await Promise.all([import('../verify/options.ts'), import('../verify/checks/index.ts')]);
  const own = suitesOf(target.plan ?? { clusters: [] });
  const suites = options.suites ?? SUITES.filter((suite) => suite === 'dns' || own.includes(suite));
  const all = Object.values(checks);
  const { only, skip } = settleOptions({ families: ['ipv4', 'ipv6'], clusters: [] }, { ...options, suites }, all, { icmp: false });
  // Of a cluster that was found nobody says which Services and policies it should have.
  const possible = target.plan === null ? FOUND_SUITES : SUITES;
  if (!suites.some((suite) => possible.includes(suite))) {
    throw new LabError({
      code: 'USAGE',
      message: `${suites.join(' and ')}: only of a lab`,
      hint: `for clusters that were found the suites are ${FOUND_SUITES.join(', ')}`,
    });
  }
  const left = suites.filter((suite) => possible.includes(suite) && all.some((check) => isSelected(check, { only, skip, suites: [suite] })));
  return { network: left.includes('network'), beyond: left.filter((suite) => suite !== 'network') };
}

/** Waits for all removals, whatever becomes of one; throws the first failure. */
async function removed(parts: readonly Verified[]): Promise<void> {
  const ended = await Promise.allSettled(parts.map((part) => part.collected.cleanup));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}

async function verifyOne(target: InClusterTarget, access: KubernetesAccess, options: VerifyOptions, wanted: Wanted): Promise<Verified> {
  const [
    { kubectlFor },
    { readFacts },
    { collectVerification },
    { observedPlan },
    { recordedSession },
    { expectedJobs },
    { AGNHOST_IMAGE },
    synth,
    { requirePermissions },
    permissions,
    { untrackedNodes },
    { clusterServices },
  ] = await Promise.all([
    import('../engines/kubernetes/kubectl.ts'),
    import('../engines/kubernetes/facts.ts'),
    import('../engines/kubernetes/collect.ts'),
    import('../engines/kubernetes/observed-plan.ts'),
    import('../engines/kubernetes/recorded-session.ts'),
    import('../engines/kubernetes/expected-jobs.ts'),
    import('../topology/workloads.ts'),
    import('../constructs/synth/verification/index.ts'),
    import('../engines/kubernetes/permissions.ts'),
    import('../constructs/synth/verification/permissions.ts'),
    import('../engines/kubernetes/conntrack-text.ts'),
    import('../engines/kubernetes/observed-services.ts'),
  ]);
  const onEvent = options.onProgress ?? (() => {});
  const signal = options.signal ?? new AbortController().signal;
  // Each process that is waited for listens to it.
  setMaxListeners(0, signal);
  const kubectl = kubectlFor(access);
  const ownLab = target.plan !== null;
  const asksLab = ownLab && wanted.beyond.length > 0;
  // Side by side; what is not allowed is said first, with the rules to grant.
  const reading = readFacts(kubectl, { signal });
  reading.catch(() => {});
  await requirePermissions(kubectl, [...permissions.VERIFICATION_PERMISSIONS, ...(asksLab ? permissions.LAB_PERMISSIONS : [])], { signal });
  const planned = target.plan?.clusters.find((cluster) => cluster.name === access.cluster) ?? null;
  const facts = inOrder(await reading, planned);
  const families = facts.families.filter((family) => options.families?.includes(family) ?? true);
  if (families.length === 0) {
    throw new LabError({ code: 'USAGE', message: 'no address family is left to probe', hint: `${access.cluster} has ${facts.families.join(' and ')}` });
  }
  const perNode = targetsPerNode(facts.nodes.length, options.sample);
  const namespace = `cnilab-verify-${randomBytes(4).toString('hex')}`;
  const deadlineMs = deadlineOf(target, options);
  const attempts = options.attempts ?? ATTEMPTS;
  const common = { lab: target.lab, namespace };
  const nodes = planned?.nodes.map((node) => ({ plan: node.name, name: node.netns }));
  const observedBy = (collected: Collected): LabPlan => {
    const observed = observedPlan({
      lab: target.lab,
      cluster: access.cluster,
      facts,
      collected,
      ...(target.plan === null ? {} : { plan: target.plan }),
      ...(nodes === undefined ? {} : { nodes }),
    });
    const services = clusterServices(facts);
    return { ...observed, clusters: observed.clusters.map((cluster) => ({ ...cluster, services })) };
  };
  const suites = suitesInCluster({
    kubectl,
    namespace,
    facts,
    ownLab,
    deadlineMs,
    signal,
    options: { ...options, families },
    suites: wanted.beyond,
    lab: target.lab,
    mayEnter: async () => await requirePermissions(kubectl, permissions.ENTER_PERMISSIONS, { signal }),
    observe: (jobs) => observedBy(expectedJobs(namespace, jobs, families)),
  });
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
        slowness: kubectl.slowness,
        image: target.image ?? AGNHOST_IMAGE,
        profile: options.profile ?? 'classic',
        perNode,
        shardSize: null,
        mesh: wanted.network,
        ...(suites.calls() === null ? {} : { calls: suites.calls() ?? 0 }),
      }),
    targets: (lines) => synth.targetsConfigMap({ ...common, lines }),
    ...(wanted.beyond.length === 0 ? {} : { beyond: suites.prepare }),
    signal,
    onEvent,
  });
  try {
    const plan = observedBy(collected);
    return {
      facts,
      collected,
      plan,
      session: recordedSession(collected, plan, access.onNode),
      cast: castOfOne(collected, plan, synth.offsetsFor(facts.nodes.length, perNode)),
      untracked: untrackedNodes(collected.conntrack, collected.evidence.probes),
      beyond: await suites.judged(plan, collected.evidence),
      notes: suites.notes,
    };
  } catch (error) {
    // Whoever awaits the removal of a part does not know of this one.
    await collected.cleanup;
    throw error;
  }
}

/** An emulated processor starts a program late, and the answer of one waits for it: beyond that a probe is lost. */
const SLOWEST_DEADLINE = 6;

/** How long unanswered probes are waited for; the time limits of Jobs follow from it. */
function deadlineOf(target: InClusterTarget, options: VerifyOptions): number {
  const slowness = Math.max(...target.accesses.map((access) => access.slowness ?? 1), 1);
  return options.deadlineMs ?? CLUSTER_DEADLINE_MS * Math.min(slowness, SLOWEST_DEADLINE);
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
function together(parts: readonly Pick<Verified, 'plan' | 'session'>[]): EngineSession {
  const sessionOf = (id: string): EngineSession => {
    const has = ({ plan: { clusters } }: Pick<Verified, 'plan'>): boolean =>
      clusters.some((cluster) => id.startsWith(`${cluster.name}/`) || cluster.nodes.some((node) => node.netns === id));
    const part = parts.find(has) ?? parts[0];
    if (part === undefined) throw new RangeError(`no cluster has ${id}`);
    return part.session;
  };
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first.session;
  return {
    sight: { ...REPORTED_SIGHT, kernel: parts.every(({ session }) => session.sight.kernel) },
    probe: async (request, onBatch) => await sessionOf(request.endpoints[0]?.id ?? '').probe(request, onBatch),
    snapshot: async (namespaces, options) => {
      const all = await Promise.all(parts.map(async (part) => await part.session.snapshot(namespaces, options)));
      return { takenAt: all[0]?.takenAt ?? '', namespaces: Object.assign({}, ...all.map((one) => one.namespaces)) };
    },
    ...(parts.some(({ session }) => session.names === undefined)
      ? {}
      : {
          names: {
            exchange: async (netns, ...rest) => (await sessionOf(netns).names?.exchange(netns, ...rest)) ?? [],
            resolve: async (netns, ...rest) => (await sessionOf(netns).names?.resolve(netns, ...rest)) ?? [],
          },
        }),
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
    ...collected.behind.map((node) => `Services on ${node} (${facts.cluster}) as they settle: its kube-proxy had not programmed all that it was told`),
    ...collected.unsteady.map(
      (node) =>
        `steadiness of ${node} (${facts.cluster}): it became ready, or not ready, while it was asked, and with that its pods come and go behind Services`,
    ),
    ...collected.notRun.map((one) => `${facts.cluster}: ${one.requirement} on ${one.node}: ${one.reason}`),
  ];
}
