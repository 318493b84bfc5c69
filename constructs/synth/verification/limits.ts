import type { Requirement } from './requirement.ts';

/** Probes of a pod at once: more would fight for the CPU of a node, and what waits for it looks like a slow network. An emulated one has no more than two. */
export const probesAtOnce = (slowness: number): number => (slowness > 1 ? 2 : 8);
/** How long a pod of an Indexed Job stays, so that none that starts later finds its node free. */
export const HOLD_SECONDS = 30;
/** An address that nobody has is silent for as long as one waits. */
const SILENCE_MS = 500;
/** Scheduling, an image that has to be pulled, a volume that is mounted at the second try. */
const START_SECONDS = 120;

export interface ProbeAmount {
  readonly requirement: Requirement;
  /** Nodes that a pod probes. */
  readonly targets: number;
  readonly families: number;
  readonly attempts: number;
  readonly deadlineMs: number;
  /** Connections and questions beyond the network's own: {@link VerificationInput.calls}. */
  readonly calls: number;
  /** By how much programs start and end more slowly than on a machine of one's own: 1, or more where nodes are emulated. */
  readonly slowness: number;
}

/** Probes of one pod: per target and family every attempt by TCP and UDP, and for r1 the node as well, two closed ports, a stream, an address of nobody. */
function probesOfPod({ requirement, targets, families, attempts, calls }: ProbeAmount): number {
  const mesh = targets * families * attempts * 2;
  return calls + (requirement === 'r1' ? mesh * 2 + targets * families * 4 + families * attempts * 2 : mesh);
}

/** Seconds after which a pod gives the rest up: twice what it takes when nothing at all answers, and half a minute for a node that is busy. */
export function limitSeconds(amount: ProbeAmount): number {
  return Math.ceil(30 * amount.slowness + (2 * probesOfPod(amount) * amount.deadlineMs) / 1000 / probesAtOnce(amount.slowness));
}

/** `activeDeadlineSeconds` of a Job: it counts from the Job's creation, so waiting for a node is in it. */
export function jobSeconds(amount: ProbeAmount, holdSeconds: number): number {
  return limitSeconds(amount) + holdSeconds + START_SECONDS * amount.slowness;
}

/** Milliseconds as the seconds of curl. */
export const seconds = (ms: number): string => String(ms / 1000);

export function silenceSeconds(deadlineMs: number): string {
  return seconds(Math.min(deadlineMs, SILENCE_MS));
}
