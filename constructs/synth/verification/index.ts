/** A verification as objects of Kubernetes that can be read and applied by hand: responders on every node, and Jobs that probe them. */
import { App } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Family, KubernetesObject } from '../../../topology/spec.ts';
import { ManifestChart } from '../cni/chart.ts';
import { ownerLabels, type Owner } from './labels.ts';
import { ENTER_PERMISSIONS, LAB_PERMISSIONS, VERIFICATION_PERMISSIONS } from './permissions.ts';
import { probeJob, type ProbeJobProps } from './probe-job.ts';
import { PROBE_SCRIPT } from './probe-script.ts';
import { REQUIREMENTS } from './requirement.ts';
import { responder, type ResponderProps } from './responder.ts';
import { offsetsFor } from './targets.ts';

export { callsConfigMap } from './calls.ts';
export { ENTER, enteredScript } from './entered.ts';
export { offsetsFor, targetsConfigMap, type TargetLine } from './targets.ts';

export interface VerificationInput extends Owner {
  /** Names in Kubernetes, in the order in which results are reported. */
  readonly nodes: readonly string[];
  readonly families: readonly Family[];
  /** Fresh connections per pair and protocol. */
  readonly attempts: number;
  /** For one answer. */
  readonly deadlineMs: number;
  /** Of the cluster: `KubernetesAccess.slowness`. @default 1 */
  readonly slowness?: number;
  /** agnhost */
  readonly image: string;
  readonly profile: 'classic' | 'current' | 'strict';
  /** Nodes that each node probes; null: all. */
  readonly perNode: number | null;
  /** Nodes of one Indexed Job; null: a Job for each node up to 40 nodes, Indexed Jobs of 50 above. */
  readonly shardSize: number | null;
  /** Only Jobs on these nodes, each pinned to its own: for what another round did not report. */
  readonly onlyNodes?: readonly string[];
  /** Number of the round; Jobs of later ones are named after it. @default 0 */
  readonly round?: number;
  /** Connections and questions of the ConfigMap `calls` ({@link callsConfigMap}), at most for one pod. @default there is no such ConfigMap */
  readonly calls?: number;
  /** False: Jobs send nothing but calls. @default true */
  readonly mesh?: boolean;
}

/** In the order in which they are applied; before the Jobs comes {@link targetsConfigMap}, once the responders have addresses. */
export interface VerificationObjects {
  readonly namespace: KubernetesObject;
  /** What a user must be allowed to do, for reading and granting; not applied. */
  readonly permissions: readonly KubernetesObject[];
  readonly responders: readonly KubernetesObject[];
  readonly script: KubernetesObject;
  readonly jobs: readonly KubernetesObject[];
  /** See {@link offsetsFor}. */
  readonly offsets: readonly number[] | 'all';
}

/** More nodes than this have Indexed Jobs instead of one Job each: three objects per node are a burden on the API from here on. */
const PINNED_UP_TO_NODES = 40;
const SHARD_NODES = 50;

/** Where a verification lives. Pods in the network of a node are what its pod security must allow. */
class NamespaceChart extends ManifestChart {
  constructor(scope: Construct, owner: Owner) {
    super(scope, 'namespace');
    const labels = { ...ownerLabels(owner), 'pod-security.kubernetes.io/enforce': 'privileged' };
    this.add({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: owner.namespace, labels } });
  }
}

/** What answers: in the pod network and in the network of every node. */
class RespondersChart extends ManifestChart {
  constructor(scope: Construct, props: Omit<ResponderProps, 'hostNetwork'>) {
    super(scope, 'responders');
    for (const hostNetwork of [false, true]) this.add(responder({ ...props, hostNetwork }));
  }
}

/** The script that Jobs run. */
class ScriptChart extends ManifestChart {
  constructor(scope: Construct, owner: Owner) {
    super(scope, 'probe');
    const { namespace } = owner;
    this.add({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'probe', namespace, labels: ownerLabels(owner) }, data: { 'probe.sh': PROBE_SCRIPT } });
  }
}

/** What asks. */
class JobsChart extends ManifestChart {
  constructor(scope: Construct, jobs: readonly ProbeJobProps[]) {
    super(scope, 'jobs');
    for (const job of jobs) this.add(probeJob(job));
  }
}

/** The rules to grant, those for a lab's own Services and pods last. */
class PermissionsChart extends ManifestChart {
  constructor(scope: Construct) {
    super(scope, 'permissions');
    for (const role of [...VERIFICATION_PERMISSIONS, ...LAB_PERMISSIONS, ...ENTER_PERMISSIONS]) this.add(role);
  }
}

/** Every object of a verification but the targets. Pure: the same input gives the same bytes. */
export function verificationObjects(input: VerificationInput): VerificationObjects {
  const app = new App();
  const { lab, namespace, image, slowness = 1 } = input;
  const owner = { lab, namespace };
  const offsets = offsetsFor(input.nodes.length, input.perNode);
  return {
    namespace: first(new NamespaceChart(app, owner)),
    permissions: objects(new PermissionsChart(app)),
    responders: objects(new RespondersChart(app, { ...owner, image, slowness })),
    script: first(new ScriptChart(app, owner)),
    jobs: objects(new JobsChart(app, jobsOf(input, offsets))),
    offsets,
  };
}

const objects = (chart: ManifestChart): readonly KubernetesObject[] => chart.toJson() as readonly KubernetesObject[];

function first(chart: ManifestChart): KubernetesObject {
  const [object] = objects(chart);
  if (object === undefined) throw new TypeError(`chart ${chart.node.id} is empty`);
  return object;
}

function jobsOf(input: VerificationInput, offsets: readonly number[] | 'all'): readonly ProbeJobProps[] {
  const { lab, namespace, nodes, families, attempts, deadlineMs, image, profile, round = 0, calls = null, mesh = true, slowness = 1 } = input;
  const common = {
    lab,
    namespace,
    families,
    attempts,
    deadlineMs,
    slowness,
    image,
    profile,
    offsets,
    calls,
    mesh,
    targets: offsets === 'all' ? nodes.length : offsets.length,
  };
  const suffix = round === 0 ? '' : `-round${round}`;
  return REQUIREMENTS.flatMap((requirement) =>
    groupsOf(input).map(({ id, index, members }) => ({ ...common, requirement, name: `${requirement}-${id}${suffix}`, index, nodes: members })),
  );
}

interface Group {
  readonly id: string;
  /** Place of its only node; null: a shard. */
  readonly index: number | null;
  readonly members: readonly string[];
}

function groupsOf({ nodes, onlyNodes, shardSize }: VerificationInput): readonly Group[] {
  const pinned = onlyNodes !== undefined || (shardSize === null && nodes.length <= PINNED_UP_TO_NODES);
  if (pinned) {
    const chosen = onlyNodes === undefined ? null : new Set(onlyNodes);
    return nodes.flatMap((node, index) => (chosen === null || chosen.has(node) ? [{ id: String(index), index, members: [node] }] : []));
  }
  const size = shardSize ?? SHARD_NODES;
  return Array.from({ length: Math.ceil(nodes.length / size) }, (_, shard) => ({
    id: `s${shard}`,
    index: null,
    members: nodes.slice(shard * size, (shard + 1) * size),
  }));
}
