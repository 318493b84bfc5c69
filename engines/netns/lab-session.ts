/** A running lab, opened: the agent behind the port's session. */
import type { EngineSession } from '../port.ts';
import { decodeBatch } from '../probe-batch.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { AgentSession } from './agent-session.ts';
import { compile } from './compile.ts';

export function labSession(agent: AgentSession, plan: LabPlan): EngineSession {
  return {
    sight: { icmp: true, df: true, kernel: true, clock: true, destination: true },
    probe: async (request, onBatch) => await agent.request('probe', request, (batch) => onBatch(decodeBatch(batch))),
    http: async (request) => await agent.request('http', request),
    snapshot: async (namespaces, options) => await agent.request('snapshot', { namespaces, ...options }),
    run: async (netns, argv, options = {}) => await agent.request('run', { netns, argv, ...options }),
    checkAttachments: async () => {
      const ops = compile(plan).flatMap((stage) => stage.ops.filter((op) => op.op === 'cni'));
      return ops.length === 0 ? 0 : (await agent.request('check', { ops })).checked;
    },
    close: async () => await agent.close(),
  };
}
