/** NetworkPolicies of networking.k8s.io/v1, read and normalised, and the world they act in. Plain values; who decides by them is `evaluate.ts`, or an engine. */
import type { Cidr } from '../cidr.ts';

export type PolicyProtocol = 'TCP' | 'UDP' | 'SCTP';
export type PolicyDirection = 'ingress' | 'egress';

/** One condition on a label. An entry of `matchLabels` is `In` with one value. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /** Empty for Exists and DoesNotExist. */
  readonly values: readonly string[];
}

/** All conditions hold; none: everything is selected. */
export type LabelSelector = readonly LabelRequirement[];

export interface PodPeer {
  readonly kind: 'pods';
  /** Null: the policy's own namespace. */
  readonly namespaces: LabelSelector | null;
  readonly pods: LabelSelector;
}

export interface BlockPeer {
  readonly kind: 'block';
  readonly cidr: Cidr;
  /** Each inside of `cidr`. */
  readonly except: readonly Cidr[];
}

export type PolicyPeer = PodPeer | BlockPeer;

export interface PolicyPort {
  readonly protocol: PolicyProtocol;
  /** Null: every port of the protocol. A text is the name of a container port of the destination pod. A range has both ends inside. */
  readonly port: string | { readonly first: number; readonly last: number } | null;
}

/** What one item of `ingress` or `egress` lets through: any of the peers, by any of the ports. */
export interface PolicyRule {
  /** Null: everybody. */
  readonly peers: readonly PolicyPeer[] | null;
  /** Null: everything. */
  readonly ports: readonly PolicyPort[] | null;
}

export interface NetworkPolicy {
  /** `namespace/name`. */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly pods: LabelSelector;
  /** Null: the direction is not isolated by this policy. Without rules it is, and nothing comes through. */
  readonly ingress: readonly PolicyRule[] | null;
  readonly egress: readonly PolicyRule[] | null;
}

export interface PolicyPod {
  /** Identity, as in the plan. */
  readonly id: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of its node. */
  readonly node: string;
  /** Lives in its node's network namespace: to policies it is the node. */
  readonly hostNetwork: boolean;
  /** One per family; none when hostNetwork: it has all of its node's. */
  readonly addresses: readonly string[];
  readonly ports: readonly { readonly name: string; readonly protocol: PolicyProtocol; readonly port: number }[];
}

/** What policies look at, in one cluster. */
export interface PolicyWorld {
  /** Labels of every namespace that is named anywhere. */
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly pods: readonly PolicyPod[];
  readonly policies: readonly NetworkPolicy[];
}
