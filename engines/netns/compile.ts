/** LabPlan → stages of ops. Pure: same plan, same ops. Nothing is decided here that the plan has decided. */
import { containersOf } from '../../topology/docker/places.ts';
import type { ClusterPlan, LabPlan, NodePlan } from '../../topology/plan.ts';
import { attachmentOps, networkOps } from './compile-attachments.ts';
import { bgpOps, convergenceOps } from './compile-bgp.ts';
import { isAttached, setupOps } from './compile-data-path.ts';
import { fabricOps, machineOps } from './compile-machines.ts';
import { containerNeighbourOps, podNeighbourOps, underlayNeighbourOps } from './compile-neighbours.ts';
import { kernelTraits, type CompileOptions } from './compile-options.ts';
import { namespaceSysctls } from './compile-sysctls.ts';
import { joinRules } from './compile-rules.ts';
import { dataPathOf } from './cni/index.ts';
import { dnsOps } from './dns/compile.ts';
import { dockerDnsOps, dockerOps } from './docker/compile.ts';
import { hostDnsOps } from './dns/host-zones.ts';
import { machineResolvOps, podResolvOps } from './dns/resolv-files.ts';
import { ingressOps } from './ingress/compile.ts';
import type { Op, Stage } from './ops.ts';
import { ownEtcOps } from './own-etc.ts';
import { policyOps } from './policy/compile.ts';
import { serviceOps } from './services/compile.ts';

/**
 * Stages in the order in which they depend on each other: `fabric` (switches), `nodes` (nodes, hosts and routers on them), `docker` (containers of hosts), `data-path` (bridges, overlay
 * devices, pod routes, packet filter, Services), `policies`, `bgp` (BIRD starts and converges while pods are made), `pods`, `dns`, `ingress`, `neighbours` (permanent entries, where the plan
 * has them), `convergence` (the routes that BGP brings). Empty stages are left out. Second networks come after the `pods`, as stage `attachments`.
 */
export function compile(plan: LabPlan, options: CompileOptions = {}): readonly Stage[] {
  const kernel = kernelTraits(options);
  const nodes = plan.clusters.flatMap((cluster) => cluster.nodes);
  const pods = plan.clusters.reduce((sum, cluster) => sum + cluster.pods.filter(isAttached).length, 0);
  const permanent = plan.neighbours.mode === 'permanent';
  const stages: Stage[] = [
    { name: 'fabric', title: `laying ${count(plan.segments.length, 'segment')}`, ops: fabricOps(plan, kernel) },
    {
      name: 'nodes',
      title: `wiring ${count(nodes.length + plan.machines.length, 'machine')}`,
      // Without them a full mesh of BGP sessions overflows the neighbour table before there is a single pod.
      ops: [...machineOps(plan, kernel), ...(permanent ? underlayNeighbourOps(plan) : []), ...machineResolvOps(plan), ...ownEtcOps(plan)],
    },
    {
      name: 'docker',
      title: `attaching ${count(containersOf(plan).length, 'container')}`,
      ops: [...dockerOps(plan, options), ...(permanent ? containerNeighbourOps(plan) : [])],
    },
    {
      name: 'data-path',
      title: `building the data path of ${count(nodes.length, 'node')}`,
      ops: plan.clusters.flatMap((cluster) =>
        cluster.nodes.flatMap((node) =>
          joinRules([...dataPathOf(cluster.cni).node(cluster, node), ...networkOps(node), ...setupOps(cluster, node, options), ...serviceOps(cluster, node)]),
        ),
      ),
    },
    // Before there are pods: none is open for a moment that should not be.
    { name: 'policies', title: 'writing the NetworkPolicies of the nodes', ops: plan.clusters.flatMap(policyOps) },
    { name: 'bgp', title: 'starting BGP', ops: plan.clusters.flatMap(bgpOps) },
    {
      name: 'pods',
      title: `connecting ${count(pods, 'pod')}`,
      ops: [
        ...plan.clusters.flatMap((cluster) =>
          cluster.pods
            .filter(isAttached)
            .flatMap((pod): Op[] => [
              { op: 'netns', ns: pod.netns },
              ...namespaceSysctls(pod.netns, { forwarding: false, ipv6: cluster.families.includes('ipv6'), bridgedFramesFiltered: true }, kernel),
            ]),
        ),
        ...plan.clusters.flatMap(podOps),
        ...podResolvOps(plan),
      ],
    },
    // Plugins choose the indexes of what they make: nothing is made beside them in the same namespaces.
    {
      name: 'attachments',
      title: `connecting pods to ${count(
        plan.clusters.reduce((sum, { networks = [] }) => sum + networks.length, 0),
        'second network',
      )}`,
      ops: plan.clusters.flatMap(attachmentOps),
    },
    { name: 'dns', title: 'starting DNS', ops: [...hostDnsOps(plan, options), ...dockerDnsOps(plan, options), ...dnsOps(plan, options)] },
    { name: 'ingress', title: 'starting Ingress controllers', ops: ingressOps(plan, options) },
    { name: 'neighbours', title: 'writing permanent neighbours', ops: permanent ? plan.clusters.flatMap(podNeighbourOps) : [] },
    { name: 'convergence', title: 'waiting for BGP routes', ops: plan.clusters.flatMap(convergenceOps) },
  ];
  return stages.filter((stage) => stage.ops.length > 0);
}

function podOps(cluster: ClusterPlan): Op[] {
  const nodes = new Map<string, NodePlan>(cluster.nodes.map((node) => [node.name, node]));
  const dataPath = dataPathOf(cluster.cni);
  return cluster.pods.filter(isAttached).flatMap((pod) => {
    const node = nodes.get(pod.node);
    return node === undefined ? [] : [...dataPath.pod(cluster, node, pod)];
  });
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
