/**
 * The field of the cases on the netns engine: one lab, in which the policies of each step are put in the place of those before by the ops that `up` applies to
 * a running lab (planLab → reconcile → one `nft -f` per node, by the agent), only without state files and the search for programs.
 *
 * A step is judged by two witnesses: what every client saw of every server, and how many packets each pod's chains dropped. The second one tells a policy
 * from every other reason to be silent, and makes the first independent of how long silence was waited for.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAgent } from '../../engines/netns/agent-session.ts';
import { labSession } from '../../engines/netns/lab-session.ts';
import type { Op } from '../../engines/netns/ops.ts';
import { policyOps } from '../../engines/netns/policy/compile.ts';
import { POLICY_TABLE } from '../../engines/netns/policy/table.ts';
import { reconcile } from '../../engines/netns/reconcile.ts';
import { NO_MATERIALS, type EngineHandle, type Endpoint, type ProbeRequest } from '../../engines/port.ts';
import { loadEngine } from '../../engines/registry.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';
import { evaluatePolicies } from '../../topology/policy/evaluate.ts';
import { policyWorld } from '../../topology/policy/world.ts';
import type { ClusterSpec, CniSpec } from '../../topology/spec.ts';
import { caseLab, SERVED_PORTS, type Step } from './case.ts';

export interface StepResult {
  readonly cells: number;
  readonly allowed: number;
  /** `x/a → y/b TCP 80: allowed, but silent`, `pod.x.a.ingress dropped 3, not 4`. None: evaluator and kernel agree. */
  readonly disagreements: readonly string[];
  /** Looked at again, with longer deadlines, because the first look disagreed. */
  readonly repeated: boolean;
  readonly ms: number;
}

export interface CaseField extends AsyncDisposable {
  /** Makes the lab that of the step, and compares what is seen with what the evaluator says. */
  check(step: Step): Promise<StepResult>;
  /** Runs a program on every node that has a policy table: how tests do harm. */
  onNodes(argv: readonly string[]): Promise<void>;
}

const PROTOCOLS = ['tcp', 'udp'] as const;
/** An answer of this kernel is there when the client has finished asking; only when others have the processors is it not. */
const SHORTEST_MS = 5;
const LONGEST_MS = 160;
/** For what disagrees at first. Below a second: a SYN that is sent again would be counted again. */
const PATIENCE_MS = [40, 160, 800] as const;
/** Source ports of one step, per pod: those of the steps before must not be met again while conntrack remembers them (UDP: 30 s). */
const PORTS_PER_STEP = 150;
const LOWEST_PORT = 1024;

interface Cell {
  readonly name: string;
  readonly outcome: string;
}

export async function openField(cni: CniSpec, rest: Partial<ClusterSpec> = {}): Promise<CaseField> {
  const engine = await loadEngine('netns');
  const directory = mkdtempSync(join(tmpdir(), 'cnilab-policy-'));
  let plan = planLab(caseLab({ title: 'empty', policies: [] }, cni, rest));
  let handle: EngineHandle | null = null;
  const onHandle = async (given: EngineHandle): Promise<void> => {
    handle = given;
  };
  const close = async (): Promise<void> => {
    await engine.destroy(handle, directory);
    rmSync(directory, { recursive: true, force: true });
  };
  const made = await engine
    .create(plan, { directory, sourceDirectory: directory, materials: NO_MATERIALS, onEvent: () => {}, onHandle, signal: new AbortController().signal })
    .catch(async (error: unknown) => {
      await close();
      throw error;
    });
  const rootless = made['rootless'] === true;
  const options = { rootless, ipv6: existsSync('/proc/sys/net/ipv6'), bridgeNetfilter: existsSync('/proc/sys/net/bridge') };
  const agent = openAgent({ pid: Number(made['pid']), rootless });
  const session = labSession(agent, plan);
  let deadlineMs = SHORTEST_MS;
  let steps = 0;
  const counted = new Map<string, ReadonlyMap<string, number>>();

  const become = async (next: LabPlan): Promise<void> => {
    const delta = reconcile(plan, next, options);
    for (const op of [...delta.undo, ...delta.stages.flatMap((stage) => stage.ops)]) if (op.op === 'nft') counted.delete(op.ns);
    const lowest = LOWEST_PORT + (steps++ % Math.floor((65_536 - LOWEST_PORT) / PORTS_PER_STEP)) * PORTS_PER_STEP;
    const ports = podsOf(next).map(
      (pod): Op => ({ op: 'sysctl', ns: pod.netns, key: 'net/ipv4/ip_local_port_range', value: `${lowest} ${lowest + PORTS_PER_STEP - 1}` }),
    );
    await agent.request('apply', { ...delta, stages: [...delta.stages, { name: 'ports', title: 'source ports', ops: ports }] });
    plan = next;
  };

  const probe = async (deadline: number): Promise<readonly Cell[]> => {
    const cells: Cell[] = [];
    const endpoints = endpointsOf(plan);
    const every = endpoints.map((_, i) => i);
    for (const protocol of PROTOCOLS) {
      for (const port of SERVED_PORTS) {
        const request: ProbeRequest = {
          protocol,
          family: 'ipv4',
          port,
          endpoints,
          pairs: { kind: 'matrix', clients: every, servers: every, self: true },
          attempts: 1,
          deadlineMs: deadline,
          responders: 'listen',
          conntrack: [],
        };
        const { unusable } = await session.probe(request, (batch) => {
          for (let i = 0; i < batch.length; i++) {
            const { client, server, outcome, answeredBy, nonceBack } = batch.at(i);
            const ends = `${shortId(endpoints[client]?.id)} → ${shortId(endpoints[server]?.id)} ${protocol.toUpperCase()} ${port}`;
            cells.push({ name: ends, outcome: outcome === 'ok' && (answeredBy !== server || !nonceBack) ? 'somebody else answered' : outcome });
          }
        });
        for (const [id, reason] of Object.entries(unusable)) cells.push({ name: id, outcome: reason });
      }
    }
    return cells;
  };

  /** Packets that chains have dropped since they were asked last, or written. A table whose text stays the same is not written again, and counts on. */
  const readDrops = async (): Promise<ReadonlyMap<string, number>> => {
    const drops = new Map<string, number>();
    for (const op of plan.clusters.flatMap(policyOps)) {
      if (op.op !== 'nft') continue;
      const { stdout } = await session.run(op.ns, ['nft', 'list', 'table', op.family, POLICY_TABLE]);
      const before = counted.get(op.ns);
      const now = new Map([...stdout.matchAll(/chain (pod\.\S+) \{[^}]*counter packets (\d+)/g)].map(([, chain = '', packets]) => [chain, Number(packets)]));
      for (const [chain, count] of now) drops.set(chain, count - (before?.get(chain) ?? 0));
      counted.set(op.ns, now);
    }
    return drops;
  };

  /** One look at everything: what disagrees. */
  const look = async (expected: Expectation, deadline: number): Promise<readonly string[]> => {
    const cells = await probe(deadline);
    const drops = await readDrops();
    const seen = new Map(cells.map((cell) => [cell.name, cell.outcome]));
    const wrong = [...expected.cells].flatMap(([name, allowed]) => {
      const outcome = seen.get(name) ?? 'not tried';
      return outcome === (allowed ? 'ok' : 'silent') ? [] : [`${name}: ${allowed ? 'allowed' : 'blocked'}, but ${outcome}`];
    });
    const unknown = cells.filter((cell) => !expected.cells.has(cell.name)).map((cell) => `${cell.name}: ${cell.outcome}`);
    const chains = new Set([...expected.drops.keys(), ...drops.keys()]);
    const miscounted = [...chains].flatMap((chain) => {
      const dropped = drops.get(chain) ?? 0;
      const due = expected.drops.get(chain) ?? 0;
      return dropped === due ? [] : [`${chain} dropped ${dropped}, not ${due}`];
    });
    return [...wrong, ...unknown, ...miscounted];
  };

  const field: CaseField = {
    async check(step) {
      const started = performance.now();
      await become(planLab(caseLab(step, cni, rest), { previous: plan }));
      const expected = expectationOf(plan.clusters[0]);
      let disagreements = await look(expected, deadlineMs);
      const repeated = disagreements.length > 0;
      for (const patience of PATIENCE_MS) if (disagreements.length > 0 && patience > deadlineMs) disagreements = await look(expected, patience);
      deadlineMs = repeated ? Math.min(LONGEST_MS, deadlineMs * 2) : Math.max(SHORTEST_MS, deadlineMs * 0.8);
      const allowed = [...expected.cells.values()].filter((a) => a).length;
      return { cells: expected.cells.size, allowed, disagreements, repeated, ms: performance.now() - started };
    },
    async onNodes(argv) {
      for (const op of plan.clusters.flatMap(policyOps)) if (op.op === 'nft') await session.run(op.ns, argv);
    },
    async [Symbol.asyncDispose]() {
      await session.close();
      await close();
    },
  };
  // Neighbours are learned now, so that no step waits for them.
  await field.check({ title: 'warm', policies: [] });
  return field;
}

const podsOf = (plan: LabPlan): ClusterPlan['pods'] => plan.clusters.flatMap((c) => c.pods);
const shortId = (id: string | undefined): string => (id ?? '').split('/').slice(1).join('/');

function endpointsOf(plan: LabPlan): readonly Endpoint[] {
  return podsOf(plan).map((pod) => ({
    id: pod.id,
    kind: 'pod',
    netns: pod.netns,
    addresses: (pod.interface?.addresses ?? []).map(({ family, address }) => ({ family, address })),
  }));
}

interface Expectation {
  /** Allowed or blocked, by the cell's name. */
  readonly cells: ReadonlyMap<string, boolean>;
  /** Packets that a pod's chain drops: what the egress of the sender drops never comes to the ingress of the receiver. */
  readonly drops: ReadonlyMap<string, number>;
}

function expectationOf(cluster: ClusterPlan | undefined): Expectation {
  const cells = new Map<string, boolean>();
  const drops = new Map<string, number>();
  if (cluster === undefined) return { cells, drops };
  const world = policyWorld(cluster);
  for (const from of world.pods) {
    for (const to of world.pods) {
      for (const protocol of PROTOCOLS) {
        for (const port of SERVED_PORTS) {
          const upper = protocol === 'tcp' ? 'TCP' : 'UDP';
          const { allowed, egress } = evaluatePolicies(world, {
            from: { kind: 'pod', id: from.id },
            to: { kind: 'pod', id: to.id },
            protocol: upper,
            port,
            family: 'ipv4',
          });
          cells.set(`${shortId(from.id)} → ${shortId(to.id)} ${upper} ${port}`, allowed);
          if (allowed) continue;
          const chain = egress.allowed ? `pod.${shortId(to.id).replace('/', '.')}.ingress` : `pod.${shortId(from.id).replace('/', '.')}.egress`;
          drops.set(chain, (drops.get(chain) ?? 0) + 1);
        }
      }
    }
  }
  return { cells, drops };
}
