/**
 * All benchmarks, each as a ratio of two things measured in turn in one run: `npm run bench`, or `npm run bench -- build up` for some.
 * Prints a Markdown table; README.md of this folder keeps figures with their date and machine. Needs root (the reference builder enters by nsenter).
 */
import { NO_MATERIALS, type EngineHandle, type EngineSession } from '../engines/port.ts';
import { bareRestore, connectUs, programming, type Mode } from './services.ts';
import { byCnilab, byHand, kindLacks, verification } from './kind.ts';
import { vmLacks, vmUp } from './vm.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execFileSync } from 'node:child_process';
import { openAgent } from '../engines/netns/agent-session.ts';
import { compile } from '../engines/netns/compile.ts';
import { startHolder } from '../engines/netns/holder.ts';
import { killHolder } from '../engines/netns/kill-holder.ts';
import type { Stage } from '../engines/netns/ops.ts';
import { parseYamlLab } from '../lab/lab-yaml.ts';
import { planLab } from '../topology/plan-lab.ts';
import type { LabPlan } from '../topology/plan.ts';
import type { LabSpec } from '../topology/spec.ts';
import type { SelfTestReport } from '../verify/faults/kill-matrix.ts';
import type { Report } from '../verify/report.ts';
import { verifyLab } from '../verify/run-verification.ts';
import { loadEngine } from '../engines/registry.ts';
import { readFileSync } from 'node:fs';
import { kernelMemoryMiB, median, sideBySide, timed } from './measure.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'dist/cli/main.js');
const place = mkdtempSync(join(tmpdir(), 'cnilab-bench-'));
const env = { ...process.env, XDG_STATE_HOME: join(place, 'state'), XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(place, 'cache'), NO_COLOR: '1' };
const node = process.execPath;
// By its address: nsenter into another mount namespace starts at /.
const tsx = import.meta.resolve('tsx');
const cnilab = (...args: string[]): Promise<{ ms: number; stdout: string; peakMiB: number }> =>
  timed([node, main, ...args], { env, cwd: root, watchMemory: args.includes('--watch') });
const round = (n: number, digits = 0): string => n.toFixed(digits);
const quiet = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 400);
  });

interface Row {
  readonly what: string;
  readonly figures: string;
  readonly ratio: string;
  readonly goal: string;
}

function stagesOf(file: string): readonly Stage[] {
  const parsed = parseYamlLab(readFileSync(join(root, 'bench/labs', file), 'utf8'), file);
  if (!parsed.ok) throw new Error(`${file} does not parse`);
  return compile(planLab(parsed.value as LabSpec));
}

/** A holder and an agent for the length of a callback. */
async function withAgent<T>(body: (holder: { pid: number }, agent: ReturnType<typeof openAgent>) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(place, 'holder-'));
  const holder = await startHolder(directory, new AbortController().signal);
  const agent = openAgent(holder);
  try {
    return await body(holder, agent);
  } finally {
    agent.kill();
    await agent.close().catch(() => undefined);
    await killHolder(holder);
    await quiet();
  }
}

const inHolder = (pid: number, ...argv: string[]): [string, ...string[]] => ['nsenter', '-n', '-m', '-p', '-u', '-i', '-t', String(pid), ...argv];

async function build(): Promise<Row> {
  const stages = stagesOf('calico-10x10.yaml');
  const file = join(place, 'stages.json');
  writeFileSync(file, JSON.stringify(stages));
  const { a, b, ratio } = await sideBySide(
    5,
    () =>
      withAgent(async (_holder, agent) => {
        await agent.request('snapshot', { namespaces: [], rules: false });
        const started = performance.now();
        await agent.request('apply', { undo: [], stages });
        return performance.now() - started;
      }),
    () =>
      withAgent(async ({ pid }) =>
        Number((await timed(inHolder(pid, node, '--import', tsx, join(root, 'bench/ip-batch-main.ts'), file), { cwd: root })).stdout),
      ),
  );
  return {
    what: 'build of 10 nodes × 10 pods, calico vxlan, against `ip -batch` (4 namespaces at a time)',
    figures: `${round(a)} ms : ${round(b)} ms`,
    ratio: `${round(1 / ratio, 2)} × faster`,
    goal: '≥ 2.5 × faster',
  };
}

async function up(): Promise<readonly Row[]> {
  const stages = stagesOf('flannel-3x10.yaml');
  const plugins = stages.flatMap((s) => s.ops.filter((op) => op.op === 'cni'));
  const file = join(place, 'cni.json');
  writeFileSync(file, JSON.stringify(plugins));
  const width = availableParallelism() * 2;
  const bare = (): Promise<number> =>
    withAgent(async ({ pid }, agent) => {
      await agent.request('apply', { undo: [], stages: stages.map((s) => ({ ...s, ops: s.ops.filter((op) => op.op !== 'cni') })) });
      return (await timed(inHolder(pid, node, join(root, 'bench/bare-plugins.mjs'), file, String(width)))).ms;
    });
  const whole = (lab: string, name: string) => async (): Promise<number> => {
    const { ms } = await cnilab('up', join('bench/labs', lab));
    await cnilab('down', name);
    await quiet();
    return ms;
  };
  const yaml = await sideBySide(5, whole('flannel-3x10.yaml', 'bench-flannel-3x10'), bare);
  const ts = await sideBySide(5, whole('flannel-3x10.ts', 'bench-flannel-3x10-ts'), whole('flannel-3x10.yaml', 'bench-flannel-3x10'));
  return [
    {
      what: '`up` of 3 × 10, flannel vxlan, real plugins, whole process, YAML, against bare plugin calls + Node',
      figures: `${round(yaml.a)} ms : ${round(yaml.b)} ms`,
      ratio: `${round(yaml.ratio, 2)} ×`,
      goal: '≤ 2 ×',
    },
    {
      what: 'the same lab in TypeScript, unchanged since its last run, against YAML',
      figures: `${round(ts.a)} ms : ${round(ts.b)} ms`,
      ratio: `+ ${round((ts.a - ts.b) / 1000, 3)} s`,
      goal: '≤ + 0.15 s',
    },
  ];
}

/** A lab of the embedded engine for the length of a callback. */
async function withLab<T>(plan: LabPlan, body: (session: EngineSession, handle: EngineHandle) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(place, 'lab-'));
  const engine = await loadEngine('netns');
  const context = {
    directory,
    sourceDirectory: root,
    materials: NO_MATERIALS,
    onEvent: () => {},
    onHandle: () => Promise.resolve(),
    signal: new AbortController().signal,
  };
  const handle = await engine.create(plan, context);
  const session = await engine.open(handle, plan);
  try {
    return await body(session, handle);
  } finally {
    await session.close();
    await engine.destroy(handle, directory);
    await quiet();
  }
}

async function prober(file: string, pods: number): Promise<Row> {
  const plan = planLab(parsedSpec(file));
  return await withLab(plan, async (session, handle) => {
    const targets = plan.clusters.flatMap((c) => c.pods.map((p) => `${p.netns}=${p.interface?.addresses[0]?.address ?? ''}`));
    const result = await sideBySide(
      9,
      async () => {
        const started = performance.now();
        const report = await verifyLab(session, plan, { protocols: ['tcp'], attempts: 1, only: /^r1-pod-to-pod$/ });
        if (report.verdict !== 'pass') throw new Error('the benchmark lab does not verify');
        return ((performance.now() - started) * 1000) / (pods * (pods - 1));
      },
      async () =>
        (Number((await timed(inHolder(Number(handle['pid']), node, '--import', tsx, join(root, 'bench/raw-prober.ts'), ...targets), { cwd: root })).stdout) *
          1000) /
        (pods * pods),
    );
    return {
      what: `verification of ${pods} pods, all pairs, TCP, conntrack and report included, against the raw prober, per pair`,
      figures: `${round(result.a)} µs : ${round(result.b)} µs`,
      ratio: `${round(result.ratio, 2)} ×`,
      goal: '≤ 1.4 ×',
    };
  });
}

function parsedSpec(file: string): LabSpec {
  const parsed = parseYamlLab(readFileSync(join(root, 'bench/labs', file), 'utf8'), file);
  if (!parsed.ok) throw new Error(`${file} does not parse`);
  return parsed.value as LabSpec;
}

async function thousand(): Promise<readonly Row[]> {
  const before = kernelMemoryMiB();
  const watched = (...args: string[]) => timed([node, main, ...args], { env, cwd: root, watchMemory: true });
  const upRun = await watched('up', 'bench/labs/flannel-50x20.yaml', '--timeout', '600');
  const kernel = kernelMemoryMiB() - before;
  const verify = await watched(
    'verify',
    'bench-flannel-50x20',
    '--json',
    '--only',
    '^r1-pod-to-pod$',
    '--protocol',
    'tcp',
    '--attempts',
    '1',
    '--timeout',
    '1200',
  );
  const report = JSON.parse(verify.stdout) as Report;
  const downMs: number[] = [];
  const nodeMs: number[] = [];
  const down = await cnilab('down', 'bench-flannel-50x20');
  downMs.push(down.ms);
  for (let i = 0; i < 5; i++) nodeMs.push((await timed([node, '-e', '1'])).ms);
  return [
    {
      what: '1000 pods (50 × 20), flannel vxlan: up',
      figures: `${round(upRun.ms / 1000, 1)} s, processes ${upRun.peakMiB} MiB, kernel ${kernel} MiB`,
      ratio: '',
      goal: 'recorded',
    },
    {
      what: `verification of ${report.totals.probes} pairs by TCP: ${report.verdict}`,
      figures: `${round(verify.ms / 1000, 1)} s, processes ${verify.peakMiB} MiB, report ${round(verify.stdout.length / 1024)} KiB`,
      ratio: '',
      goal: 'completes',
    },
    {
      what: '`down` of it, against `node -e 1`',
      figures: `${round(median(downMs))} ms : ${round(median(nodeMs))} ms`,
      ratio: `+ ${round(median(downMs) - median(nodeMs))} ms`,
      goal: '≤ + 50 ms',
    },
  ];
}

async function help(): Promise<Row> {
  const { a, b, ratio } = await sideBySide(
    15,
    async () => (await timed([node, main, '--help'])).ms,
    async () => (await timed([node, '-e', '1'])).ms,
  );
  return { what: '`cnilab --help` against `node -e 1`', figures: `${round(a)} ms : ${round(b)} ms`, ratio: `${round(ratio, 2)} ×`, goal: '≤ 2 ×' };
}

async function kind(): Promise<Row> {
  const what = '`up --verify` of 3 nodes × 2 pods against `kind create cluster` of 3 nodes';
  try {
    execFileSync('kind', ['version'], { stdio: 'ignore' });
    execFileSync('docker', ['info'], { stdio: 'ignore' });
  } catch {
    return { what, figures: 'kind or Docker is not here', ratio: '', goal: 'recorded' };
  }
  const image = process.env['CNILAB_NODE_IMAGE'];
  const config = join(place, 'kind.yaml');
  writeFileSync(
    config,
    'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking: {disableDefaultCNI: true}\nnodes: [{role: control-plane}, {role: worker}, {role: worker}]\n',
  );
  const name = `cnilab-bench-${process.pid}`;
  const kubeconfig = ['--kubeconfig', join(place, 'kubeconfig')];
  const created = await timed([
    'kind',
    'create',
    'cluster',
    '--name',
    name,
    '--config',
    config,
    ...kubeconfig,
    ...(image === undefined ? [] : ['--image', image]),
  ]);
  await timed(['kind', 'delete', 'cluster', '--name', name, ...kubeconfig]);
  const ours = await cnilab('up', 'labs/three-requirements.ts', '--verify');
  await cnilab('down', 'three-requirements');
  return {
    what,
    figures: `${round(ours.ms / 1000, 2)} s : ${round(created.ms / 1000, 1)} s`,
    ratio: `${round(created.ms / ours.ms)} × faster`,
    goal: 'recorded',
  };
}

async function kindUp(): Promise<readonly Row[]> {
  const lacks = kindLacks();
  const what = '`up --engine kind` of 3 nodes × 2 pods, flannel vxlan, against `kind create cluster`, `kubectl apply` and waits by hand';
  if (lacks !== null) return [{ what, figures: lacks, ratio: '', goal: '≤ 1.1 ×' }];
  const bench = { cnilab, place };
  const { a, b, ratio } = await sideBySide(
    3,
    () => byCnilab(bench),
    () => byHand(bench),
  );
  const verified = await verification(bench, 5);
  return [
    { what, figures: `${round(a / 1000, 1)} s : ${round(b / 1000, 1)} s`, ratio: `${round(ratio, 2)} ×`, goal: '≤ 1.1 ×' },
    {
      what: 'verification of 3 nodes from inside, namespace removed and proven gone, whole process',
      figures: `${round(median(verified) / 1000, 1)} s (${verified.map((ms) => round(ms / 1000, 1)).join(', ')})`,
      ratio: '',
      goal: '≤ 15 s',
    },
  ];
}

const MODES: readonly Mode[] = ['iptables', 'nftables'];

async function services(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const mode of MODES) {
    const { base, rules } = programming({ nodes: 10, services: 1000 }, mode);
    const script = bareRestore(rules, place);
    const { a, b, ratio } = await sideBySide(
      3,
      () =>
        withAgent(async (_holder, agent) => {
          await agent.request('apply', { undo: [], stages: base });
          const started = performance.now();
          await agent.request('apply', { undo: [], stages: [rules] });
          return performance.now() - started;
        }),
      () =>
        withAgent(async ({ pid }, agent) => {
          await agent.request('apply', { undo: [], stages: base });
          return (await timed(inHolder(pid, 'sh', '-c', script))).ms;
        }),
    );
    rows.push({
      what: `1000 Services × 3 endpoints on 10 nodes programmed, ${mode}, against the bare restore commands`,
      figures: `${round(a / 1000, 2)} s : ${round(b / 1000, 2)} s`,
      ratio: `${round(ratio, 2)} ×`,
      goal: '≤ 1.2 ×',
    });
  }
  return rows;
}

/** The rules of one node, as its proxy writes them when it starts; ten thousand take so long that one pair, and one endpoint, has to do. */
async function load(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [count, runs] of [
    [10, 5],
    [1000, 3],
    [10_000, 1],
  ] as const) {
    const loaded = (mode: Mode) => {
      const { base, rules } = programming({ nodes: 1, services: count, endpoints: 1 }, mode);
      return (): Promise<number> =>
        withAgent(async (_holder, agent) => {
          await agent.request('apply', { undo: [], stages: base });
          const started = performance.now();
          await agent.request('apply', { undo: [], stages: [rules] });
          return performance.now() - started;
        });
    };
    const { a, b, ratio } = await sideBySide(runs, loaded('iptables'), loaded('nftables'), { warmUp: runs > 1 });
    rows.push({
      what: `rules of ${count} Services with one endpoint each loaded on one node, iptables against nftables`,
      figures: `${round(a / 1000, 2)} s : ${round(b / 1000, 2)} s`,
      ratio: `${round(ratio, 2)} ×`,
      goal: 'recorded',
    });
  }
  return rows;
}

async function connect(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const count of [1, 100, 1000]) {
    const { a, b, ratio } = await sideBySide(
      3,
      () => connectUs(count, 'iptables', place),
      () => connectUs(count, 'nftables', place),
    );
    rows.push({
      what: `TCP connection through the last of ${count} Services, iptables against nftables`,
      figures: `${round(a)} µs : ${round(b)} µs`,
      ratio: `${round(ratio, 2)} ×`,
      goal: 'recorded',
    });
  }
  return rows;
}

async function vm(): Promise<readonly Row[]> {
  const lacks = vmLacks();
  if (lacks !== null) return [{ what: '`up --engine vm` of 2 machines', figures: lacks, ratio: '', goal: 'recorded' }];
  const { accelerator, steps, ms, ownMs, residentMiB } = await vmUp({ main, env, place });
  await cnilab('down', 'bench-machines');
  return [
    ...steps.map(([step, took]) => ({
      what: `\`up --engine vm\` of 2 machines, ${accelerator}: ${step}`,
      figures: `${round(took / 1000, 1)} s`,
      ratio: '',
      goal: 'recorded',
    })),
    {
      what: 'the whole of it, and the processor time of cnilab with all that it runs beside QEMU',
      figures: `${round(ms / 1000)} s : ${round(ownMs / 1000, 1)} s`,
      ratio: `${round((100 * ownMs) / ms, 1)} %`,
      goal: '≤ 2 %',
    },
    { what: 'resident memory of both QEMUs, then', figures: `${round(residentMiB)} MiB`, ratio: '', goal: 'recorded' },
  ];
}

/** The state of 100 pods read and compared with the plan, against reading it alone: no packet is sent. */
async function inventory(): Promise<Row> {
  const { takeInventory } = await import('../verify/inventory/index.ts');
  const { viewLab } = await import('../verify/inventory/lab-view.ts');
  const plan = planLab(parsedSpec('flannel-10x10.yaml'));
  return await withLab(plan, async (session) => {
    const netns = [...plan.clusters.flatMap((c) => [...c.nodes, ...c.pods]), ...plan.machines].map((one) => one.netns);
    const clock = async (work: () => Promise<void>): Promise<number> => {
      const started = performance.now();
      await work();
      return performance.now() - started;
    };
    const { a, b, ratio } = await sideBySide(
      9,
      () =>
        clock(async () => {
          const found = takeInventory(viewLab(plan, await session.snapshot(netns, { rules: true }), null), []);
          if (found.some((one) => one.certainty === 'certain')) throw new Error('the inventory finds something in a healthy lab');
        }),
      () => clock(async () => void (await session.snapshot(netns, { rules: true }))),
    );
    return {
      what: 'static inventory of 100 pods on 10 nodes, rules included, against reading the kernels alone',
      figures: `${round(a)} ms : ${round(b)} ms`,
      ratio: `${round(ratio, 2)} ×`,
      goal: '≤ 0.5 s',
    };
  });
}

/** One failing pair: what stands between two pods when a node forwards nothing. */
async function diagnose(): Promise<Row> {
  const plan = planLab(parsedSpec('flannel-3x10.yaml'));
  const podOn = (node: string): string => plan.clusters[0]?.pods.find((pod) => pod.node === node)?.id ?? '';
  await cnilab('up', 'bench/labs/flannel-3x10.yaml');
  await cnilab('fault', 'inject', plan.name, 'forward-policy-drop', '--node', 'worker1');
  const { a, b, ratio } = await sideBySide(
    5,
    async () => {
      const argv = [node, main, 'diagnose', plan.name, podOn('control-plane1'), podOn('worker1'), '--json'] as const;
      const { ms, stdout } = await timed([...argv], { env, cwd: root, code: 1 });
      if (!stdout.includes('"forward-policy-drops"')) throw new Error(`the diagnosis of the pair does not name the fault: ${stdout.slice(0, 2000)}`);
      return ms;
    },
    async () => (await cnilab('inspect', plan.name)).ms,
  );
  await cnilab('down', plan.name);
  return {
    what: 'diagnosis of one failing pair of 30 pods, whole process: found by name; against `cnilab inspect`, which sends nothing',
    figures: `${round(a / 1000, 2)} s : ${round(b / 1000, 2)} s`,
    ratio: `${round(ratio, 2)} ×`,
    goal: '≤ 2 s',
  };
}

async function selftest(): Promise<Row> {
  const { ms, stdout } = await cnilab('selftest', '--json');
  const report = JSON.parse(stdout) as SelfTestReport;
  return {
    what: `the self-test: ${report.matrix.length} faults, ${report.trials.length} trials in ${report.labs.length} labs, whole process: ${report.verdict}`,
    figures: `${round(ms / 1000)} s`,
    ratio: '',
    goal: '≤ 180 s',
  };
}

const all: Readonly<Record<string, () => Promise<Row | readonly Row[]>>> = {
  help,
  build,
  up,
  'verify-30': () => prober('flannel-3x10.yaml', 30),
  'verify-100': () => prober('flannel-10x10.yaml', 100),
  thousand,
  services,
  load,
  connect,
  inventory,
  diagnose,
  selftest,
  kind,
  'kind-up': kindUp,
  vm,
};
const wanted = process.argv.slice(2);
try {
  process.stdout.write('| what | measured | ratio | goal |\n|---|---|---|---|\n');
  for (const [name, run] of Object.entries(all)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const rows = [await run()].flat() as Row[];
    for (const row of rows) process.stdout.write(`| ${row.what} | ${row.figures} | ${row.ratio} | ${row.goal} |\n`);
  }
} finally {
  await cnilab('down', '--all');
  rmSync(place, { recursive: true, force: true });
}
