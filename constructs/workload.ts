import { Construct } from 'constructs';
import type { KubernetesObject, WorkloadSpec } from '../topology/spec.ts';
import { nextOrder } from './order.ts';

export interface PortProps {
  /** 1-65535. */
  readonly containerPort: number;
  /** @default TCP */
  readonly protocol?: 'TCP' | 'UDP';
  readonly name?: string;
  /**
   * Port of the node that leads to the pod, by the portmap plugin.
   * @default none
   */
  readonly hostPort?: number;
}

/** What the pods of every short form may say. */
export interface PodTemplateProps {
  /** @default default */
  readonly namespace?: string;
  /** @default the label `app` with the workload's name */
  readonly labels?: Readonly<Record<string, string>>;
  /** @default none */
  readonly ports?: readonly PortProps[];
  /**
   * The pods live in their node's network namespace.
   * @default false
   */
  readonly hostNetwork?: boolean;
  /**
   * Names of second networks of the cluster, for interfaces net1, net2, … in this order; on engines that make them (netns).
   * @default none
   */
  readonly networks?: readonly string[];
  /**
   * Labels that a node must have.
   * @default every node
   */
  readonly nodeSelector?: Readonly<Record<string, string>>;
}

/** What a workload adds to its cluster. */
export interface LoweredWorkload {
  readonly workloads?: readonly WorkloadSpec[];
  readonly objects?: readonly KubernetesObject[];
}

/** Something that runs in a cluster: a construct whose scope is the cluster. */
export abstract class Workload extends Construct {
  readonly name: string;
  /** Place in the order of creation, among all constructs of this process. */
  readonly order: number = nextOrder();

  /** `id`: what tells it apart from the other constructs of the cluster, where that is not its name. */
  constructor(cluster: Construct, name: string, id: string = name) {
    super(cluster, id);
    this.name = name;
  }

  /** The workload as parts of the cluster's spec. */
  abstract lower(): LoweredWorkload;

  /** Complains unless `value` is a whole number of at least `least`. */
  protected requireCount(field: string, value: number | undefined, least: number): void {
    if (value === undefined || (Number.isInteger(value) && value >= least)) return;
    this.node.addValidation({ validate: () => [`${field} is ${value}: give a whole number of at least ${least}`] });
  }
}
