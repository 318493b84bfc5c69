import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CapturedPacket, EngineSession, KubernetesAccess, OnEvent } from '../engines/port.ts';
import { step } from '../engines/step.ts';
import { LabError } from '../topology/errors.ts';
import { FABRIC_NETNS, type LabPlan } from '../topology/plan.ts';
import { bundleEvidence, type Bundle } from '../verify/evidence/bundle.ts';
import { kernelFiles, type TextFile } from '../verify/evidence/kernel-text.ts';
import { pcapngOf } from '../verify/evidence/pcapng.ts';
import { documentWithoutSecrets } from '../verify/evidence/secrets.ts';
import { SUITES, suitesOf } from '../verify/suites.ts';
import { cnilabVersion } from './installation.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { readLab } from './read.ts';
import { requireUp, TO_BE_LOOKED_AT } from './require-up.ts';

export interface EvidenceOptions {
  readonly onProgress?: OnEvent;
  readonly signal?: AbortSignal;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/** Namespaces of which the state is kept, nodes and machines first. */
const NAMESPACES = 150;
const NODES = 50;
const CONNTRACK_MS = 5000;
const PACKETS = 1000;
/** A verification of a large lab asks about that many pairs of each kind. */
const SAMPLE = 5000;

interface Collected {
  readonly texts: readonly TextFile[];
  readonly packets: readonly CapturedPacket[];
  readonly missing: readonly string[];
}

/**
 * What is needed to see what is wrong with a running lab, as the bytes of a .tgz archive of less than a megabyte: names and order of its files are
 * always the same, and so are the bytes where the state is. Without kubeconfigs, keys, tokens and what Secrets hold.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST when nothing of it runs; INTERRUPTED; EngineError. What cannot be collected is said inside.
 */
export async function collectEvidence(name: string, options: EvidenceOptions = {}): Promise<Bundle> {
  const load = options.loadEngine ?? loadEngine;
  const lab = await readLab(name, { loadEngine: load });
  const handle = requireUp(lab, TO_BE_LOOKED_AT);
  const engine = await load(lab.engine);
  const plan = lab.observed ?? lab.plan;
  const accesses = engine.kubernetes(handle, lab.plan);
  const collected = accesses === null ? await withSession(await engine.open(handle, plan), plan, options) : await ofClusters(accesses, options);
  const { texts, packets, missing } = collected;
  const { status, phase, createdAt, updatedAt, faults, source } = lab;
  return bundleEvidence({
    missing,
    root: `${name}-evidence`,
    about: [`evidence of lab ${name}, engine ${lab.engine}, by cnilab ${cnilabVersion()}`],
    texts: [
      json('lab.json', {
        name,
        engine: lab.engine,
        status,
        phase,
        createdAt,
        updatedAt,
        source: source.sha256,
        faults: faults.map(({ id, where }) => ({ id, where })),
      }),
      json('plan.json', plan),
      ...texts,
    ],
    binaries: packets.length === 0 ? [] : [{ path: 'pair.pcapng', bytes: pcapngOf(packets.slice(0, PACKETS)) }],
  });
}

function json(path: string, value: unknown): TextFile {
  return { path, text: `${JSON.stringify(documentWithoutSecrets(value), null, 1)}\n` };
}

/** What a session sees: the state of the kernels first, before probes change their counters; then what probes find. */
async function withSession(session: EngineSession, plan: LabPlan, options: EvidenceOptions): Promise<Collected> {
  const { onProgress, signal } = options;
  const common = { ...(onProgress === undefined ? {} : { onProgress }), ...(signal === undefined ? {} : { signal }) };
  const missing: string[] = [];
  const texts: TextFile[] = [];
  let packets: readonly CapturedPacket[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (signal?.aborted === true) throw error;
      missing.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  try {
    await attempt('the state of the kernels', async () => {
      texts.push(...(await stateOfKernels(session, plan, missing)));
    });
    const suites = new Set(SUITES);
    await attempt('a diagnosis', async () => {
      const { diagnoseLab } = await import('../verify/diagnose-lab.ts');
      const found = await diagnoseLab(session, plan, common);
      texts.push(json('diagnosis.json', found.report));
      packets = found.packets;
      // What stands on a part that fails would fail with it, each connection as late as its deadline.
      for (const rung of found.report.ladder) for (const suite of SUITES) if (rung.id === suite && rung.unclimbed === true) suites.delete(suite);
    });
    await attempt('a verification', async () => {
      const { verifyLab } = await import('../verify/run-verification.ts');
      const asked = suitesOf(plan).filter((suite) => suites.has(suite));
      texts.push(json('verification.json', await verifyLab(session, plan, { ...common, suites: asked, attempts: 1, sample: SAMPLE })));
    });
  } finally {
    await session.close();
  }
  if (signal?.aborted === true) throw interrupted(signal);
  return { texts, packets, missing };
}

function interrupted(signal: AbortSignal): unknown {
  return signal.reason instanceof LabError ? signal.reason : new LabError({ code: 'INTERRUPTED', message: 'it was interrupted', hint: 'nothing was written' });
}

async function stateOfKernels(session: EngineSession, plan: LabPlan, missing: string[]): Promise<readonly TextFile[]> {
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const machines = [
    ...nodes.map(({ id, netns }) => ({ folder: `nodes/${id}`, netns })),
    ...plan.machines.map(({ id, netns }) => ({ folder: `machines/${id}`, netns })),
  ];
  const fabric = { folder: 'machines/fabric', netns: FABRIC_NETNS };
  const pods = plan.clusters.flatMap((cluster) => cluster.pods.filter((pod) => !pod.hostNetwork).map(({ id, netns }) => ({ folder: `pods/${id}`, netns })));
  const listed = [...new Map([...machines, fabric].map((one) => [one.netns, one])).values()].slice(0, NAMESPACES);
  const others = pods.slice(0, Math.max(0, NAMESPACES - listed.length));
  const left = machines.length + 1 + pods.length - listed.length - others.length;
  if (left > 0) missing.push(`the state of ${left} more namespaces: the first ${NAMESPACES} were read`);
  const [withRules, without] = [await session.snapshot(netnsOf(listed), { rules: true }), await session.snapshot(netnsOf(others), { rules: false })];
  const namespaces = { ...without.namespaces, ...withRules.namespaces };
  const files = [...listed, ...others].flatMap(({ folder, netns }) => {
    const one = namespaces[netns];
    return one === undefined ? [] : kernelFiles(folder, one);
  });
  const tracked = await Promise.all(
    nodes.slice(0, NODES).map(async ({ id, netns }) => ({ path: `nodes/${id}/conntrack.txt`, text: await connections(session, netns, plan.families) })),
  );
  return [...files, ...tracked];
}

function netnsOf(places: readonly { readonly netns: string }[]): readonly string[] {
  return places.map(({ netns }) => netns);
}

/** Connection tracking of a node, sorted; why there is none where it cannot be listed. */
async function connections(session: EngineSession, netns: string, families: LabPlan['families']): Promise<string> {
  const lines: string[] = [];
  for (const family of families) {
    try {
      const { exitCode, stdout, stderr } = await session.run(netns, ['conntrack', '-L', '-f', family], { timeoutMs: CONNTRACK_MS });
      lines.push(...(exitCode === 0 ? stdout.split('\n').filter((line) => line !== '') : [`${family} could not be listed: ${stderr.trim()}`]));
    } catch (error) {
      lines.push(`${family} could not be listed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return `${lines.length === 0 ? 'none' : lines.toSorted().join('\n')}\n`;
}

/** What clusters with an API say: objects, logs of what is not ready, and the network state of the nodes that can be entered. */
async function ofClusters(accesses: readonly KubernetesAccess[], { onProgress = () => {}, signal }: EvidenceOptions): Promise<Collected> {
  const [{ collectEvidence: collectCluster }, { kubectlFor }] = await Promise.all([
    import('../engines/kubernetes/collect-evidence.ts'),
    import('../engines/kubernetes/kubectl.ts'),
  ]);
  const directory = await mkdtemp(join(tmpdir(), 'cnilab-evidence-'));
  const texts: TextFile[] = [];
  try {
    for (const access of accesses) {
      await step(onProgress, `ask cluster ${access.cluster}`, '', async () => {
        const folder = join(directory, access.cluster);
        await collectCluster(access, kubectlFor(access), folder);
        for (const file of await readdir(folder)) texts.push({ path: `clusters/${access.cluster}/${file}`, text: await readFile(join(folder, file), 'utf8') });
      });
      if (signal?.aborted === true) throw interrupted(signal);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return { texts, packets: [], missing: ['a verification, which takes Jobs inside of the cluster: `cnilab verify LAB --json`'] };
}
