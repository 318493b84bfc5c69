/** Applies ops, stage by stage: what rtnetlink does runs at once and in order, what needs a process runs side by side until the end of the stage. */
import { availableParallelism } from 'node:os';
import type { EngineEvent } from '../../port.ts';
import type { Op, OpsDelta, Stage } from '../ops.ts';
import { changeAddress, changeForwarding, changeNeighbour } from './addresses.ts';
import { awaitRoutes } from './await-routes.ts';
import { applyBird } from './bird.ts';
import { cniAdd } from './cni.ts';
import { installCni } from './cni-setup.ts';
import { applyDns } from './dns.ts';
import { applyProxy } from './proxy.ts';
import { applyTunnel } from './tunnel.ts';
import { writeLabFile } from './files.ts';
import { forgetFlows } from './forget-flows.ts';
import { applyIngress } from './ingress.ts';
import { applyIpvs } from './ipvs.ts';
import { createLanes, type Lanes } from './lanes.ts';
import { addLink } from './links.ts';
import { createNetns } from './namespaces.ts';
import { addRoute } from './routes.ts';
import { applyTable } from './nft.ts';
import { applyRules } from './rules.ts';
import { stepFailed } from './step-error.ts';
import { writeSysctls } from './sysctls.ts';
import { undoNamespaces, undoOp } from './undo.ts';

export interface ApplyResult {
  readonly ops: number;
  readonly ms: number;
}

type OnStep = (event: EngineEvent) => void;
type OpOf<K extends Op['op']> = Extract<Op, { readonly op: K }>;

/** Processes at the same time: CNI plugins gain nothing from more than two per processor. */
const WIDTH = availableParallelism() * 2;
const UNDO = 'undo';

/** Undoes, then applies. @throws EngineError that names stage, op, namespace and reason; what was done stays */
export async function applyDelta(delta: OpsDelta, emit: OnStep): Promise<ApplyResult> {
  const started = performance.now();
  if (delta.undo.length > 0) await inStep(UNDO, `removing ${delta.undo.length} objects`, emit, async () => await undoAll(delta.undo));
  for (const stage of delta.stages) await inStep(stage.name, stage.title, emit, async () => await applyStage(stage, emit));
  return { ops: delta.undo.length + delta.stages.reduce((sum, { ops }) => sum + ops.length, 0), ms: performance.now() - started };
}

async function inStep(step: string, title: string, emit: OnStep, work: () => Promise<void>): Promise<void> {
  const started = performance.now();
  emit({ step, phase: 'start', detail: title });
  try {
    await work();
  } catch (error) {
    emit({ step, phase: 'failed', detail: error instanceof Error ? error.message : String(error), ms: performance.now() - started });
    throw error;
  }
  emit({ step, phase: 'end', detail: title, ms: performance.now() - started });
}

/** In order; runs of CNI deletions go side by side, runs of namespaces go at once. */
async function undoAll(ops: readonly Op[]): Promise<void> {
  for (let at = 0; at < ops.length; ) {
    const op = ops[at] as Op;
    const run = runOf(ops, at, (next) => (op.op === 'cni' || op.op === 'netns') && next.op === op.op);
    at += run.length;
    if (op.op === 'netns') {
      await undoNamespaces(run as OpOf<'netns'>[]).catch((error: unknown) => {
        throw stepFailed(UNDO, op, error);
      });
    } else {
      const lanes = createLanes(WIDTH);
      for (const each of run) {
        lanes.start(
          each.op === 'cni' ? each.lane : null,
          async () =>
            await undoOp(each).catch((error: unknown) => {
              throw stepFailed(UNDO, each, error);
            }),
        );
      }
      await lanes.settled();
    }
  }
}

/** `ops[from]` and those right after it that belong with it. */
function runOf(ops: readonly Op[], from: number, belongs: (op: Op) => boolean): Op[] {
  let end = from + 1;
  while (end < ops.length && belongs(ops[end] as Op)) end++;
  return ops.slice(from, end);
}

async function applyStage(stage: Stage, emit: OnStep): Promise<void> {
  const lanes = createLanes(WIDTH);
  const waits: OpOf<'await-routes'>[] = [];
  const done = countdown(stage, emit);
  let failure: { readonly error: unknown } | null = null;
  for (let at = 0; at < stage.ops.length && failure === null; at++) {
    const op = stage.ops[at] as Op;
    try {
      if (op.op === 'sysctl') {
        const run = runOf(stage.ops, at, (next) => next.op === 'sysctl' && next.ns === op.ns);
        at += run.length - 1;
        writeSysctls(op.ns, run as OpOf<'sysctl'>[]);
      } else if (op.op === 'await-routes') {
        waits.push(op);
      } else {
        applyOp(op, (lane, task) =>
          lanes.start(lane, async () => {
            await task().catch((error: unknown) => {
              throw stepFailed(stage.name, op, error);
            });
            done(op);
          }),
        );
      }
    } catch (error) {
      failure = { error: stepFailed(stage.name, op, error) };
      lanes.abandon();
    }
  }
  // Processes that run must end before the failure is reported: whoever cleans up next must not race with them.
  const settled = await lanes.settled().then(
    () => null,
    (error: unknown) => ({ error }),
  );
  failure ??= settled;
  if (failure !== null) throw failure.error;
  if (waits.length > 0) await awaitRoutes(stage.name, waits);
}

/** Does the op, or hands what needs a process to `start`. */
function applyOp(op: Exclude<Op, OpOf<'sysctl' | 'await-routes'>>, start: Lanes['start']): void {
  switch (op.op) {
    case 'netns':
      return createNetns(op.ns);
    case 'bridge':
    case 'veth':
    case 'vxlan':
    case 'ipip':
    case 'tun':
    case 'dummy':
      return addLink(op);
    case 'address':
      return changeAddress(op, 'add');
    case 'route':
      return addRoute(op);
    case 'neigh':
      return changeNeighbour(op, 'add');
    case 'fdb':
      return changeForwarding(op, 'add');
    case 'file':
      return writeLabFile(op.path, op.text);
    // All rules of a namespace in one lane: their transactions would make each other start over.
    case 'rules':
      return start(`rules ${op.ns}`, async () => await applyRules(op));
    case 'nft':
      return start(`rules ${op.ns}`, async () => await applyTable(op));
    case 'ipvs':
      return start(`rules ${op.ns}`, async () => await applyIpvs(op));
    case 'forget-flows':
      return forgetFlows(op);
    case 'cni-setup':
      return installCni(op);
    case 'cni':
      return start(op.lane, async () => await cniAdd(op));
    case 'bird':
      return start(`bird ${op.ns}`, async () => await applyBird(op));
    case 'dns':
      return start(`dns ${op.ns}`, async () => await applyDns(op));
    case 'ingress':
      return start(`ingress ${op.ns}`, async () => await applyIngress(op));
    case 'proxy':
      return start(`proxy ${op.ns}`, async () => await applyProxy(op));
    case 'tunnel':
      return start(`tunnel ${op.ns}`, async () => await applyTunnel(op));
  }
}

/** Reports progress of the ops that take long, a few times per stage. */
function countdown(stage: Stage, emit: OnStep): (op: Op) => void {
  const total = stage.ops.filter(({ op }) => op === 'cni').length;
  const every = Math.max(1, Math.floor(total / 20));
  let count = 0;
  return (op) => {
    if (op.op === 'cni' && ++count % every === 0) emit({ step: stage.name, phase: 'progress', detail: `${count}/${total} pods` });
  };
}
