/** A machine under the netns engine: holders, agents and directories that are only remembered, ops instead of system calls. */
import type { AgentSession } from '../../engines/netns/agent-session.ts';
import type { Holder, HolderProcess } from '../../engines/netns/holder.ts';
import type { NetnsDeps } from '../../engines/netns/netns-deps.ts';
import type { OpsDelta } from '../../engines/netns/ops.ts';
import { EngineError } from '../../topology/errors.ts';
import { kernelModel, type KernelModel } from '../engines/kernel-model.ts';

export interface FakeMachine {
  readonly deps: NetnsDeps;
  /** Everything that exists and belongs to a lab. */
  owned(): readonly string[];
  /** What the lab's kernel holds. */
  readonly kernels: ReadonlyMap<number, KernelModel>;
  /** Steps that were taken, in order. */
  readonly log: readonly string[];
}

/** The op (or the step `preflight`, `holder`) with this number fails; none when it is larger than all. Every op, stage start and deletion counts. */
export function fakeMachine(failAt = Number.POSITIVE_INFINITY): FakeMachine {
  const holders = new Map<string, Holder>();
  const kernels = new Map<number, KernelModel>();
  const agents = new Set<number>();
  const log: string[] = [];
  let nextPid = 100;
  let nextAgent = 1;

  const step = (what: string): void => {
    log.push(what);
    if (log.length - 1 === failAt)
      throw new EngineError({ code: 'ENGINE_STEP_FAILED', message: `step ${failAt} failed: ${what}`, hint: 'test', details: { step: what } });
  };
  const openAgent = (holder: { readonly pid: number }): AgentSession => {
    const id = nextAgent++;
    agents.add(id);
    const end = (): void => {
      agents.delete(id);
    };
    const request = async (method: string, params: unknown): Promise<unknown> => {
      await Promise.resolve();
      if (!agents.has(id)) throw new EngineError({ code: 'ENGINE_GONE', message: 'the agent ended', hint: 'test' });
      if (method !== 'apply') throw new Error(`the fake has no ${method}`);
      const { undo, stages } = params as OpsDelta;
      const kernel = kernels.get(holder.pid);
      for (const op of undo) {
        step(`undo ${op.op}`);
        kernel?.apply({ undo: [op], stages: [] });
      }
      for (const stage of stages) {
        for (const op of stage.ops) {
          step(`${stage.name} ${op.op}`);
          kernel?.apply({ undo: [], stages: [{ ...stage, ops: [op] }] });
        }
      }
      return { ops: 0, ms: 0 };
    };
    return {
      request: request as AgentSession['request'],
      close: async () => {
        await Promise.resolve();
        end();
      },
      kill: end,
    };
  };
  const alive = (holder: HolderProcess): boolean => [...holders.values()].some((h) => h.pid === holder.pid && h.startTime === holder.startTime);

  return {
    deps: {
      preflight: () => step('preflight'),
      startHolder: async (directory) => {
        await Promise.resolve();
        step('holder');
        const pid = nextPid++;
        const holder: Holder = { pid, startTime: pid * 10, bootId: 'boot', rootless: false };
        holders.set(directory, holder);
        kernels.set(pid, kernelModel());
        return holder;
      },
      isHolderAlive: alive,
      endHolder: async (holder, directory) => {
        await Promise.resolve();
        for (const [where, h] of holders) {
          if (where !== directory && h.pid !== holder?.pid) continue;
          holders.delete(where);
          kernels.delete(h.pid);
        }
      },
      openAgent,
    },
    owned: () => [...[...holders.keys()].map((directory) => `holder of ${directory}`), ...[...agents].map((id) => `agent ${id}`)],
    kernels,
    log,
  };
}
