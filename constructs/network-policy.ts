import type { Cluster } from './cluster.ts';
import { Workload, type LoweredWorkload } from './workload.ts';

/** Labels and expressions, all of which must hold. `{}` selects everything. */
export interface LabelSelectorProps {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly (
    | { readonly key: string; readonly operator: 'In' | 'NotIn'; readonly values: readonly string[] }
    | { readonly key: string; readonly operator: 'Exists' | 'DoesNotExist' }
  )[];
}

/** Pods: of the policy's own namespace, of other namespaces, or where both are given those pods of those namespaces. */
export interface PodPeerProps {
  /** @default every pod of the namespaces */
  readonly podSelector?: LabelSelectorProps;
  /** @default the policy's own namespace */
  readonly namespaceSelector?: LabelSelectorProps;
  readonly ipBlock?: never;
}

/** Addresses: for what is outside of the cluster, and for nodes, which no selector means. */
export interface BlockPeerProps {
  readonly ipBlock: {
    readonly cidr: string;
    /**
     * Parts of the block that are not meant.
     * @default none
     */
    readonly except?: readonly string[];
  };
  readonly podSelector?: never;
  readonly namespaceSelector?: never;
}

export type PolicyPeerProps = PodPeerProps | BlockPeerProps;

/** Ports of the pod that is called: by number, by number up to another, or by the name of a container port. */
export type PolicyPortProps =
  | { readonly protocol?: 'TCP' | 'UDP' | 'SCTP'; readonly port?: number; readonly endPort?: never }
  | { readonly protocol?: 'TCP' | 'UDP' | 'SCTP'; readonly port: number; readonly endPort: number }
  | { readonly protocol?: 'TCP' | 'UDP' | 'SCTP'; readonly port: string; readonly endPort?: never };

export interface IngressRuleProps {
  /** @default everybody */
  readonly from?: readonly PolicyPeerProps[];
  /** @default everything */
  readonly ports?: readonly PolicyPortProps[];
}

export interface EgressRuleProps {
  /** @default everybody */
  readonly to?: readonly PolicyPeerProps[];
  /** @default everything */
  readonly ports?: readonly PolicyPortProps[];
}

export interface NetworkPolicyProps {
  /** @default default */
  readonly namespace?: string;
  /**
   * The pods it isolates.
   * @default every pod of the namespace
   */
  readonly podSelector?: LabelSelectorProps;
  /**
   * Which directions it isolates; what no rule allows is then closed.
   * @default Ingress, and Egress where there are egress rules
   */
  readonly policyTypes?: readonly ('Ingress' | 'Egress')[];
  /** @default none: where ingress is isolated, nothing comes in */
  readonly ingress?: readonly IngressRuleProps[];
  /** @default none: where egress is isolated, nothing goes out */
  readonly egress?: readonly EgressRuleProps[];
}

/**
 * What pods may be called by, and what they may call. Has an effect where the cluster's CNI enforces it: calico, weave, kindnet.
 *
 * @example
 * ```ts
 * import { CalicoCni, Cluster, Lab, NetworkPolicy, Pod } from 'cnilab';
 *
 * const lab = new Lab({ name: 'policies' });
 * const cluster = new Cluster(lab, 'c1', { cni: new CalicoCni() });
 * new Pod(cluster, 'db', { namespace: 'prod', labels: { role: 'db' }, ports: [{ containerPort: 3306, name: 'mysql' }] });
 * new Pod(cluster, 'api', { namespace: 'prod', labels: { name: 'api-pod' } });
 * new NetworkPolicy(cluster, 'db-policy', {
 *   namespace: 'prod',
 *   podSelector: { matchLabels: { role: 'db' } },
 *   policyTypes: ['Ingress', 'Egress'],
 *   ingress: [
 *     {
 *       from: [{ podSelector: { matchLabels: { name: 'api-pod' } } }, { ipBlock: { cidr: '192.168.5.10/32' } }],
 *       ports: [{ port: 'mysql' }],
 *     },
 *   ],
 *   egress: [{ to: [{ ipBlock: { cidr: '192.168.5.10/32' } }], ports: [{ port: 80 }] }],
 * });
 * export default lab;
 * ```
 */
export class NetworkPolicy extends Workload {
  readonly props: NetworkPolicyProps;

  constructor(cluster: Cluster, name: string, props: NetworkPolicyProps = {}) {
    // Policies of several namespaces often have one name, or that of a workload.
    super(cluster, name, `NetworkPolicy.${props.namespace ?? 'default'}.${name}`);
    this.props = props;
  }

  override lower(): LoweredWorkload {
    const { namespace = 'default', podSelector = {}, policyTypes, ingress, egress } = this.props;
    return {
      objects: [
        {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: this.name, namespace },
          spec: { podSelector, policyTypes, ingress, egress },
        },
      ],
    };
  }
}
