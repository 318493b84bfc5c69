import { isIP } from 'node:net';
import { LabError } from '../topology/errors.ts';
import type { WalkReport } from '../verify/walk/document.ts';
import type { WalkQuestion } from '../verify/walk/goal.ts';
import type { LabState } from './lab-state.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { presentLab } from './present-plan.ts';
import { readLab } from './read.ts';
import { requireUp } from './require-up.ts';

export interface ExplainLabOptions {
  /** A pod, a node, a host, a router or a container. */
  readonly from: string;
  /** One of these, a Service, a name of the DNS or an address; `:PORT` behind the last three. */
  readonly to: string;
  /** 1 to 65535. @default that of the Service, the first port of the pod, else that of the probes */
  readonly port?: number;
  /** Also send one packet, and compare. @default false */
  readonly live?: boolean;
  readonly deadlineMs?: number;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/**
 * Walks one packet through a running lab.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST when it does not run; TARGET_UNKNOWN and USAGE for ends that are none; ENGINE_UNSUPPORTED where its kernels cannot be read;
 * EngineError. That the packet does not arrive is an answer, not an error.
 */
export async function explain(name: string, options: ExplainLabOptions): Promise<WalkReport> {
  const { loadEngine: load = loadEngine, live, deadlineMs } = options;
  const walking = import('../verify/walk/explain-way.ts');
  walking.catch(() => undefined);
  const state = await readLab(name, { loadEngine: load });
  const handle = requireUp(state);
  const engine = await load(state.engine);
  const lab = await presentLab(engine, handle, state);
  const question = await questionOf(lab, options);
  const plan = lab.observed ?? lab.plan;
  const session = await engine.open(handle, plan);
  try {
    const { explainWay } = await walking;
    return await explainWay(session, plan, {
      ...question,
      engine: engine.name,
      ...(live === undefined ? {} : { live }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
  } finally {
    await session.close();
  }
}

/**
 * The two words and the port, as one question.
 *
 * @throws LabError TARGET_UNKNOWN and USAGE for ends that are none
 */
export async function questionOf(lab: LabState, { from, to, port }: Pick<ExplainLabOptions, 'from' | 'to' | 'port'>): Promise<WalkQuestion> {
  const { resolveEnds, splitPort } = await import('./between.ts');
  if (port !== undefined && (port < 1 || port > 65_535)) throw usage(`port ${port}`, 'a port is a number from 1 to 65535');
  // A pod and a node have any port, a Service its own.
  const { name: word, port: behind } = splitPort(to);
  const asked = port ?? behind;
  if (port !== undefined && behind !== null && port !== behind) throw usage(`${to} and --port ${port} are two ports`, 'give one of them');
  // An address that nothing has is a good question: where does the packet end?
  return { address: isIP(word) === 0 ? null : word, word, port: asked, between: resolveEnds(lab, from, word) };
}

function usage(message: string, hint: string): LabError {
  return new LabError({ code: 'USAGE', message, hint });
}
