import type { Family } from '../../../topology/spec.ts';
import type { Affinity, EnvVar, Job, PodSpec } from '../kubernetes-types.ts';
import { ownerLabels, type Owner } from './labels.ts';
import { HOLD_SECONDS, jobSeconds, limitSeconds, probesAtOnce, seconds, silenceSeconds } from './limits.ts';
import { CLOSED_PORT, PROBE_PORT } from '../../../topology/probing.ts';
import type { Requirement } from './requirement.ts';
import { UNPRIVILEGED_CONTAINER, UNPRIVILEGED_POD } from './unprivileged.ts';

export interface ProbeJobProps extends Owner {
  readonly name: string;
  readonly requirement: Requirement;
  /** Names of the nodes that it runs on, one pod on each. */
  readonly nodes: readonly string[];
  /** Place of its only node among all; null: an Indexed Job, which spreads its pods by itself. */
  readonly index: number | null;
  /** agnhost */
  readonly image: string;
  readonly families: readonly Family[];
  readonly attempts: number;
  readonly deadlineMs: number;
  readonly slowness: number;
  readonly profile: 'classic' | 'current' | 'strict';
  readonly offsets: readonly number[] | 'all';
  /** Number of nodes that each pod probes. */
  readonly targets: number;
  /** Connections and questions of the ConfigMap `calls`, at most for one pod; null: there is none. */
  readonly calls: number | null;
  /** False: nothing but calls is sent. */
  readonly mesh: boolean;
}

/** Kubernetes keeps what is left of a verification that nobody cleaned up no longer than this. */
const TTL_SECONDS = 600;
const EXECUTABLE = 0o555;

const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/**
 * One pod per node that runs the probe script. A Job of one node is pinned to it. The pods of an Indexed Job cannot be told their nodes: they exclude
 * one another by affinity, learn where they are by the downward API, and stay until all have started.
 */
export function probeJob(props: ProbeJobProps): Job {
  const { name, namespace, requirement, nodes, index, families, deadlineMs, offsets } = props;
  const indexed = index === null;
  const calls = props.calls !== null && requirement !== 'r3';
  const hold = indexed ? HOLD_SECONDS : 0;
  const amount = {
    requirement,
    targets: props.targets,
    families: families.length,
    attempts: props.attempts,
    deadlineMs,
    calls: props.calls ?? 0,
    slowness: props.slowness,
  };
  const labels = { ...ownerLabels(props), 'cnilab.dev/requirement': requirement };
  const values: Readonly<Record<string, string>> = {
    REQUIREMENT: requirement,
    OFFSETS: offsets === 'all' ? offsets : offsets.join(' '),
    PROFILE: props.profile,
    FAMILIES: families.join(' '),
    ATTEMPTS: String(props.attempts),
    DEADLINE: seconds(deadlineMs),
    SILENCE: silenceSeconds(deadlineMs),
    PARALLEL: String(probesAtOnce(props.slowness)),
    LIMIT: String(limitSeconds(amount)),
    HOLD: String(hold),
    PROBE_PORT: String(PROBE_PORT),
    CLOSED_PORT: String(CLOSED_PORT),
    TARGETS: '/targets/targets',
    SCRATCH: '/scratch',
    ...(props.mesh ? {} : { MESH: 'no' }),
    ...(calls ? { CALLS: '/calls' } : {}),
  };
  const spec: PodSpec = {
    ...UNPRIVILEGED_POD,
    restartPolicy: 'Never',
    ...(requirement === 'r2' ? { hostNetwork: true, dnsPolicy: 'Default' } : {}),
    affinity: affinity(nodes, indexed ? name : null),
    containers: [
      {
        ...UNPRIVILEGED_CONTAINER,
        name: 'probe',
        image: props.image,
        command: ['sh', '/probe/probe.sh'],
        env: [
          field('NODE', 'spec.nodeName'),
          field('POD', 'metadata.name'),
          field('POD_IPS', 'status.podIPs'),
          ...Object.entries(values).map(([key, value]) => ({ name: key, value })),
        ],
        resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
        volumeMounts: [
          { name: 'probe', mountPath: '/probe', readOnly: true },
          { name: 'targets', mountPath: '/targets', readOnly: true },
          ...(calls ? [{ name: 'calls', mountPath: '/calls', readOnly: true }] : []),
          { name: 'scratch', mountPath: '/scratch' },
        ],
      },
    ],
    volumes: [
      { name: 'probe', configMap: { name: 'probe', defaultMode: EXECUTABLE } },
      { name: 'targets', configMap: { name: 'targets' } },
      ...(calls ? [{ name: 'calls', configMap: { name: 'calls' } }] : []),
      { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
    ],
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace, labels },
    spec: {
      ...(indexed ? { completionMode: 'Indexed', completions: nodes.length, parallelism: nodes.length } : {}),
      // A pod that fails ends its Job, and with an Indexed one all others: there each may fail once instead.
      backoffLimit: indexed ? nodes.length : 0,
      activeDeadlineSeconds: jobSeconds(amount, hold),
      ttlSecondsAfterFinished: TTL_SECONDS,
      template: {
        metadata: { labels: { ...labels, 'cnilab.dev/job': name, ...(indexed ? {} : { 'cnilab.dev/node-index': String(index) }) } },
        spec,
      },
    },
  };
}

/** By the name of the node, as the controller of DaemonSets does it; a term takes one name, and terms are alternatives. */
function affinity(nodes: readonly string[], apart: string | null): Affinity {
  return {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: nodes.map((node) => ({ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] })),
      },
    },
    ...(apart === null
      ? {}
      : {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { labelSelector: { matchLabels: { 'cnilab.dev/job': apart } }, topologyKey: 'kubernetes.io/hostname' },
            ],
          },
        }),
  };
}
