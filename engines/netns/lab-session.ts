/** A running lab, opened: the agent behind the port's session. */
import type { EngineSession } from '../port.ts';
import { decodeBatch } from '../probe-batch.ts';
import type { AgentSession } from './agent-session.ts';

export function labSession(agent: AgentSession): EngineSession {
  return {
    probe: async (request, onBatch) => await agent.request('probe', request, (batch) => onBatch(decodeBatch(batch))),
    snapshot: async (namespaces, { rules }) => await agent.request('snapshot', { namespaces, rules }),
    run: async (netns, argv, options = {}) => await agent.request('run', { netns, argv, ...options }),
    close: async () => await agent.close(),
  };
}
