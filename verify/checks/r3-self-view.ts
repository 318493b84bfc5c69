import type { NamespaceSnapshot } from '../../engines/port.ts';
import { cidrContains, parseCidr, tryParseAddress, type Cidr } from '../../topology/cidr.ts';
import { listed } from '../../topology/listed.ts';
import type { NodePlan } from '../../topology/plan.ts';
import type { Family } from '../../topology/spec.ts';
import { dialledAddress, speaks, type ClusterEnds, type End } from '../endpoints.ts';
import { endFailure } from '../failure.ts';
import type { PairTable } from '../pair-table.ts';
import type { Run } from '../run.ts';
import { NO_PROBES, type Check } from './check.ts';
import { concludeCount, countFailure, countUnknown, startCount } from './count.ts';

/**
 * R3: the address that the API shows (the plan) = the addresses on the pod's own interface = the source that every peer observed; inside
 * its node's share of the pod network; and nobody else's. "Pods" are counted per address family.
 */
export const r3SelfView: Check = {
  id: 'r3-self-view',
  title: 'pods see the address that others see',
  suite: 'network',
  requirement: 'R3',
  pairs: ['pod-to-pod'],
  run: async (run) => {
    const [{ tables }, snapshot] = await Promise.all([run.mesh(), run.podSnapshot()]);
    const count = startCount();
    const more: string[] = [];
    for (const table of tables) {
      const owners = ownersOf(table.cluster, snapshot.namespaces);
      const ranges = new Map(table.cluster.plan.nodes.map((node) => [node.id, rangesOf(table.cluster, node)]));
      for (const index of table.cluster.pods) {
        const end = table.cluster.ends[index];
        if (end === undefined) continue;
        for (const family of run.options.families.filter((one) => speaks(end, one))) {
          const view = viewPod(run, table, index, end, family, snapshot.namespaces[end.endpoint.netns], owners, ranges.get(end.nodeId) ?? []);
          const { saw, expected, unknown } = view;
          count.planned++;
          if (saw === null && view.more.length > 0) more.push(`${end.id}: ${view.more.join(', ')}`);
          if (saw !== null) countFailure(count, () => endFailure(run.plan, end, { check: r3SelfView.id, family, class: 'address-differs', saw, expected }));
          else if (unknown !== null) countUnknown(count, 1, unknown);
          else count.passed++;
        }
      }
    }
    // An address that a router's advertisement gave, say: whether it is spoken from is what the peers say.
    if (more.length > 0) run.observations.push({ id: 'more-pod-addresses', title: 'addresses on pods beside the planned ones', value: listed(more) });
    return concludeCount(r3SelfView, count, 'no pod has an interface of its own', NO_PROBES);
  },
};

/** `saw` null: nothing differs. `unknown`: why nothing can be said. */
interface PodView {
  readonly saw: string | null;
  readonly expected: string;
  readonly unknown: string | null;
  /** Addresses of its interface beside the planned one. */
  readonly more: readonly string[];
}

function viewPod(
  run: Run,
  table: PairTable,
  index: number,
  end: End,
  family: Family,
  namespace: NamespaceSnapshot | undefined,
  owners: ReadonlyMap<string, readonly string[]>,
  ranges: readonly Cidr[],
): PodView {
  const planned = dialledAddress(end, family);
  if (namespace === undefined) return { saw: null, expected: planned, unknown: `${end.id}: its interface could not be read`, more: [] };
  const own = ownAddresses(namespace, end, family);
  const same: PodView = { saw: null, expected: planned, unknown: null, more: own.filter((address) => address !== planned) };
  if (!own.includes(planned))
    return { ...same, saw: `the pod's interface has ${own.length === 0 ? 'no address' : own.join(', ')}`, expected: `${planned}, as the API shows` };
  for (const address of own) {
    const others = (owners.get(address) ?? []).filter((id) => id !== end.id);
    if (others.length > 0) return { ...same, saw: `${address} is also on ${others.slice(0, 5).join(', ')}`, expected: 'an address that one pod has' };
  }
  if (ranges.length === 0)
    noteOnce(
      run,
      `pod addresses inside the range of their node: which range that is, is not known of ${table.cluster.plan.cni.type === 'observed' ? table.cluster.plan.cni.name : 'this'} networks`,
    );
  else if (!ranges.some((range) => cidrContains(range, planned))) {
    return { ...same, saw: `${planned} lies outside of the pod network of ${end.nodeId}`, expected: 'an address inside it' };
  }
  const observed = [...(table.sources.get(index) ?? [])].filter((address) => address.includes(':') === (family === 'ipv6'));
  const foreign = observed.filter((address) => address !== planned);
  if (foreign.length > 0) return { ...same, saw: `peers saw it as ${foreign.join(', ')}`, expected: `${planned}, as on its own interface` };
  if (observed.length === 0 && wasAsked(table, index)) return { ...same, unknown: `${end.id}: no peer saw a packet of it` };
  if (observed.length === 0 && run.clusters.every((cluster) => cluster.pods.length < 2))
    noteOnce(run, `${end.id}: no peer exists that could see its address; the interface and the API agree`);
  return same;
}

/** Addresses of the pod's interface, link-local ones left out. */
function ownAddresses(namespace: NamespaceSnapshot, end: End, family: Family): readonly string[] {
  const device = end.pod?.interface?.name;
  return namespace.addresses.filter((one) => one.dev === device && one.family === family && !isLinkLocal(one.address)).map((one) => one.address);
}

function isLinkLocal(address: string): boolean {
  const parsed = tryParseAddress(address);
  return parsed.ok && parsed.address.family === 'ipv6' && cidrContains(LINK_LOCAL, parsed.address);
}

const LINK_LOCAL: Cidr = parseCidr('fe80::/10');

/** Address on a pod's interface → the pods that have it. */
function ownersOf(cluster: ClusterEnds, namespaces: Readonly<Record<string, NamespaceSnapshot>>): ReadonlyMap<string, readonly string[]> {
  const owners = new Map<string, string[]>();
  for (const index of cluster.pods) {
    const end = cluster.ends[index];
    const namespace = end === undefined ? undefined : namespaces[end.endpoint.netns];
    if (end === undefined || namespace === undefined) continue;
    for (const address of [...ownAddresses(namespace, end, 'ipv4'), ...ownAddresses(namespace, end, 'ipv6')]) {
      owners.set(address, [...(owners.get(address) ?? []), end.id]);
    }
  }
  return owners;
}

/** Where a node's pods may live: calico's blocks, weave's one range, else the node's share of the pod CIDR. */
function rangesOf(cluster: ClusterEnds, node: NodePlan): readonly Cidr[] {
  const { cni } = cluster.plan;
  if (cni.type === 'observed' && cni.ranges !== 'node') return cni.ranges === 'cluster' ? cluster.plan.podCIDRs.map(parseCidr) : [];
  const texts = cni.type === 'weave' ? [cni.range] : node.blocks.length > 0 ? [...node.blocks, ...node.podCIDRs] : node.podCIDRs;
  return texts.map(parseCidr);
}

/** Was the pod to send anything to a peer? */
function wasAsked(table: PairTable, client: number): boolean {
  for (let server = 0; server < table.width; server++) {
    if (server !== client && (table.expected[client * table.width + server] ?? 0) > 0) return true;
  }
  return false;
}

function noteOnce(run: Run, line: string): void {
  if (!run.notLookedAt.includes(line)) run.notLookedAt.push(line);
}
