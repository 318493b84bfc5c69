/** The pods of a verification, by what they are for. */
import { nodeOf, podIPsOf, type PodObject } from './api-objects.ts';

export const REQUIREMENTS = ['r1', 'r2', 'r3'] as const;
export type Requirement = (typeof REQUIREMENTS)[number];
export const RESPONDERS = ['responder', 'host-responder'] as const;
export type Role = (typeof RESPONDERS)[number] | Requirement;

/** Is it that of a Job? Else it is that of a responder, or none. */
export function isRequirement(role: Role | null): role is Requirement {
  return REQUIREMENTS.some((one) => one === role);
}

export interface RecordedPod {
  readonly name: string;
  /** What its programs take for the name of their machine: its name, but for pods of an Indexed Job. */
  readonly hostname: string;
  readonly node: string;
  /** As the API shows them, primary first. */
  readonly ips: readonly string[];
  readonly role: Role;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a pod of the verification's namespace is for; null for a pod that is not of it. */
export function roleOf(pod: PodObject): Role | null {
  const requirement = pod.metadata.labels?.['cnilab.dev/requirement'];
  const owner = pod.metadata.ownerReferences?.find((one) => one.kind === 'DaemonSet')?.name;
  return REQUIREMENTS.find((one) => one === requirement) ?? RESPONDERS.find((one) => one === owner) ?? null;
}

/** Pods with their roles; others are left out. */
export function recordedPods(pods: readonly PodObject[]): readonly RecordedPod[] {
  return pods.flatMap((pod) => {
    const role = roleOf(pod);
    const { name } = pod.metadata;
    return role === null
      ? []
      : [{ name, hostname: pod.spec?.hostname ?? name, node: nodeOf(pod), ips: podIPsOf(pod), role, labels: pod.metadata.labels ?? {} }];
  });
}

/** A pod that will not run any more. */
export function hasEnded(pod: PodObject): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** A pod whose container runs, or has ended. */
export function hasStarted(pod: PodObject): boolean {
  return pod.status?.phase === 'Running' || hasEnded(pod);
}
