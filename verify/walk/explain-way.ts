/** Explains one way through a running lab: hop by hop from the state of the kernels, and by one real packet. Changes nothing. */
import type { EngineSession, Snapshot } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { readLabKernels } from '../diagnose-lab.ts';
import { viewLab } from '../inventory/lab-view.ts';
import { machineNamespaces } from '../find-causes.ts';
import { requireKernels } from '../require-kernels.ts';
import { walkBothWays } from './both-ways.ts';
import { WALK_SCHEMA, type WalkReport } from './document.ts';
import { goalOf, goalText, type WalkQuestion } from './goal.ts';
import { compareLive, sendOne } from './live.ts';
import { preferenceNotes } from './preference.ts';
import { worldOfView } from './world.ts';

export interface ExplainOptions extends WalkQuestion {
  /** Also send one packet. @default false */
  readonly live?: boolean;
  readonly deadlineMs?: number;
  readonly engine?: string;
}

/**
 * The walk of one packet, by the state of all kernels as they are now.
 *
 * @throws {LabError} USAGE for what no packet can be sent to, ENGINE_UNSUPPORTED where the kernels cannot be read, and what the session throws
 */
export async function explainWay(session: EngineSession, plan: LabPlan, options: ExplainOptions): Promise<WalkReport> {
  requireKernels(session, plan.name, options.engine ?? 'kind', 'bring the lab up on the engine netns: its kernels can be read');
  return await explainRead(session, plan, await readLabKernels(session, plan), options);
}

/**
 * As {@link explainWay}, by a state that was read before.
 *
 * @param all of {@link readLabKernels}
 * @throws {LabError} USAGE for what no packet can be sent to, and what the session throws
 */
export async function explainRead(session: EngineSession, plan: LabPlan, all: Snapshot, options: ExplainOptions): Promise<WalkReport> {
  const goal = goalOf(plan, options, all);
  const ends = [goal.client, ...goal.servers.map((one) => one.endpoint)].map((one) => one.netns);
  // Pods have packet filters of their own, as a sidecar's; those of the two ends are read.
  const filtered = await session.snapshot([...new Set(ends)], { rules: true });
  const snapshot = { takenAt: all.takenAt, namespaces: { ...all.namespaces, ...filtered.namespaces } };
  const world = worldOfView(viewLab(plan, snapshot));
  const sent = options.live === true ? await sendOne(session, goal, [...new Set([...ends, ...machineNamespaces(plan)])], options.deadlineMs) : null;
  const walked = walkBothWays(world, goal, sent?.answeredBy ?? null, sent !== null && sent.unusable === '');
  const compared = sent === null || sent.unusable !== '' ? null : compareLive(walked, goal, sent);
  const why = sent?.unusable ?? '';
  return {
    schema: WALK_SCHEMA,
    lab: plan.name,
    engine: options.engine ?? 'netns',
    from: goal.client.id,
    to: `${options.word}${options.word.includes(goalText(goal)) ? '' : ` (${goalText(goal)})`}`,
    family: goal.family,
    protocol: goal.protocol,
    ...walked,
    notes: [...preferenceNotes(plan, goal), ...walked.notes, ...(why === '' ? [] : [`no packet was sent: ${why}`])],
    legs: compared?.legs ?? walked.legs,
    live: compared?.live ?? null,
  };
}
