/** What Kubernetes asks of a pod network, and the three readings of it that a lab can be held to. */
import type { Profile, RequirementId } from './report.ts';

export interface Requirement {
  readonly id: RequirementId;
  readonly title: string;
  /** The rule in full. */
  readonly text: string;
}

/** Source: kubernetes.io, Cluster Networking, "The Kubernetes network model"; the texts of R2 and R3 are those of its classic wording. */
export const requirements: Readonly<Record<RequirementId, Requirement>> = {
  R1: {
    id: 'R1',
    title: 'every pod reaches every other pod without NAT',
    text: 'All pods can communicate with all other pods, on the same node or on another, without proxies or address translation.',
  },
  R2: {
    id: 'R2',
    title: 'every node reaches every pod without NAT',
    text: 'All nodes can communicate with all pods without NAT, and the replies come back unchanged.',
  },
  R3: {
    id: 'R3',
    title: 'the address a pod sees of itself is the address that others see',
    text: 'The address on the interface of a pod is the address that the API shows and the one that every peer observes.',
  },
};

export interface ProfileRule {
  readonly title: string;
  /** Nodes × pods that R2 covers. */
  readonly nodeToPod: 'every-node' | 'own-node';
  /** Is a connection that a pod opens to a node judged, or only observed? */
  readonly podToNode: 'verdict' | 'observation';
}

/**
 * classic: the wording of the first Kubernetes releases, and the stricter one about nodes. current: today's text, in which the agents of
 * a node reach the pods of that node. strict: classic, and pods reach nodes without NAT as well, which bridge and flannel do not
 * promise (they masquerade what leaves the pod network).
 */
export const profiles: Readonly<Record<Profile, ProfileRule>> = {
  classic: { title: 'every node to every pod', nodeToPod: 'every-node', podToNode: 'observation' },
  current: { title: 'every node to the pods on it', nodeToPod: 'own-node', podToNode: 'observation' },
  strict: { title: 'every node to every pod, and back', nodeToPod: 'every-node', podToNode: 'verdict' },
};
