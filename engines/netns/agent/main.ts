/**
 * The agent: one process inside the lab's holder that builds, probes and reads the lab. Started by the engine through nsenter, it speaks JSON lines on
 * stdin and stdout, one request at a time, and ends with its stdin.
 */
import { writeSync } from 'node:fs';
import { LabError } from '../../../topology/errors.ts';
import type { AgentFailure, AgentLine, AgentMethods, AgentRequest } from './protocol.ts';

const NEWLINE = 0x0a;

type Emit<M extends keyof AgentMethods> = (event: AgentMethods[M]['event']) => void;

/** Each method loads what it needs: a session that only verifies is ready sooner. */
const methods: { readonly [M in keyof AgentMethods]: (params: AgentMethods[M]['params'], emit: Emit<M>) => Promise<AgentMethods[M]['result']> } = {
  apply: async (params, emit) => await (await import('./apply.ts')).applyDelta(params, emit),
  probe: async (params, emit) => await (await import('./probe.ts')).runProbe(params, emit),
  http: async (params) => await (await import('./http.ts')).runHttp(params),
  measure: async (params) => (await import('./measure.ts')).runMeasure(params),
  snapshot: async (params) => await (await import('./snapshot.ts')).takeSnapshot(params),
  exchangeNames: async (params) => await (await import('./exchange-names.ts')).exchangeNames(params),
  run: async ({ netns, argv, id, ...options }) => {
    const [{ runProcess }, { ownEtcOf }] = await Promise.all([import('./processes.ts'), import('./own-etc.ts')]);
    return await runProcess(netns, argv, { ...options, etc: ownEtcOf(netns, id) });
  },
  captureStart: async (params) => {
    (await import('./capture.ts')).startCapture(params);
    return null;
  },
  captureRead: async (params) => await (await import('./capture.ts')).readCapture(params),
  captureEnd: async (params) => (await import('./capture.ts')).endCapture(params),
  cni: async (params) => await (await import('./cni-by-hand.ts')).callByHand(params),
  check: async ({ ops }) => {
    const [{ cniCheck }, { stepFailed }] = await Promise.all([import('./cni.ts'), import('./step-error.ts')]);
    for (const op of ops)
      await cniCheck(op).catch((error: unknown) => {
        throw stepFailed('check', op, error);
      });
    return { checked: ops.length };
  },
};

/** Synchronous: batches cannot pile up in memory when the other side reads slowly. */
function write(line: AgentLine): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      // A non-blocking pipe that is full says EAGAIN: wait a little, blocking, since nothing else is to be done.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) process.exit(0);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function failureOf(error: unknown): AgentFailure {
  if (!(error instanceof LabError)) {
    return {
      code: 'INTERNAL',
      message: error instanceof Error ? error.message : String(error),
      hint: 'this is a bug of cnilab',
      details: { stack: error instanceof Error ? error.stack : '' },
    };
  }
  const { step, errno } = error.details;
  return {
    code: error.code,
    message: error.message,
    hint: error.hint,
    details: error.details,
    ...(typeof step === 'string' ? { step } : {}),
    ...(typeof errno === 'number' ? { errno } : {}),
  };
}

async function answer(text: string): Promise<void> {
  const { id, method, params } = JSON.parse(text) as AgentRequest;
  try {
    if (!Object.hasOwn(methods, method)) {
      throw new LabError({ code: 'INTERNAL', message: `the agent has no method ${method}`, hint: `it has ${Object.keys(methods).join(', ')}` });
    }
    // The two sides are built together and share these types; nothing else speaks to the agent.
    const run = methods[method as keyof AgentMethods] as (params: unknown, emit: (event: unknown) => void) => Promise<unknown>;
    write({ id, result: await run(params, (event) => write({ id, event })) });
  } catch (error) {
    write({ id, error: failureOf(error) });
  }
}

/** Loads the methods one by one for as long as nothing is asked: an agent that was started ahead then answers at once. */
async function warmUp(): Promise<void> {
  for (const load of [() => import('./apply.ts'), () => import('./probe.ts'), () => import('./snapshot.ts')]) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    if (asked) return;
    await load();
  }
}

let asked = false;
let queue = Promise.resolve();
let pending: Buffer[] = [];
process.stdin.on('data', (chunk: Buffer) => {
  let from = 0;
  for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
    const text = Buffer.concat([...pending, chunk.subarray(from, end)]).toString();
    pending = [];
    from = end + 1;
    asked = true;
    queue = queue.then(async () => await answer(text));
  }
  pending.push(chunk.subarray(from));
});
process.stdin.on('end', () => process.exit(0));
write({ ready: true, pid: process.pid });
// What cannot be loaded is told to whoever asks for it.
warmUp().catch(() => {});
