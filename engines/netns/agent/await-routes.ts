import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../../topology/errors.ts';
import type { Op } from '../ops.ts';
import { birdProtocols } from './bird.ts';
import { netns } from './namespaces.ts';
import { readDestinations } from './read-routes.ts';

type AwaitRoutesOp = Extract<Op, { readonly op: 'await-routes' }>;

const POLL_MS = 15;
/** That many namespaces or routes are named in a message. */
const NAMED = 8;

/**
 * Waits until every namespace has its routes; one loop for all, each op with its own time limit.
 *
 * @throws EngineError that lists what is missing where, with the states of that BIRD's protocols
 */
export async function awaitRoutes(step: string, ops: readonly AwaitRoutesOp[]): Promise<void> {
  const started = performance.now();
  for (let waiting = ops; ; ) {
    waiting = waiting.filter((op) => missingRoutes(op).length > 0);
    if (waiting.length === 0) return;
    const elapsed = performance.now() - started;
    const late = waiting.filter((op) => elapsed > op.timeoutMs);
    if (late.length > 0) throw await timedOut(step, late);
    await sleep(POLL_MS);
  }
}

function missingRoutes(op: AwaitRoutesOp): string[] {
  const found = readDestinations(netns(op.ns));
  return op.to.filter((to) => !found.has(to));
}

async function timedOut(step: string, late: readonly AwaitRoutesOp[]): Promise<EngineError> {
  const rows = await Promise.all(late.slice(0, NAMED).map(async (op) => ({ netns: op.ns, missing: missingRoutes(op), protocols: await birdProtocols(op.ns) })));
  const [first] = rows;
  const others = late.length > 1 ? ` (and ${late.length - 1} more namespaces)` : '';
  return new EngineError({
    code: 'TIMEOUT',
    message: `${first?.netns ?? ''} still lacks ${first?.missing.slice(0, NAMED).join(', ') ?? ''} after ${late[0]?.timeoutMs ?? 0} ms${others}; BIRD there says:\n${first?.protocols ?? ''}`,
    hint: 'a session that is not Established names the broken underlay path: check that the nodes reach each other on TCP port 179',
    details: { step, waiting: rows },
  });
}
