/**
 * What a lab teaches, as data beside its definition: what to look at and what it shows, what must be true, and what to break and to mend. Every place that is named
 * is a pod, node, host, router or container of the lab, as `cnilab exec` takes it.
 *
 * Commands and expectations may hold `${…}`, filled in from the lab as it runs: `${web}` is the primary address of whatever `cnilab exec` would call `web`,
 * `${node1.podCIDR}`, `${node1.mac}`, `${node1.gateway}`, `${svc/web}` (its cluster IP), `${svc/web.nodePort}`, `${cluster.dns}`. `$$` is a dollar sign.
 */

/** Where a lab stands in the list; the order is the one in which they build on each other. */
export const TOPICS = ['hosts', 'by-hand', 'docker', 'cni', 'pod-network', 'service', 'dns', 'policy', 'ingress', 'set-up'] as const;
export type Topic = (typeof TOPICS)[number];

/** first: nothing is needed before it; next: the first ones of its topic; deep: for who wants to know exactly. */
export const LEVELS = ['first', 'next', 'deep'] as const;
export type Level = (typeof LEVELS)[number];

export interface LessonSpec {
  readonly title: string;
  readonly topic: Topic;
  readonly level: Level;
  /** Position among the labs of its topic, from 1. */
  readonly order: number;
  /** What one knows after it. Markdown. */
  readonly goal: string;
  /** Engines that can show it, best first. @default ['netns'] */
  readonly engines?: readonly string[];
  /** What the embedded engine does not show of it, and who does. Markdown. */
  readonly notShown?: string;
  /** Hand-built: what is typed, one after the other, by the learner or by `cnilab step`. `up` does none of them. */
  readonly steps?: readonly StepSpec[];
  readonly look?: readonly LookSpec[];
  /** What is true in this lab (after its last step), beside the three requirements. */
  readonly checks?: readonly CheckSpec[];
  readonly exercises?: readonly ExerciseSpec[];
  /** What older texts say, and what is true today. */
  readonly today?: readonly TodaySpec[];
}

/** A line of shell that runs in a place: `sh -c`. It ends by itself, within `timeoutMs`. */
export interface CommandSpec {
  readonly on: string;
  readonly run: string;
  /** @default 10 000 */
  readonly timeoutMs?: number;
}

/** Something to look at. The command is run by the tests, and its output compared. */
export interface LookSpec extends CommandSpec {
  readonly title: string;
  /** What one sees, and why. Markdown. */
  readonly text: string;
  readonly shows: ShownSpec;
}

/**
 * Output, line by line, as the page shows it. Runs of blanks count as one. `…` stands for anything within a line; a line that is `…` alone for any lines, also none.
 * Lines not written are not expected: before the first, between two and after the last of them nothing may be where no `…` is.
 */
export type ShownSpec = readonly string[];

export interface StepSpec extends CommandSpec {
  readonly title: string;
  readonly text: string;
  /** What is true once it is done. */
  readonly check?: CheckSpec;
  /** A line of shell that takes it back, in the same place. Absent: it cannot be taken back. */
  readonly undo?: string;
}

interface CheckBase {
  /** Unique in the lesson: small letters, digits and dashes. */
  readonly id: string;
  /** What is expected, as a sentence. */
  readonly says: string;
  /** It is asked again until it holds, for so long after the first answer, in milliseconds. @default 5000 */
  readonly waitMs?: number;
}

/**
 * What becomes of a packet on its way: an answer came; the other side refused; nothing came; a router or the own kernel said that there is no way, or
 * nobody answered ARP, which takes three seconds.
 */
export const REACH_OUTCOMES = ['answered', 'refused', 'silent', 'no-route'] as const;
export type ReachOutcome = (typeof REACH_OUTCOMES)[number];

/** One dials the other with fresh sockets; who is a place of the lab gets a responder there for as long as it takes. */
export interface ReachCheckSpec extends CheckBase {
  readonly type: 'reach';
  readonly from: string;
  /** A place, or an address (`${…}` may stand for it). An address is only dialled: who listens there is the lab's matter, or `responder`. */
  readonly to: string;
  readonly protocol: 'icmp' | 'tcp' | 'udp';
  /** tcp, udp. */
  readonly port?: number;
  /** tcp, udp: where a responder is opened when `to` is an address that leads to it, or when it is to listen on another port. `null`: nowhere. @default `to`, where it is a place */
  readonly responder?: { readonly at: string; readonly port?: number } | null;
  readonly expect: ReachOutcome;
  /** Whom the responder sees. */
  readonly seenAs?: string;
  /** Hops that the packet took as its TTL tells: routers on its way. icmp, udp. */
  readonly hops?: number;
}

/** A command says what it should. */
export interface OutputCheckSpec extends CheckBase, CommandSpec {
  readonly type: 'output';
  /** As in a look. */
  readonly shows?: ShownSpec;
  /** Regular expressions, case-sensitive, `m`: each must match somewhere. */
  readonly matches?: readonly string[];
  /** None of these may. */
  readonly lacks?: readonly string[];
  /** @default 0; null: any */
  readonly exit?: number | null;
}

/** What the verifier says of the lab. */
export interface VerdictCheckSpec extends CheckBase {
  readonly type: 'verdict';
  /** Checks, requirements or suites, as `cnilab verify --only` takes them. @default what `verify` runs by itself */
  readonly only?: readonly string[];
  /** @default pass */
  readonly verdict?: 'pass' | 'fail';
  /** Diagnoses that must be among those found. */
  readonly diagnoses?: readonly string[];
}

/** Packets seen, or not, on a device while something goes on. */
export interface WireCheckSpec extends CheckBase {
  readonly type: 'wire';
  readonly at: string;
  /** @default all devices */
  readonly interface?: string;
  /** As `cnilab capture` takes it. */
  readonly filter: string;
  readonly during: CommandSpec;
  /** @default true */
  readonly seen?: boolean;
}

export type CheckSpec = ReachCheckSpec | OutputCheckSpec | VerdictCheckSpec | WireCheckSpec;

/** A command, or a fault of the library. */
export type ActionSpec = CommandSpec | { readonly fault: string; readonly node?: string; readonly pod?: string } | { readonly undo: string };

export interface ExerciseSpec {
  /** Small letters, digits and dashes. */
  readonly name: string;
  readonly title: string;
  /** What somebody complains about; not the cause. Markdown. */
  readonly symptom: string;
  /** Where the symptom is seen. */
  readonly see: CommandSpec;
  readonly break: readonly ActionSpec[];
  /** From vague to plain. */
  readonly hints: readonly string[];
  readonly solution: readonly ActionSpec[];
  /** Why it was so. Markdown. */
  readonly why: string;
  /** Must fail after the break, and pass after the solution. @default all checks of the lesson: one of them fails */
  readonly checks?: readonly CheckSpec[];
}

export interface TodaySpec {
  /** The claim, in one's own words. */
  readonly claim: string;
  readonly truth: string;
  /** Where that is written: a URL. */
  readonly source: string;
}
