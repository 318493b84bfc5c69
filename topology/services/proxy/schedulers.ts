/**
 * Which real server each scheduler of IPVS chooses, as a model to teach and to check with: the same lists and counts give the same sequence as the kernel.
 * Source: Linux net/netfilter/ipvs/ip_vs_{rr,wrr,lc,wlc,dh,sh,sed,nq}.c. Servers are taken in the order given; the kernel keeps the one added last first.
 */
import { parseAddress } from '../../cidr.ts';
import type { IpvsScheduler } from '../../spec.ts';

export interface RealServer {
  /** 0: takes nothing new. kube-proxy gives every endpoint 1. */
  readonly weight: number;
  /** Connections that are established. @default 0 */
  readonly active?: number;
  /** Connections that are closing. @default 0 */
  readonly inactive?: number;
}

export interface Flow {
  readonly source: string;
  readonly destination: string;
}

/**
 * The server of each flow, by index; null where there is none to take it. Every flow is a connection that stays open: what the schedulers count grows as the
 * sequence goes on.
 *
 * @throws CidrError when a flow's address is none (dh and sh read them)
 */
export function choiceSequence(scheduler: IpvsScheduler, servers: readonly RealServer[], flows: readonly Flow[]): readonly (number | null)[] {
  const counted = servers.map(({ weight, active = 0, inactive = 0 }): Counted => ({ weight, active, inactive }));
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
}

type Choose = (flow: Flow) => number | null;

const SCHEDULERS: Readonly<Record<IpvsScheduler, (servers: readonly Counted[]) => Choose>> = {
  rr: roundRobin,
  wrr: weightedRoundRobin,
  // A closing connection costs 1/256 of an established one.
  lc: (servers) => () => least(servers, ({ active, inactive }) => active * 256 + inactive),
  wlc: (servers) => () => least(servers, ({ active, inactive, weight }) => (active * 256 + inactive) / weight),
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

/** The first of the servers that take something whose cost is the lowest. */
function least(servers: readonly Counted[], cost: (server: Counted) => number): number | null {
  let best: number | null = null;
  let lowest = Infinity;
  for (const [index, server] of servers.entries()) {
    if (server.weight <= 0) continue;
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

/** hash_32() of the kernel, 8 bits of it; an IPv6 address is folded to 32 bits first. */
function bucketOf(address: string): number {
  let { value } = parseAddress(address);
  let folded = 0n;
  for (; value > 0n; value >>= 32n) folded ^= value & 0xffffffffn;
  return Number(((folded * 0x61c88647n) & 0xffffffffn) >> 24n);
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
