/**
 * An agent takes 0.1 s to start, and `up --verify` needs one twice: the one that built the lab is kept for whoever opens it next in this process, for a
 * moment. It keeps nothing running: an idle agent does not hold the process, and ends with it.
 */
import type { AgentSession } from './agent-session.ts';

const KEEP_MS = 3000;

export interface WarmAgents {
  keep(holderPid: number, agent: AgentSession): void;
  /** The kept agent, which is then the caller's; null when there is none. */
  take(holderPid: number): AgentSession | null;
}

export function warmAgents(): WarmAgents {
  const kept = new Map<number, { readonly agent: AgentSession; readonly timer: NodeJS.Timeout }>();
  const take = (holderPid: number): AgentSession | null => {
    const entry = kept.get(holderPid);
    kept.delete(holderPid);
    clearTimeout(entry?.timer);
    return entry?.agent ?? null;
  };
  return {
    keep: (holderPid, agent) => {
      take(holderPid)?.kill();
      const timer = setTimeout(() => {
        void take(holderPid)?.close();
      }, KEEP_MS);
      timer.unref();
      kept.set(holderPid, { agent, timer });
    },
    take,
  };
}
