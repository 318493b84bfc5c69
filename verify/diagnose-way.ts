/**
 * A diagnosis of a way that no check judges: between hosts, routers and containers. The state of all kernels against the plan, then one real packet, and the walk
 * of it through that state, which names the place where it is lost. Changes nothing.
 */
import type { EngineSession, OnEvent } from '../engines/port.ts';
import type { LabPlan } from '../topology/plan.ts';
import { inStep, requireReadable, takeStage, type LabDiagnosis } from './diagnose-lab.ts';
import { joinDiagnoses } from './diagnosis/diagnose.ts';
import { DIAGNOSIS_SCHEMA, type CounterRise, type Rung } from './diagnosis/document.ts';
import { diagnoseLoss } from './diagnosis/lost-packet.ts';
import type { WalkReport } from './walk/document.ts';
import { explainRead } from './walk/explain-way.ts';
import type { WalkQuestion } from './walk/goal.ts';

export interface DiagnoseWayOptions extends WalkQuestion {
  /** Of the packet, 10 to 60000. @default 1500 */
  readonly deadlineMs?: number;
  readonly onProgress?: OnEvent;
  readonly engine?: string;
}

/**
 * Finds out where a packet between two places is lost.
 *
 * @throws {LabError} USAGE for what no packet can be sent to, ENGINE_UNSUPPORTED where the kernels of the lab cannot be read, and what the session throws
 */
export async function diagnoseWay(session: EngineSession, plan: LabPlan, options: DiagnoseWayOptions): Promise<LabDiagnosis> {
  requireReadable(session, plan, options.engine);
  const started = { at: new Date(), ms: performance.now() };
  const { onProgress: progress = () => {}, ...question } = options;
  const { view, stage, read } = await inStep(progress, 'read the kernels', () => takeStage(session, plan));
  const sent = performance.now();
  const walk = await inStep(progress, 'walk a packet', () => explainRead(session, plan, view.snapshot, { ...question, live: true }));
  const rung = rungOf(walk, Math.round(performance.now() - sent));
  const loss = diagnoseLoss(walk);
  return {
    packets: [],
    report: {
      schema: DIAGNOSIS_SCHEMA,
      lab: plan.name,
      engine: walk.engine,
      from: walk.from,
      to: walk.to,
      startedAt: started.at.toISOString(),
      elapsedMs: Math.round(performance.now() - started.ms),
      found: rung.verdict === 'fail' || loss !== null || read.length > 0,
      inventory: stage,
      ladder: [rung],
      checks: [],
      counters: rung.verdict === 'fail' ? countersOf(walk) : [],
      capture: null,
      diagnoses: joinDiagnoses(loss === null ? [] : [loss], read),
      notLookedAt: [
        ...walk.notes.filter((note) => note.startsWith('no packet was sent')),
        ...(rung.verdict === 'fail' ? [`packets: \`cnilab capture ${plan.name} PLACE\` shows those of one place`] : []),
      ],
    },
  };
}

/** The packet, as a program of the one end sends it to a program of the other. */
function rungOf({ live, arrives, why, protocol }: WalkReport, elapsedMs: number): Rung {
  const rung = { id: 'address', title: `one packet from end to end (${protocol.toUpperCase()})`, elapsedMs } as const;
  if (live === null) return { ...rung, verdict: 'inconclusive', detail: `nothing was sent; by the state of the kernels: ${why === '' ? 'it arrives' : why}` };
  if (live.outcome === 'ok') return { ...rung, verdict: 'pass', detail: `answered by ${live.answeredBy}` };
  // What the state of the kernels does not explain is told as it was seen.
  const told = arrives === 'yes' ? live.differs : arrives === 'unknown' ? [`the walk is not read further: ${why}`] : [];
  return { ...rung, verdict: 'fail', detail: [`not answered: ${live.outcome}`, ...told].join('; ') };
}

/** Where the packet was counted. */
function countersOf({ legs }: WalkReport): readonly CounterRise[] {
  return legs.flatMap(({ hops }) =>
    hops.flatMap(({ place, counter, rose }) =>
      counter === null || rose === null || rose <= 0
        ? []
        : [{ where: place, counter: counter.kind === 'rule' ? counter.text : `${counter.dev} ${counter.kind} packets`, by: rose }],
    ),
  );
}
