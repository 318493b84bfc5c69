import type { CapturedPacket } from '../engines/port.ts';
import { LabError } from '../topology/errors.ts';
import type { LabPlan } from '../topology/plan.ts';
import { resolveTarget } from './exec.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { presentLab } from './present-plan.ts';
import { readLab } from './read.ts';
import { requireUp, TO_BE_LOOKED_AT } from './require-up.ts';

export interface CaptureOptions {
  /** In the language of `verify/capture/filter.ts`. @default everything */
  readonly filter?: string;
  /** One device of the place. @default all */
  readonly dev?: string;
  /** Ends after so many packets that pass the filter. */
  readonly count?: number;
  /** Ends after that time. */
  readonly seconds?: number;
  /** Bytes kept of each packet. @default 256: headers, also inside of an overlay */
  readonly bytes?: number;
  /** Called once, when nothing is missed any more. */
  readonly onStart?: (place: CapturePlace) => void;
  /** Called for each packet that passes the filter, as it passes. */
  readonly onPacket: (packet: CapturedPacket) => void;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

/** Where packets are captured. */
export interface CapturePlace {
  /** Identity of the pod or machine. */
  readonly id: string;
  readonly netns: string;
  /** UDP ports behind which the lab has VXLAN. */
  readonly overlayPorts: ReadonlySet<number>;
}

export interface CaptureSummary {
  readonly id: string;
  readonly netns: string;
  /** Packets that passed the filter, of all that passed there. */
  readonly matched: number;
  readonly seen: number;
  /** Packets that the kernel had no room for. */
  readonly dropped: number;
  readonly endedBy: 'count' | 'seconds' | 'signal';
}

const SNAP_BYTES = 256;
const ENODEV = 19;

/**
 * Tells of the packets that pass in a place of a running lab, as they pass, until the count, the time or the signal.
 *
 * @throws LabError USAGE for a filter that is none; LAB_UNKNOWN; LAB_LOST; TARGET_UNKNOWN for a place or a device that is not there; ENGINE_UNSUPPORTED where
 * packets cannot be captured; EngineError, also when the lab is taken down meanwhile
 */
export async function capture(name: string, target: string, options: CaptureOptions): Promise<CaptureSummary> {
  const { parseFilter } = await import('../verify/capture/filter.ts');
  const passes = parseFilter(options.filter ?? '');
  const load = options.loadEngine ?? loadEngine;
  const state = await readLab(name, { loadEngine: load });
  const handle = requireUp(state, TO_BE_LOOKED_AT);
  const engine = await load(state.engine);
  const lab = await presentLab(engine, handle, state);
  const { id, netns } = resolveTarget(lab, target);
  const plan = lab.observed ?? lab.plan;
  const session = await engine.open(handle, plan);
  const end = new AbortController();
  const stop = (): void => end.abort('signal');
  options.signal?.addEventListener('abort', stop, { once: true });
  if (options.signal?.aborted === true) stop();
  let timer: NodeJS.Timeout | undefined;
  try {
    if (session.follow === undefined) throw unsupported(lab.engine, name, target);
    let [matched, seen] = [0, 0];
    const dropped = await session.follow(
      { netns, dev: options.dev ?? null, bytes: options.bytes ?? SNAP_BYTES },
      {
        onStart: () => {
          if (options.seconds !== undefined) timer = setTimeout(() => end.abort('seconds'), options.seconds * 1000);
          options.onStart?.({ id, netns, overlayPorts: overlayPortsOf(plan) });
        },
        onPackets: (packets) => {
          // A loopback device shows each packet twice: as it goes, and as it comes.
          for (const packet of packets.filter(({ dev, direction }) => dev !== 'lo' || direction === 'in')) {
            if (matched === options.count) return;
            seen += 1;
            if (!passes(packet)) continue;
            matched += 1;
            options.onPacket(packet);
            if (matched === options.count) end.abort('count');
          }
        },
        signal: end.signal,
      },
    );
    return { id, netns, matched, seen, dropped, endedBy: end.signal.reason as CaptureSummary['endedBy'] };
  } catch (error) {
    throw options.dev !== undefined && error instanceof LabError && error.details['errno'] === ENODEV ? noDevice(error, id) : error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', stop);
    await session.close();
  }
}

function overlayPortsOf({ clusters }: LabPlan): ReadonlySet<number> {
  return new Set(clusters.flatMap(({ nodes }) => nodes.flatMap(({ vxlans }) => vxlans.map(({ port }) => port))));
}

function unsupported(engine: string, name: string, target: string): LabError {
  return new LabError({
    code: 'ENGINE_UNSUPPORTED',
    message: `packets cannot be captured on engine ${engine}`,
    hint: `where the node or pod has tcpdump: \`cnilab exec ${name} ${target} -- tcpdump -ni any\`; the same lab on engine netns can be captured`,
  });
}

function noDevice(error: LabError, id: string): LabError {
  const has = /\(it has (.*?)\)/.exec(error.message)?.[1] ?? '';
  return new LabError({
    code: 'TARGET_UNKNOWN',
    message: error.message.replace(/: ENODEV.*$/, ''),
    hint: has === '' ? `\`cnilab exec LAB ${id} -- ip link\` lists its interfaces` : `its interfaces are: ${has}`,
    cause: error,
  });
}
