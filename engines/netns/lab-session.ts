/** A running lab, opened: the agent behind the port's session. */
import { FULL_SIGHT, type Capture, type EngineSession } from '../port.ts';
import { decodeBatch } from '../probe-batch.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { environmentOf } from '../../topology/services/environment.ts';
import type { AgentSession } from './agent-session.ts';
import { compile } from './compile.ts';
import { leaseFolder, privateList } from './compile-data-path.ts';

/** Packets that are told of at once, and how long the agent waits for one: Ctrl-C takes as long. */
const READ_PACKETS = 2048;
const READ_WAIT_MS = 100;

export function labSession(agent: AgentSession, plan: LabPlan): EngineSession {
  return {
    sight: FULL_SIGHT,
    probe: async (request, onBatch) => await agent.request('probe', request, (batch) => onBatch(decodeBatch(batch))),
    http: async (request) => await agent.request('http', request),
    measure: async (request) => await agent.request('measure', request),
    snapshot: async (namespaces, options) => await agent.request('snapshot', { namespaces, ...options }),
    capture: async (request, during) => {
      await agent.request('captureStart', { namespaces: request.namespaces });
      let capture: Capture;
      try {
        await during();
      } finally {
        capture = await agent.request('captureEnd', { packets: request.packets, bytes: request.bytes });
      }
      return capture;
    },
    follow: async ({ netns, dev, bytes }, { onStart, onPackets, signal }) => {
      await agent.request('captureStart', { namespaces: [netns], dev });
      onStart();
      // The agent does one thing at a time: it is asked again and again rather than told to stop.
      for (let last = false; !last; ) {
        last = signal.aborted;
        const packets = await agent.request('captureRead', { packets: READ_PACKETS, bytes, waitMs: last ? 0 : READ_WAIT_MS });
        if (packets.length > 0) onPackets(packets);
      }
      const { dropped } = await agent.request('captureEnd', { packets: 0, bytes });
      return dropped;
    },
    exchangeNames: async (netns, server, messages, deadlineMs) => await agent.request('exchangeNames', { netns, server, messages, deadlineMs }),
    run: async (netns, argv, options = {}) => await agent.request('run', { netns, argv, env: environmentOf(plan, options.id), ...options }),
    checkAttachments: async () => {
      const ops = compile(plan).flatMap((stage) => stage.ops.filter((op) => op.op === 'cni'));
      return ops.length === 0 ? 0 : (await agent.request('check', { ops })).checked;
    },
    callCni: async (request) => await agent.request('cni', { ...request, list: privateList(request.list, leaseFolder({ netns: request.node })) }),
    close: async () => await agent.close(),
  };
}
