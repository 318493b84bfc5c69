import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NO_MATERIALS, type Engine, type EngineHandle, type EngineSession, type ProbeProtocol } from '../../engines/port.ts';
import { loadEngine } from '../../engines/registry.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { evaluatePolicies, type FlowEnd } from '../../topology/policy/evaluate.ts';
import { policyWorld } from '../../topology/policy/world.ts';
import type { ClusterSpec, Family, KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';

const why = lacking('netns', 'plugins');

class RunningLab implements AsyncDisposable {
  readonly engine: Engine;
  readonly directory: string = mkdtempSync(join(tmpdir(), 'cnilab-policy-'));
  plan: LabPlan;
  handle: EngineHandle | null = null;

  constructor(engine: Engine, plan: LabPlan) {
    this.engine = engine;
    this.plan = plan;
  }

  static async up(spec: LabSpec): Promise<RunningLab> {
    const lab = new RunningLab(await loadEngine('netns'), planLab(spec));
    try {
      await lab.engine.create(lab.plan, lab.#context());
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  #context(): Parameters<Engine['create']>[1] {
    return {
      directory: this.directory,
      sourceDirectory: this.directory,
      materials: NO_MATERIALS,
      onEvent: () => {},
      onHandle: async (handle) => {
        this.handle = handle;
      },
      signal: new AbortController().signal,
    };
  }

  get running(): EngineHandle {
    if (this.handle === null) throw new Error('the lab is not up');
    return this.handle;
  }

  async become(spec: LabSpec): Promise<void> {
    const next = planLab(spec, { previous: this.plan });
    await this.engine.change(this.running, this.plan, next, this.#context());
    this.plan = next;
  }

  async within<T>(work: (session: EngineSession) => Promise<T>): Promise<T> {
    const session = await this.engine.open(this.running, this.plan);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.destroy(this.handle, this.directory);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const policy = (name: string, spec: unknown): KubernetesObject => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec });
const pod = (name: string, node: string, spec: object = {}, labels: Readonly<Record<string, string>> = { pod: name }): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels },
  spec: { nodeName: node, tolerations: [{ operator: 'Exists' }], containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }], ...spec },
});
const pods = [pod('a', 'worker1'), pod('b', 'worker1'), pod('c', 'worker2'), pod('host', 'worker2', { hostNetwork: true })];
const deny = policy('deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });

const lab = (cni: ClusterSpec['cni'], objects: readonly KubernetesObject[], rest: Partial<ClusterSpec> = {}, others: Partial<LabSpec> = {}): LabSpec => ({
  name: 'policies',
  clusters: [{ name: 'c1', workers: 2, cni, objects, ...rest }],
  ...others,
});

interface End {
  readonly name: string;
  readonly netns: string;
  readonly flowEnd: (family: Family) => FlowEnd;
  readonly addresses: readonly { readonly family: Family; readonly address: string }[];
}

/** Pods, nodes and hosts of the lab. */
function endsOf(plan: LabPlan): readonly End[] {
  const [cluster] = plan.clusters;
  const addressed = (list: readonly { readonly family: Family; readonly address: string }[]): End['addresses'] =>
    list.map(({ family, address }) => ({ family, address }));
  const of = (list: End['addresses'], family: Family): string => list.find((a) => a.family === family)?.address ?? '';
  const nodes = (cluster?.nodes ?? []).map((node) => ({ node, addresses: addressed(node.interfaces[0]?.addresses ?? []) }));
  return [
    ...(cluster?.pods ?? []).map((p): End => {
      const addresses = p.interface === null ? (nodes.find(({ node }) => node.name === p.node)?.addresses ?? []) : addressed(p.interface.addresses);
      return { name: p.name, netns: p.netns, flowEnd: (family) => ({ kind: 'pod', id: p.id, address: of(addresses, family) }), addresses };
    }),
    ...nodes.map(
      ({ node, addresses }): End => ({
        name: node.name,
        netns: node.netns,
        flowEnd: (family) => ({ kind: 'node', name: node.name, address: of(addresses, family) }),
        addresses,
      }),
    ),
    ...plan.machines
      .filter((m) => m.kind === 'host')
      .map((host): End => {
        const addresses = addressed(host.interfaces[0]?.addresses ?? []);
        return { name: host.name, netns: host.netns, flowEnd: (family) => ({ kind: 'outside', address: of(addresses, family) }), addresses };
      }),
  ];
}

/** `a → b` of everybody to everybody, as seen: ok or not. Nodes to nodes and outside hosts are no business of policies. */
async function reached(running: RunningLab, protocol: ProbeProtocol, family: Family, port: number): Promise<ReadonlyMap<string, boolean>> {
  const ends = endsOf(running.plan);
  const every = ends.map((_, i) => i);
  const seen = new Map<string, boolean>();
  await running.within(async (session) => {
    await session.probe(
      {
        protocol,
        family,
        port,
        endpoints: ends.map(({ name, netns, addresses }) => ({ id: name, kind: 'pod', netns, addresses })),
        pairs: { kind: 'matrix', clients: every, servers: every, self: false },
        attempts: 1,
        deadlineMs: 400,
        responders: 'listen',
        conntrack: [],
      },
      (batch) => {
        for (let i = 0; i < batch.length; i++) {
          const { client, server, outcome } = batch.at(i);
          seen.set(`${ends[client]?.name ?? ''} → ${ends[server]?.name ?? ''}`, outcome === 'ok');
        }
      },
    );
  });
  return seen;
}

/** The same by the evaluator. */
function allowed(plan: LabPlan, protocol: ProbeProtocol, family: Family, port: number): ReadonlyMap<string, boolean> {
  const [cluster] = plan.clusters;
  if (cluster === undefined) return new Map();
  const world = policyWorld(cluster);
  const ends = endsOf(plan);
  return new Map(
    ends.flatMap((from) =>
      ends
        .filter((to) => to !== from)
        .map((to) => {
          const flow = { from: from.flowEnd(family), to: to.flowEnd(family), protocol: protocol === 'udp' ? 'UDP' : 'TCP', port, family } as const;
          return [`${from.name} → ${to.name}`, evaluatePolicies(world, flow).allowed] as const;
        }),
    ),
  );
}

const blocked = (matrix: ReadonlyMap<string, boolean>): readonly string[] => [...matrix].flatMap(([name, ok]) => (ok ? [] : [name])).sort();

describe.skipIf(why !== null)(`NetworkPolicies of a running lab${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it('come with the lab, change with it and go, for pods, nodes and hosts outside', async () => {
    // Bare routes: pods see the nodes' own addresses, no tunnel's, and hosts outside reach pods by the router.
    const cni = { type: 'kindnet' } as const;
    const outside = {
      outside: {
        cidr: '192.168.5.0/24',
        hosts: [
          { name: 'friend', address: '192.168.5.10' },
          { name: 'stranger', address: '192.168.5.11' },
        ],
      },
    };
    const fromFriend = policy('from-friend', {
      podSelector: { matchLabels: { pod: 'a' } },
      ingress: [{ from: [{ ipBlock: { cidr: '192.168.5.10/32' } }], ports: [{ port: 3306 }] }],
      egress: [{ to: [{ podSelector: { matchLabels: { pod: 'c' } } }] }],
      policyTypes: ['Ingress', 'Egress'],
    });
    await using running = await RunningLab.up(lab(cni, [...pods, deny], {}, outside));
    const agree = async (protocol: ProbeProtocol, port: number): Promise<readonly string[]> => {
      const seen = blocked(await reached(running, protocol, 'ipv4', port));
      expect(seen).toEqual(blocked(allowed(running.plan, protocol, 'ipv4', port)));
      return seen;
    };
    const all = await agree('tcp', 3306);
    expect(all).toEqual(expect.arrayContaining(['a → b', 'a → c', 'friend → a', 'a → friend', 'worker2 → a', 'a → worker2', 'host → a', 'control-plane1 → c']));
    for (const open of ['worker1 → a', 'a → worker1', 'host → c', 'c → host', 'friend → worker1']) expect(all).not.toContain(open);

    await running.become(lab(cni, [...pods, fromFriend], {}, outside));
    const some = await agree('tcp', 3306);
    expect(some).toContain('stranger → a');
    expect(some).not.toContain('friend → a');
    expect(some).not.toContain('a → c');
    expect(await agree('tcp', 3307)).toContain('friend → a');
    expect(await agree('udp', 3306)).toContain('friend → a');

    // A pod that comes is a peer at once, and one whose labels change.
    const another = [...pods, pod('d', 'control-plane1', {}, { pod: 'c' }), fromFriend];
    await running.become(lab(cni, another, {}, outside));
    expect(await agree('tcp', 80)).not.toContain('a → d');
    await running.become(lab(cni, [...pods, pod('d', 'control-plane1', {}, { pod: 'd' }), fromFriend], {}, outside));
    expect(await agree('tcp', 80)).toContain('a → d');

    await running.become(lab(cni, pods, {}, outside));
    expect(await agree('tcp', 3306)).toEqual([]);
    const rules = await running.within(async (session) => await session.run('node.c1.worker1', ['nft', 'list', 'tables', 'inet']));
    expect(rules.stdout).toBe('');
  });

  it.each(['calico', 'weave', 'kindnet'] as const)('leave connections that stand as they are, replace the table at once (%s)', async (type) => {
    await using running = await RunningLab.up(lab({ type }, pods));
    const address = endsOf(running.plan).find((end) => end.name === 'c')?.addresses[0]?.address ?? '';
    const inside = async (name: string, program: string): Promise<ChildProcess> => {
      const netns = endsOf(running.plan).find((end) => end.name === name)?.netns ?? '';
      const [command = '', ...args] = await running.engine.enter(running.running, netns, [process.execPath, '-e', program]);
      return spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    };
    const said = async (child: ChildProcess, text: string): Promise<void> =>
      await new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`it does not say ${text}`)), 10_000);
        child.stdout?.on('data', function listener(chunk: Buffer) {
          if (!chunk.toString().includes(text)) return;
          clearTimeout(late);
          child.stdout?.off('data', listener);
          resolve();
        });
      });
    const server = await inside('c', "require('net').createServer(s=>s.pipe(s)).listen(9000,()=>console.log('listening'))");
    const children = [server];
    try {
      await said(server, 'listening');
      const client = await inside(
        'a',
        `const s=require('net').connect(9000,'${address}',()=>console.log('connected'));process.stdin.on('data',d=>s.write(d));s.on('data',d=>console.log('echo '+d))`,
      );
      children.push(client);
      await said(client, 'connected');
      await running.become(lab({ type }, [...pods, deny]));
      expect(blocked(await reached(running, 'tcp', 'ipv4', 80))).toContain('a → c');
      const echoed = said(client, 'echo still here');
      client.stdin?.write('still here');
      await echoed;
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
  });

  it('mean both families where the cluster has both', async () => {
    const dual = { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] };
    const byFamily = policy('by-family', {
      podSelector: {},
      ingress: [{ from: [{ ipBlock: { cidr: 'fd00:10:244::/56' } }] }, { from: [{ podSelector: { matchLabels: { pod: 'a' } } }] }],
    });
    await using running = await RunningLab.up(lab({ type: 'kindnet' }, [...pods, byFamily], dual));
    for (const family of ['ipv4', 'ipv6'] as const) {
      for (const protocol of ['tcp', 'udp'] as const) {
        const seen = blocked(await reached(running, protocol, family, 80));
        expect(seen).toEqual(blocked(allowed(running.plan, protocol, family, 80)));
        expect(seen.includes('b → c')).toBe(family === 'ipv4');
        expect(seen).not.toContain('a → c');
      }
    }
  });

  it('do nothing on a CNI that ignores them, which planning has said', async () => {
    await using running = await RunningLab.up(lab({ type: 'flannel' }, [...pods, deny]));
    expect(running.plan.findings.map((f) => f.code)).toContain('POLICY_IGNORED');
    expect(blocked(await reached(running, 'tcp', 'ipv4', 80))).toEqual([]);
  });
});
