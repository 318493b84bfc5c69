/** Puts what was read, verified and measured of labs side by side. Pure. */
import { passageBetween, type Passage } from '../../topology/passage.ts';
import type { ClusterPlan, CniPlan, LabPlan, NodePlan } from '../../topology/plan.ts';
import type { Report } from '../report.ts';
import type { ComparedCluster, ComparedLab } from './document.ts';
import { compareWay, twoToOne } from './figures.ts';
import type { MeasuredSide } from './measure.ts';
import type { LabWays } from './ways.ts';

/** A lab as it was looked at. */
export interface LookedAt {
  readonly name: string;
  readonly engine: string;
  readonly plan: LabPlan;
  /** The lab as it runs, of which the ways are. */
  readonly now: LabPlan;
  readonly ways: LabWays;
  readonly measured: MeasuredSide;
  /** null: not verified. */
  readonly report: Report | null;
}

/** The labs side by side, the first one being what the others are measured against. */
export function compareLabs(labs: readonly LookedAt[]): readonly ComparedLab[] {
  const [first] = labs;
  return labs.map(({ name, engine, plan, now, ways, measured, report }) => ({
    name,
    engine,
    nodes: now.clusters.reduce((sum, cluster) => sum + cluster.nodes.length, 0),
    pods: now.clusters.reduce((sum, cluster) => sum + cluster.pods.length, 0),
    verification: report === null ? null : { verdict: report.verdict, requirements: report.requirements.map(({ id, verdict }) => ({ id, verdict })) },
    cluster: ways.cluster === null ? null : comparedCluster(plan, now, ways.cluster, ways),
    oneNode: compareWay(measured.oneNode, (first?.measured ?? measured).oneNode),
    twoNodes: compareWay(measured.twoNodes, (first?.measured ?? measured).twoNodes),
    twoToOne: twoToOne(measured.twoNodes, measured.oneNode),
  }));
}

function comparedCluster(plan: LabPlan, now: LabPlan, cluster: ClusterPlan, { oneNode, twoNodes }: LabWays): ComparedCluster {
  // Where an engine chooses addresses, the plan still says by which devices packets pass.
  const { nodes, cni } = plan.clusters.find(({ name }) => name === cluster.name) ?? cluster;
  const nodeOf = (pod: string): NodePlan | undefined => {
    const home = cluster.pods.find(({ id }) => id === pod)?.node;
    return nodes.find(({ name }) => name === home);
  };
  const [one, two] = typeof twoNodes === 'string' ? nodes : [nodeOf(twoNodes.from.id), nodeOf(twoNodes.to.id)];
  const asks = [twoNodes, oneNode].find((way) => typeof way !== 'string')?.from.id;
  const family = cluster.families[0] ?? 'ipv4';
  const passage: Passage = one === undefined || two === undefined ? { by: 'unknown', overheadBytes: null } : passageBetween(cni, one, two, family);
  return {
    name: cluster.name,
    of: now.clusters.length,
    cni: cniWithMode(cni),
    kubeProxy: cluster.kubeProxy,
    passage,
    podMtuBytes: cluster.pods.find(({ id }) => id === asks)?.interface?.mtuBytes ?? cni.mtuBytes,
  };
}

function cniWithMode(cni: CniPlan): string {
  switch (cni.type) {
    case 'bridge':
      return `bridge, routes on ${cni.routesOn === 'router' ? 'the router' : 'nodes'}`;
    case 'flannel':
      return `flannel ${cni.backend}${cni.directRouting ? ', direct routing' : ''}${cni.docker === true ? ', docker' : ''}`;
    case 'calico':
      return `calico ${cni.encapsulation}${cni.routeReflectors.length > 0 ? ', reflectors' : ''}`;
    case 'weave':
      return `weave ${cni.sleeve === true ? 'sleeve' : 'fastdp'}`;
    case 'observed':
      return cni.name;
    case 'kindnet':
    case 'raw':
      return cni.type;
  }
}
