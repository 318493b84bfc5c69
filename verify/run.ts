/** What the checks of one verification share: the session, the mesh of probes that several of them judge, and the report's side notes. */
import type { ConntrackReading, EngineSession, ProbeBatch, ProbeRequest, ProbeSummary, Snapshot } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import { clusterEnds, type ClusterEnds } from './endpoints.ts';
import { probeMesh, type Mesh } from './mesh.ts';
import type { SettledOptions } from './options.ts';
import type { PairClass } from './pair-table.ts';
import type { Report } from './report.ts';

export interface Run {
  readonly plan: LabPlan;
  readonly options: SettledOptions;
  readonly clusters: readonly ClusterEnds[];
  /** Kinds of pairs that the selected checks judge; the mesh holds these and no others. */
  readonly kinds: ReadonlySet<PairClass>;
  /** The probes of all pairs, sent when first asked for. */
  mesh(): Promise<Mesh>;
  /** Links and addresses of every pod with an interface of its own, read when first asked for. */
  podSnapshot(): Promise<Snapshot>;
  /** Deadline for what follows the mesh: what answers at all answers within a few times the longest round trip seen. */
  followUpMs(): Promise<number>;
  /** Sends one set of probes, as an event of progress. */
  probe(request: ProbeRequest, title: string, onBatch: (batch: ProbeBatch) => void): Promise<ProbeSummary>;
  readonly session: EngineSession;
  readonly observations: Report['observations'][number][];
  readonly notLookedAt: string[];
  /** Every reading of connection tracking, for diagnosis. */
  readonly conntrack: ConntrackReading[];
}

/** Records between two events of progress. */
const PROGRESS_STEP = 50_000;

/** Prepares a verification; nothing is sent yet. */
export function createRun(session: EngineSession, plan: LabPlan, options: SettledOptions, kinds: ReadonlySet<PairClass>): Run {
  let mesh: Promise<Mesh> | null = null;
  let pods: Promise<Snapshot> | null = null;
  const clusters = clusterEnds(plan, options.casts);
  const run: Run = {
    plan,
    options,
    clusters,
    kinds,
    session,
    observations: [],
    notLookedAt: [...options.notes],
    conntrack: [],
    mesh: () => (mesh ??= probeMesh(run)),
    podSnapshot: () =>
      (pods ??= session.snapshot(
        clusters.flatMap((cluster) => cluster.pods.map((pod) => cluster.ends[pod]?.endpoint.netns ?? '')),
        { rules: false },
      )),
    // How long a process of a tunnel waits for a processor says nothing of how long it will wait next.
    followUpMs: async () => (isTunnelled(plan) ? options.deadlineMs : followUp(options.deadlineMs, await run.mesh())),
    probe: (request, title, onBatch) => sendProbes(run, request, title, onBatch),
  };
  return run;
}

/** Does a process pass on what goes between nodes, as flannel's backend udp? */
export function isTunnelled({ clusters }: Pick<LabPlan, 'clusters'>): boolean {
  return clusters.some(({ nodes }) => nodes.some((node) => node.tun !== undefined));
}

/** The shortest of these deadlines; a busy machine may keep a process waiting for a good part of it. */
const FOLLOW_UP_MS = 300;

function followUp(deadlineMs: number, mesh: Mesh): number {
  const longestUs = Math.max(0, ...mesh.tables.flatMap((table) => Object.values(table.tallies).map((tally) => tally.latency.max)));
  return longestUs === 0 ? deadlineMs : Math.min(deadlineMs, Math.max(FOLLOW_UP_MS, Math.ceil((20 * longestUs) / 1000)));
}

async function sendProbes(run: Run, request: ProbeRequest, title: string, onBatch: (batch: ProbeBatch) => void): Promise<ProbeSummary> {
  const { onProgress, signal } = run.options;
  if (signal?.aborted === true)
    throw new LabError({ code: 'INTERRUPTED', message: 'the verification was interrupted', hint: 'the lab is still up; run `cnilab verify` again' });
  const step = `probe ${title} ${request.protocol} ${request.family}`;
  const started = performance.now();
  let records = 0;
  let told = 0;
  onProgress({ step, phase: 'start' });
  try {
    const summary = await run.session.probe(request, (batch) => {
      records += batch.length;
      onBatch(batch);
      if (records - told < PROGRESS_STEP) return;
      told = records;
      onProgress({ step, phase: 'progress', detail: `${records} probes` });
    });
    run.conntrack.push(...summary.conntrack);
    onProgress({ step, phase: 'end', detail: `${records} probes`, ms: performance.now() - started });
    return summary;
  } catch (error) {
    onProgress({ step, phase: 'failed', ms: performance.now() - started });
    throw error;
  }
}
