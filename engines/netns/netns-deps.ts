/** The lowest layer of the engine, passed in so that tests can put another one under it. */
import type { LabPlan } from '../../topology/plan.ts';
import type { AgentSession, AgentTarget } from './agent-session.ts';
import type { Holder, HolderProcess } from './holder.ts';

export interface NetnsDeps {
  /** @throws EnvironmentError with everything the plan needs and the machine lacks */
  preflight(plan: LabPlan, sourceDirectory: string): void;
  startHolder(directory: string, signal: AbortSignal): Promise<Holder>;
  isHolderAlive(holder: HolderProcess): boolean;
  /** Ends the holder (known, or found by the directory), removes the directory, proves both. */
  endHolder(holder: HolderProcess | null, directory: string): Promise<void>;
  openAgent(target: AgentTarget): AgentSession;
}
