/**
 * Which real server each scheduler of IPVS chooses, as a model to teach and to check with: the same lists and counts give the same sequence as the kernel.
 * Source: Linux net/netfilter/ipvs/ip_vs_{rr,wrr,lc,wlc,lblc,lblcr,dh,sh,sed,nq,mh}.c. Servers are taken in the order given; the kernel keeps the one added last first.
 * Nothing is forgotten: what lblc and lblcr remember of a destination expires after minutes or a day.
 */
import type { IpvsScheduler } from '../../spec.ts';
import { commonDivisor, foldedAddress, maglevChoice, maglevTable } from './maglev.ts';

export interface RealServer {
  /** 0: takes nothing new. kube-proxy gives every endpoint 1. */
  readonly weight: number;
  /** Connections that are established. @default 0 */
  readonly active?: number;
  /** Connections that are closing. @default 0 */
  readonly inactive?: number;
  /** mh goes by it. @default 10.244.2.2, .3, … */
  readonly address?: string;
  /** As `address`. @default 80 */
  readonly port?: number;
}

export interface Flow {
  readonly source: string;
  readonly destination: string;
}

/**
 * The server of each flow, by index; null where there is none to take it. Every flow is a connection that stays open: what the schedulers count grows as the
 * sequence goes on.
 *
 * @throws CidrError when an address is none (dh, sh and mh read them)
 */
export function choiceSequence(scheduler: IpvsScheduler, servers: readonly RealServer[], flows: readonly Flow[]): readonly (number | null)[] {
  const counted = servers.map(
    ({ weight, active = 0, inactive = 0, address, port = 80 }, index): Counted => ({
      weight,
      active,
      inactive,
      address: address ?? `10.244.2.${index + 2}`,
      port,
    }),
  );
  const choose = SCHEDULERS[scheduler](counted);
  return flows.map((flow) => {
    const index = choose(flow);
    const chosen = index === null ? undefined : counted[index];
    if (chosen !== undefined) chosen.active += 1;
    return index;
  });
}

interface Counted {
  readonly weight: number;
  active: number;
  readonly inactive: number;
  readonly address: string;
  readonly port: number;
}

type Choose = (flow: Flow) => number | null;

const SCHEDULERS: Readonly<Record<IpvsScheduler, (servers: readonly Counted[]) => Choose>> = {
  rr: roundRobin,
  wrr: weightedRoundRobin,
  lc: (servers) => () => least(servers, ({ active, inactive }) => active * 256 + inactive),
  wlc: (servers) => () => least(servers, load),
  lblc: (servers) => {
    const kept = new Map<string, number>();
    return ({ destination }) => {
      const before = kept.get(destination);
      const index = before !== undefined && !isOverloaded(servers, before) ? before : least(servers, load);
      if (index !== null) kept.set(destination, index);
      return index;
    };
  },
  lblcr: (servers) => {
    const sets = new Map<string, ReadonlySet<number>>();
    return ({ destination }) => {
      const set = sets.get(destination) ?? new Set();
      const before = least(servers, load, set);
      const index = before !== null && !isOverloaded(servers, before) ? before : least(servers, load);
      // The one that joined last is the first of its set.
      if (index !== null && !set.has(index)) sets.set(destination, new Set([index, ...set]));
      return index;
    };
  },
  sed: (servers) => () => least(servers, expectedDelay),
  nq: (servers) => () => {
    const idle = servers.findIndex(({ weight, active }) => weight > 0 && active === 0);
    return idle >= 0 ? idle : least(servers, expectedDelay);
  },
  dh: (servers) => {
    // Every bucket has a server; one of weight 0 keeps its buckets and takes nothing.
    const table = Array.from({ length: BUCKETS }, (_, bucket) => bucket % servers.length);
    return ({ destination }) => available(servers, table[bucketOf(destination)]);
  },
  sh: (servers) => {
    // As many buckets in a row as its weight says; one of weight 0 gets one, and takes nothing.
    const turns = servers.flatMap(({ weight }, index) => Array.from({ length: Math.max(1, weight) }, () => index));
    return ({ source }) => available(servers, turns[bucketOf(source) % turns.length]);
  },
  mh: (servers) => {
    const table = maglevTable(servers);
    return ({ source }) => maglevChoice(table, source);
  },
};

/** A closing connection costs 1/256 of an established one. */
const load = ({ active, inactive, weight }: Counted): number => (active * 256 + inactive) / weight;

/** It has more connections than its weight, and another one fewer than half of its own. */
const isOverloaded = (servers: readonly Counted[], index: number): boolean => {
  const server = servers[index];
  return server !== undefined && server.active > server.weight && servers.some(({ active, weight }) => active * 2 < weight);
};

/** In turn, past those of weight 0. */
function roundRobin(servers: readonly Counted[]): Choose {
  let last = -1;
  return () => {
    for (let step = 1; step <= servers.length; step++) {
      const index = (last + step) % servers.length;
      if ((servers[index]?.weight ?? 0) > 0) {
        last = index;
        return index;
      }
    }
    return null;
  };
}

/** In turn among those whose weight reaches a mark, which falls from the highest weight by the weights' common divisor with every round. */
function weightedRoundRobin(servers: readonly Counted[]): Choose {
  const weights = servers.map(({ weight }) => weight);
  const step = weights.reduce(commonDivisor, 0);
  const highest = Math.max(0, ...weights);
  let mark = highest;
  let last = -1;
  return () => {
    if (highest === 0) return null;
    for (;;) {
      for (let index = last + 1; index < servers.length; index++) {
        if ((weights[index] ?? 0) >= mark) {
          last = index;
          return index;
        }
      }
      last = -1;
      mark = mark - step > 0 ? mark - step : highest;
    }
  };
}

/** The first of the servers that take something whose cost is the lowest; `among`: their indexes, in order. */
function least(servers: readonly Counted[], cost: (server: Counted) => number, among: Iterable<number> = servers.keys()): number | null {
  let best: number | null = null;
  let lowest = Infinity;
  for (const index of among) {
    const server = servers[index];
    if (server === undefined || server.weight <= 0) continue;
    const its = cost(server);
    if (its < lowest) [best, lowest] = [index, its];
  }
  return best;
}

function expectedDelay({ active, weight }: Counted): number {
  return (active + 1) / weight;
}

function available(servers: readonly Counted[], index: number | undefined): number | null {
  return index === undefined || (servers[index]?.weight ?? 0) <= 0 ? null : index;
}

const BUCKETS = 256;

/** hash_32() of the kernel, 8 bits of it. */
function bucketOf(address: string): number {
  return Number(((foldedAddress(address) * 0x61c88647n) & 0xffffffffn) >> 24n);
}
