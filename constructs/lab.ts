import { RootConstruct } from 'constructs';
import type { LessonSpec } from '../topology/lesson/lesson.ts';
import type { HostSpec, LabSpec, OutsideSpec, RouterSpec, SegmentSpec, CidrInput } from '../topology/spec.ts';
import { Cluster } from './cluster.ts';
import { plainJson } from './plain-json.ts';

/** One segment named `lan`. */
export interface SingleSegmentProps {
  /** @default 172.30.0.0/24, and fd00:30::/64 where the lab uses IPv6 */
  readonly cidr?: CidrInput;
  /**
   * MTU of the segment, in bytes.
   * @default 1500
   */
  readonly mtu?: number;
  readonly segments?: never;
}

/** Several L2 segments, joined by routers. */
export interface SegmentedProps {
  /** More than one needs a router; one named `router` is planned when none is declared. */
  readonly segments: readonly SegmentSpec[];
  /**
   * MTU of segments that declare none, in bytes.
   * @default 1500
   */
  readonly mtu?: number;
  readonly cidr?: never;
}

export type UnderlayProps = SingleSegmentProps | SegmentedProps;

export interface LabProps {
  /** The name under which the lab is brought up: an RFC 1123 label of at most 40 characters. */
  readonly name: string;
  /**
   * One sentence for people.
   * @default none
   */
  readonly description?: string;
  /**
   * The network on which nodes, hosts and routers stand.
   * @default one segment `lan`, 172.30.0.0/24, MTU 1500
   */
  readonly underlay?: UnderlayProps;
  /**
   * Machines that belong to no cluster.
   * @default none
   */
  readonly hosts?: readonly HostSpec[];
  /** @default none, or one named `router` where several segments or an outside need it */
  readonly routers?: readonly RouterSpec[];
  /**
   * The world beyond the routers: clients, a load balancer, a resolver.
   * @default none
   */
  readonly outside?: OutsideSpec;
  /**
   * Images to use instead of the default ones, by repository; engines that pull no image ignore them.
   * @default none
   */
  readonly images?: Readonly<Record<string, string>>;
  /**
   * What the lab teaches: what to look at, to check, to break and to mend.
   * @default none
   */
  readonly lesson?: LessonSpec;
}

/**
 * A lab: the root of what an author writes. Export it from the lab file, by default or under the name `lab`.
 *
 * @example
 * ```ts
 * import { Cluster, FlannelCni, Lab, PodsPerNode } from 'cnilab';
 *
 * const lab = new Lab({
 *   name: 'two-segments',
 *   underlay: { segments: [{ name: 'left', cidr: '10.0.1.0/24' }, { name: 'right', cidr: '10.0.2.0/24' }] },
 *   outside: { hosts: [{ name: 'laptop', role: 'client' }] },
 * });
 * const cluster = new Cluster(lab, 'c1', {
 *   cni: new FlannelCni(),
 *   nodes: [{ name: 'n1', role: 'control-plane', segment: 'left' }, { name: 'n2', segment: 'right' }],
 * });
 * new PodsPerNode(cluster, 'web', { count: 2 });
 * export default lab;
 * ```
 */
export class Lab extends RootConstruct {
  readonly name: string;
  readonly props: LabProps;

  constructor(props: LabProps) {
    super();
    this.name = props.name;
    this.props = props;
  }

  /** What the constructs of this lab complain about, each with its path. */
  validate(): readonly string[] {
    return this.node.findAll().flatMap((construct) => construct.node.validate().map((message) => `[${construct.node.path || this.name}] ${message}`));
  }

  /**
   * The lab as plain JSON, clusters and workloads in the order in which they were created; fields that were left out stay out.
   *
   * @throws Error with every complaint of {@link validate}; TypeError for values that JSON cannot hold
   */
  toSpec(): LabSpec {
    const problems = this.validate();
    if (problems.length > 0) throw new Error(problems.join('\n'));
    const clusters = this.node.children.filter((child): child is Cluster => child instanceof Cluster).sort((a, b) => a.order - b.order);
    const { name, description, underlay, hosts, routers, outside, images, lesson } = this.props;
    const draft = {
      name,
      description,
      underlay,
      clusters: clusters.length === 0 ? undefined : clusters.map((cluster) => cluster.toSpec()),
      hosts,
      routers,
      outside,
      images,
      lesson,
    };
    return plainJson(draft) as LabSpec;
  }
}
