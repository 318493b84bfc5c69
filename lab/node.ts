import type { NodeAction, OnEvent } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { lockLab } from './lock.ts';
import { readLab } from './read.ts';
import { requireUp } from './require-up.ts';

export interface NodeOptions {
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

export interface NodeOutcome {
  /** `cluster/node` */
  readonly node: string;
  /** What became of it, in words. */
  readonly outcome: string;
}

/**
 * Stops, starts or reboots a node of a running lab, or pulls the cable of its lab network and puts it in again.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; ENGINE_UNSUPPORTED where nodes are no machines; TARGET_UNKNOWN listing the nodes; USAGE; EngineError
 */
export async function controlNode(name: string, node: string, action: NodeAction, options: NodeOptions = {}): Promise<NodeOutcome> {
  // An unknown lab is said before its lock is made.
  await readLab(name, options);
  const signal = options.signal ?? new AbortController().signal;
  const lock = await lockLab(name, { doing: `node ${action}`, waitMs: 5000, signal });
  try {
    const state = await readLab(name, options);
    const handle = requireUp(state);
    const engine = await (options.loadEngine ?? loadEngine)(state.engine);
    if (engine.controlNode === undefined) {
      throw new LabError({
        code: 'ENGINE_UNSUPPORTED',
        message: `lab ${name} runs on engine ${engine.name}, whose nodes are no machines of their own`,
        hint: 'engine vm has nodes that can lose their power: `cnilab up FILE --engine vm`',
      });
    }
    const ids = state.plan.clusters.flatMap((cluster) => cluster.nodes.map(({ id }) => id));
    const found = ids.filter((id) => id === node || id.slice(id.indexOf('/') + 1) === node);
    const [id] = found;
    if (id === undefined || found.length > 1) {
      const candidates = id === undefined ? ids : found;
      throw new LabError({
        code: 'TARGET_UNKNOWN',
        message: id === undefined ? `lab ${name} has no node ${JSON.stringify(node)}` : `${node} can be ${found.length} nodes of lab ${name}`,
        hint: `say which: ${candidates.join(', ')}`,
        details: { candidates },
      });
    }
    return { node: id, outcome: await engine.controlNode(handle, state.plan, id, action, { onEvent: options.onEvent ?? (() => undefined), signal }) };
  } finally {
    await lock.release();
  }
}
