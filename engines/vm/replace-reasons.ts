/** What a running lab on virtual machines is built on beside what the plans alone say, with why it cannot follow. Pure. */
import { isSchedulable } from '../../topology/draft.ts';
import type { ClusterPlan, LabPlan } from '../../topology/plan.ts';

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const names = (things: readonly { readonly name: string }[]): readonly string[] => things.map(({ name }) => name);

function ofCluster(from: ClusterPlan, to: ClusterPlan): readonly string[] {
  const nodes = [...new Set([...names(from.nodes), ...names(to.nodes)])].flatMap((name) => {
    const [before, after] = [from, to].map((cluster) => cluster.nodes.find((node) => node.name === name));
    if (before === undefined || after === undefined)
      return [`node ${to.name}/${name} is ${before === undefined ? 'added' : 'removed'}: engine vm keeps the machines that a lab was created with`];
    return [
      ...(before.role === after.role ? [] : [`the role of node ${after.id}: kubeadm decides it when the node joins`]),
      ...(isSchedulable(before, from.nodes) === isSchedulable(after, to.nodes)
        ? []
        : [`whether pods run on node ${after.id}: kubeadm taints control planes when they join`]),
      ...(same(before.labels, after.labels) ? [] : [`the labels of node ${after.id}: they are given when the node joins`]),
      ...(same(before.interfaces, after.interfaces) ? [] : [`the address of node ${after.id}: kubeadm writes it into certificates`]),
    ];
  });
  return [
    ...(from.nodeImage === to.nodeImage ? [] : [`the disk of cluster ${to.name}: machines are layers over it`]),
    ...(same(from.portMappings, to.portMappings) ? [] : [`the port mappings of cluster ${to.name}: QEMU is started with them`]),
    ...(same(from.families, to.families) ? [] : [`the address families of cluster ${to.name}: its API server and nodes are made for them`]),
    ...nodes,
  ];
}

export function replaceReasons(from: LabPlan, to: LabPlan): readonly string[] {
  const all = [...new Set([...names(from.clusters), ...names(to.clusters)])];
  return all.flatMap((name) => {
    const [before, after] = [from, to].map((plan) => plan.clusters.find((cluster) => cluster.name === name));
    if (before === undefined || after === undefined)
      return [`cluster ${name} is ${before === undefined ? 'added' : 'removed'}: engine vm keeps the clusters that a lab was created with`];
    return ofCluster(before, after);
  });
}
