/** What kind needs of a machine: each need a row, decided from facts that were asked for before. Pure. */
import { kindNodeImage } from '../../topology/kind-images.ts';
import { isAtLeast, parseKubernetesVersion } from '../../topology/kubernetes-version.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { Finding } from '../port.ts';
import type { HostFacts } from './host-facts.ts';

export interface Trial {
  readonly id: string;
  readonly title: string;
  /** Nothing comes up without it: `up` looks for it before it creates anything. */
  readonly required: boolean;
  readonly neededBy: string;
  judge(facts: HostFacts, plan: LabPlan | null): Finding;
}

/** The oldest kind for a Kubernetes version and for a proxy mode: facts of kind's release notes. */
const KIND_FOR_KUBERNETES: readonly (readonly [kubernetes: string, kind: string, why: string])[] = [
  ['1.36', '0.32.0', 'its node images have containerd 2.3'],
  ['0.0', '0.23.0', 'kube-proxy mode nftables, and all that is used here'],
];

/** Memory that a node takes before anything runs on it, in bytes; roughly. */
const NODE_BYTES = 700_000_000;
const DISK_BYTES = 5_000_000_000;
const INOTIFY_WATCHES = 65_536;
/** Measured: with 128 instances, the usual limit, systemd of the ninth node ends with "Too many open files". */
const INOTIFY_INSTANCES_PER_NODE = 16;
const CAP_SYS_RESOURCE = 24n;

const ok = (detail: string): Finding => ({ ok: true, detail, remedy: '' });
const lacks = (detail: string, remedy: string): Finding => ({ ok: false, detail, remedy });

const versionsOf = (plan: LabPlan | null): readonly string[] => [...new Set((plan?.clusters ?? []).map(({ kubernetesVersion }) => kubernetesVersion))];
const nodeCount = (plan: LabPlan | null): number => (plan?.clusters ?? []).reduce((sum, cluster) => sum + cluster.nodes.length, 0);
const newest = (plan: LabPlan | null): string => [...versionsOf(plan)].sort((a, b) => compare(b, a))[0] ?? '';

/** Negative when `a` is the older one. What is no version counts as the oldest. */
function compare(a: string, b: string): number {
  const numbers = (text: string): readonly number[] => text.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const [x, y] = [numbers(a), numbers(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function atLeast(kubernetes: string, minor: string): boolean {
  const version = parseKubernetesVersion(kubernetes);
  return version !== null && isAtLeast(version, minor);
}

export const trials: readonly Trial[] = [
  {
    id: 'container-engine',
    title: 'Docker or Podman',
    required: true,
    neededBy: 'everything: nodes are containers',
    judge: ({ engine, refusedProvider }) =>
      refusedProvider !== ''
        ? lacks(`KIND_EXPERIMENTAL_PROVIDER=${refusedProvider}: cnilab works with docker and podman`, 'export KIND_EXPERIMENTAL_PROVIDER=docker   # or podman')
        : engine.problem === ''
          ? ok(`${engine.provider} ${engine.version}${engine.cgroup === '' ? '' : `, cgroup v${engine.cgroup}`}`)
          : lacks(
              `${engine.provider} does not answer: ${engine.problem}`,
              `sudo systemctl start ${engine.provider}   # not installed: https://docs.docker.com/engine/install/; not allowed: sudo usermod -aG docker $USER, then log in again`,
            ),
  },
  {
    id: 'kind',
    title: 'kind',
    required: true,
    neededBy: 'everything',
    judge: ({ kind }, plan) => {
      const install = 'go install sigs.k8s.io/kind@v0.33.0   # or: https://kind.sigs.k8s.io/docs/user/quick-start/#installation';
      if (kind === '') return lacks('kind is not installed', install);
      const wanted = newest(plan) === '' ? '0.0' : newest(plan);
      const [, oldest = '', why = ''] = KIND_FOR_KUBERNETES.find(([from]) => compare(wanted, from) >= 0) ?? [];
      return compare(kind, oldest) >= 0
        ? ok(`kind ${kind}`)
        : lacks(`kind ${kind} is too old${wanted === '0.0' ? '' : ` for Kubernetes ${wanted}`}: ${oldest} or newer is needed (${why})`, install);
    },
  },
  {
    id: 'kubectl',
    title: 'kubectl',
    required: true,
    neededBy: 'everything',
    judge: ({ kubectl }) =>
      kubectl === '' ? lacks('kubectl is not installed', 'install kubectl: https://kubernetes.io/docs/tasks/tools/') : ok(`kubectl ${kubectl}`),
  },
  {
    id: 'kubectl-skew',
    title: 'kubectl and the cluster',
    required: false,
    neededBy: 'the version skew that Kubernetes supports: one minor version',
    judge: ({ kubectl }, plan) => {
      const minor = (text: string): number => Number(text.split('.')[1]);
      const far = kubectl === '' ? [] : versionsOf(plan).filter((version) => Math.abs(minor(version) - minor(kubectl)) > 1);
      return far.length === 0
        ? ok(kubectl === '' ? 'no kubectl' : `kubectl ${kubectl}, clusters ${versionsOf(plan).join(', ') || 'of any version'}`)
        : lacks(`kubectl ${kubectl} is more than one minor version away from Kubernetes ${far.join(', ')}`, `install kubectl ${far[0]}`);
    },
  },
  {
    id: 'cgroup',
    title: 'cgroup version',
    required: true,
    neededBy: 'Kubernetes 1.35 and newer',
    judge: ({ engine }, plan) => {
      const needing = versionsOf(plan).filter((version) => atLeast(version, '1.35'));
      if (engine.cgroup !== '1') return ok(engine.cgroup === '' ? 'not known' : `cgroup v${engine.cgroup}`);
      return needing.length === 0
        ? ok('cgroup v1: Kubernetes up to 1.34')
        : lacks(
            `cgroup v1: kubelet ${needing.join(', ')} refuses to start on it`,
            'boot with systemd.unified_cgroup_hierarchy=1, or choose Kubernetes 1.34: kubernetesVersion and nodeImage of the cluster, or --node-image',
          );
    },
  },
  {
    id: 'cap-sys-resource',
    title: 'CAP_SYS_RESOURCE',
    required: true,
    neededBy: 'Docker before version 23, which asks for every capability',
    judge: ({ capabilityBounds, engine }) => {
      if (capabilityBounds === null || (capabilityBounds >> CAP_SYS_RESOURCE) & 1n) return ok(capabilityBounds === null ? 'not known' : 'may be had here');
      return engine.provider !== 'docker' || engine.version === '' || compare(engine.version, '23.0.0') >= 0
        ? ok(`is withheld here; ${engine.provider} ${engine.version} does without. The node image must have containerd's restrict_oom_score_adj = true`)
        : lacks(
            `is withheld here, and Docker ${engine.version} cannot do without`,
            'install Docker 23 or newer, or run on a machine that does not withhold it',
          );
    },
  },
  {
    id: 'inotify',
    title: 'inotify limits',
    required: false,
    neededBy: 'the nodes of all clusters on this machine together: systemd, kubelet, containerd and kube-proxy of each watch files',
    judge: ({ inotify: { watches, instances } }, plan) => {
      if (watches === null || instances === null) return ok('not known');
      const detail = `${watches} watches, ${instances} instances per user`;
      return watches >= INOTIFY_WATCHES && instances >= Math.max(3, nodeCount(plan)) * INOTIFY_INSTANCES_PER_NODE
        ? ok(detail)
        : lacks(`${detail}: nodes fail with "too many open files"`, 'sudo sysctl -w fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512');
    },
  },
  {
    id: 'memory',
    title: 'memory and disk',
    required: false,
    neededBy: 'the nodes: roughly 0.7 GB of memory each, and 5 GB of disk',
    judge: ({ engine, freeDiskBytes }, plan) => {
      const nodes = nodeCount(plan) || 1;
      const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
      const detail = `${gigabytes(engine.memoryBytes)} of memory, ${freeDiskBytes === null ? 'unknown' : gigabytes(freeDiskBytes)} of disk free, ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`;
      if (engine.memoryBytes > 0 && engine.memoryBytes < nodes * NODE_BYTES)
        return lacks(detail, 'take nodes out of the lab, or give the container engine more memory');
      return freeDiskBytes !== null && freeDiskBytes < DISK_BYTES
        ? lacks(detail, `${engine.provider} system prune   # removes what no container uses`)
        : ok(detail);
    },
  },
  {
    id: 'openvswitch',
    title: 'Open vSwitch (openvswitch)',
    required: false,
    neededBy: "Weave Net's fast datapath (cni.mode: fastdp): nodes share this machine's kernel",
    judge: ({ openvswitch }, plan) => {
      const wanted = plan === null || plan.clusters.some(({ cni }) => cni.type === 'weave' && cni.sleeve !== true);
      if (openvswitch !== false || !wanted)
        return ok(openvswitch === null ? 'not known' : openvswitch ? 'this kernel has it' : 'this kernel has none, and the lab needs none');
      return lacks(
        'this kernel has no module openvswitch: Weave Net falls back to its router in user space (sleeve)',
        "sudo modprobe openvswitch   # not found: this kernel lacks it; cni.mode: 'sleeve' asks for what happens then",
      );
    },
  },
  {
    id: 'docker-init',
    title: "Docker's own init",
    required: true,
    neededBy: 'nodes, whose first process is systemd',
    judge: ({ dockerInit }) =>
      dockerInit
        ? lacks('/etc/docker/daemon.json has "init": true', 'take "init" out of /etc/docker/daemon.json, then: sudo systemctl restart docker')
        : ok('is off'),
  },
];

/** Images of the nodes of a plan, each once. */
export function nodeImagesOf(plan: LabPlan): readonly string[] {
  return [...new Set(plan.clusters.map(kindNodeImage).filter((image) => image !== null))];
}
