/** Neighbour and forwarding entries against the truth: VTEP MACs and their nodes (RFC 7348), MACs of pods, the gateway's MAC in each pod. */
import type { NamespaceSnapshot, NeighbourSnapshot } from '../../engines/port.ts';
import type { NodePlan, PodPlan, VxlanPeerPlan, VxlanPlan } from '../../topology/plan.ts';
import { holdersOf } from './addresses.ts';
import { riseEvidence } from './counters.ts';
import type { Finding } from './finding.ts';
import { sharedAddresses } from './node-addresses.ts';
import { lookupRoute } from './route-lookup.ts';
import { isLost, joins, touches } from './flow.ts';
import { execCommand, execInPod, familyOf, isRoutedPerPod, type LabView, namespaceOf, podsOn } from './lab-view.ts';
import { ipArgv } from '../ip-argv.ts';

const FLOOD = '00:00:00:00:00:00';
/** States in which an entry has no usable MAC. */
const UNRESOLVED: ReadonlySet<string> = new Set(['failed', 'incomplete', 'none']);

/** Overlay entries first, then neighbours on nodes and in pods. */
export function inventoryNeighbours(view: LabView): readonly Finding[] {
  return [...overlayEntries(view), ...nodeNeighbours(view), ...podNeighbours(view)];
}

function overlayEntries(view: LabView): readonly Finding[] {
  const shared = sharedOnce(view);
  return view.nodes.flatMap((node) =>
    node.vxlans.flatMap((device) => {
      const namespace = namespaceOf(view, node.netns);
      if (namespace?.links.some((link) => link.name === device.name) !== true) return [];
      return [
        ...device.peers.flatMap((peer) => [
          ...peerNeighbour(view, node, device, peer, namespace),
          ...peerForwarding(view, node, device, peer, namespace, shared),
        ]),
        ...strayForwarding(view, node, device, namespace),
        ...ownMac(view, node, device, namespace),
      ];
    }),
  );
}

/** The device's own MAC is what all peers address. */
function ownMac(view: LabView, node: NodePlan, device: VxlanPlan, namespace: NamespaceSnapshot): readonly Finding[] {
  const mac = namespace.links.find((link) => link.name === device.name)?.mac;
  if (mac === undefined || mac === device.mac || device.peers.every((peer) => peer.mac === null)) return [];
  return [
    {
      name: 'vtep-mac-wrong',
      where: [node.id],
      evidence: [`${device.name} of ${node.name} has the MAC ${mac}; its peers address ${device.mac}`],
      certainty: 'certain',
      mend: execCommand(view, node, ['ip', 'link', 'set', device.name, 'address', device.mac]),
      explains: (flow) => isLost(flow) && device.peers.some((peer) => joins(flow, node.id, peer.node)),
    },
  ];
}

function peerNeighbour(view: LabView, node: NodePlan, device: VxlanPlan, peer: VxlanPeerPlan, namespace: NamespaceSnapshot): readonly Finding[] {
  if (peer.mac === null || peer.address === null) return [];
  const entry = namespace.neighbours.find((one) => one.dev === device.name && one.address === peer.address);
  if (entry !== undefined && entry.mac === peer.mac) return [];
  const found = entry === undefined ? 'has no entry' : entry.mac === '' ? `is ${entry.state}` : `is ${entry.mac}`;
  return [
    {
      name: 'vtep-mac-wrong',
      where: [node.id],
      certainty: 'certain',
      evidence: [
        `neighbour ${peer.address} on ${device.name} of ${node.name} ${found}; the device of ${peer.node} has ${peer.mac}`,
        ...droppedEvidence(view, node, device),
      ],
      mend: execCommand(
        view,
        node,
        ipArgv(familyOf(peer.address), 'neigh', 'replace', peer.address, 'lladdr', peer.mac, 'dev', device.name, 'nud', 'permanent'),
      ),
      explains: (flow) => isLost(flow) && joins(flow, node.id, peer.node),
    },
  ];
}

function droppedEvidence(view: LabView, node: NodePlan, device: VxlanPlan): readonly string[] {
  const read = (snapshot: LabView['before']): number | undefined =>
    snapshot?.namespaces[node.netns]?.links.find((one) => one.name === device.name)?.statistics.txDropped;
  const before = read(view.before);
  const after = read(view.snapshot);
  return before === undefined || after === undefined || after <= before
    ? []
    : [`${device.name} of ${node.name} dropped ${after - before} packets on sending: no forwarding entry for that MAC`];
}

type SharedAddresses = ReturnType<typeof sharedAddresses>;

/** Of each cluster once, and not before one is asked for: in a healthy overlay none is. */
function sharedOnce(view: LabView): (cluster: string) => SharedAddresses {
  const clusters = new Map<string, SharedAddresses>();
  return (cluster) => {
    const found = clusters.get(cluster) ?? sharedAddresses(view, cluster);
    clusters.set(cluster, found);
    return found;
  };
}

function peerForwarding(
  view: LabView,
  node: NodePlan,
  device: VxlanPlan,
  peer: VxlanPeerPlan,
  namespace: NamespaceSnapshot,
  shared: (cluster: string) => SharedAddresses,
): readonly Finding[] {
  const mac = peer.mac ?? FLOOD;
  const entries = namespace.fdb.filter((one) => one.dev === device.name && one.mac === mac && one.dst !== null);
  if (entries.some((one) => one.dst === peer.underlay)) return [];
  const others = new Set(device.peers.map((one) => one.underlay));
  const wrong = peer.mac === null ? entries.filter((one) => !others.has(one.dst ?? '')) : entries;
  // An address that several nodes have is the trouble itself.
  if (wrong.some((one) => shared(node.cluster).has(one.dst ?? ''))) return [];
  const found = wrong.length === 0 ? 'has no entry' : `leads to ${wrong.map((one) => one.dst).join(', ')}`;
  return [
    {
      name: 'fdb-points-elsewhere',
      where: [node.id],
      certainty: 'certain',
      evidence: [
        `forwarding entry ${mac} on ${device.name} of ${node.name} ${found}; ${peer.node} is at ${peer.underlay}`,
        ...namespace.neighbours
          .filter((one) => wrong.some((entry) => entry.dst === one.address) && UNRESOLVED.has(one.state))
          .map((one) => `nobody answers for ${one.address} on ${one.dev} (${one.state})`),
      ],
      mend: execCommand(view, node, [
        'bridge',
        'fdb',
        peer.mac === null ? 'append' : 'replace',
        mac,
        'dev',
        device.name,
        'dst',
        peer.underlay,
        'self',
        'permanent',
      ]),
      explains: (flow) => isLost(flow) && joins(flow, node.id, peer.node),
    },
  ];
}

/** Entries for single MACs, learned or written, on a device that floods: they must lead to the node where the MAC is. */
function strayForwarding(view: LabView, node: NodePlan, device: VxlanPlan, namespace: NamespaceSnapshot): readonly Finding[] {
  if (device.peers.some((peer) => peer.mac !== null)) return [];
  const underlays = new Map(device.peers.map((peer) => [peer.node, peer.underlay]));
  return view.pods.flatMap((pod) => {
    const home = view.nodes.find((one) => one.cluster === pod.cluster && one.name === pod.node);
    const truth = home === undefined ? undefined : underlays.get(home.id);
    if (home === undefined || truth === undefined || pod.interface === null) return [];
    const { mac } = pod.interface;
    return namespace.fdb
      .filter((one) => one.dev === device.name && one.mac === mac && one.dst !== null && one.dst !== truth)
      .map(
        (one): Finding => ({
          name: 'fdb-points-elsewhere',
          where: [node.id],
          certainty: 'certain',
          evidence: [
            `forwarding entry ${mac} (${pod.id}) on ${device.name} of ${node.name} leads to ${one.dst}${one.permanent ? ', permanently' : ''}; ${home.name} is at ${truth}`,
          ],
          mend: execCommand(view, node, ['bridge', 'fdb', 'del', mac, 'dev', device.name, 'dst', one.dst ?? '', 'self']),
          explains: (flow) => isLost(flow) && touches(flow, pod.id) && joins(flow, node.id, home.id),
        }),
      );
  });
}

/** Who should answer for an address. */
interface Truth {
  readonly mac: string;
  readonly name: string;
}
interface PodTruth extends Truth {
  readonly pod: PodPlan;
}

/** Address → pod, for each cluster. */
function podTruths(view: LabView): (cluster: string) => ReadonlyMap<string, PodTruth> {
  const clusters = new Map<string, Map<string, PodTruth>>();
  return (cluster) => {
    const known = clusters.get(cluster);
    if (known !== undefined) return known;
    const made = new Map(
      view.pods
        .filter((pod) => pod.cluster === cluster)
        .flatMap((pod) => {
          const one = pod.interface;
          return one === null ? [] : one.addresses.map((has): [string, PodTruth] => [has.address, { mac: one.mac, pod, name: pod.id }]);
        }),
    );
    clusters.set(cluster, made);
    return made;
  };
}

/** Address → node, for the nodes that share the segment of an interface: `segment address`. */
function underlayTruths(view: LabView): ReadonlyMap<string, Truth & { readonly node: NodePlan }> {
  return new Map(
    view.nodes.flatMap((node) =>
      node.interfaces.flatMap((one) => one.addresses.map((has) => [`${one.segment} ${has.address}`, { mac: one.mac, node, name: node.name }] as const)),
    ),
  );
}

function nodeNeighbours(view: LabView): readonly Finding[] {
  const holders = holdersOf(view);
  const podOf = podTruths(view);
  const underlay = underlayTruths(view);
  return view.nodes.flatMap((node) =>
    usedNeighbours(view, node).flatMap((entry): readonly Finding[] => {
      const cable = node.interfaces.find((one) => one.name === entry.dev);
      const truth =
        cable === undefined ? behindTunnel(view, node, entry.dev, podOf(node.cluster).get(entry.address)) : underlay.get(`${cable.segment} ${entry.address}`);
      if (truth === undefined || !isWrong(view, entry, truth.mac, holders)) return [];
      return [
        {
          name: 'stale-neighbour',
          where: [node.id],
          certainty: 'certain',
          evidence: [
            `neighbour ${entry.address} on ${entry.dev} of ${node.name} is ${entry.mac} (${entry.state}); ${truth.name} has ${truth.mac}`,
            ...riseEvidence(view, node, ['IpForwDatagrams']),
          ],
          mend: execCommand(view, node, ipArgv(entry.family, 'neigh', 'del', entry.address, 'dev', entry.dev)),
          explains: (flow) =>
            'pod' in truth ? touches(flow, truth.pod.id) && flow.failure.class !== 'address-differs' : isLost(flow) && joins(flow, node.id, truth.node.id),
        },
      ];
    }),
  );
}

/** Where all pods are on the wire of a tunnel that routes (flannel as it fed Docker), the tunnel end of a pod's node answers for it. */
function behindTunnel(view: LabView, node: NodePlan, dev: string, truth: PodTruth | undefined): PodTruth | undefined {
  const home = view.nodes.find((one) => one.cluster === truth?.pod.cluster && one.name === truth.pod.node);
  const mac = node.vxlans.find((device) => device.name === dev)?.peers.find((peer) => peer.node === home?.id)?.mac ?? null;
  return truth === undefined || mac === null ? truth : { ...truth, mac };
}

/** Entries of the device that packets to the address do leave by; others are leftovers that nobody asks. */
function usedNeighbours(view: LabView, node: NodePlan): readonly NeighbourSnapshot[] {
  const namespace = namespaceOf(view, node.netns);
  if (namespace === undefined) return [];
  return namespace.neighbours.filter((entry) => lookupRoute(namespace, entry.family, entry.address)?.dev === entry.dev);
}

type Holders = ReturnType<typeof holdersOf>;

/** Has the entry a MAC, and not that of the planned or of an actual holder? With the latter the address is the trouble, not the entry. Of a MAC that nobody knows nothing can be said. */
function isWrong(view: LabView, entry: NeighbourSnapshot, mac: string, holders: Holders): boolean {
  if (mac === '' || entry.mac === '' || UNRESOLVED.has(entry.state) || entry.mac === mac) return false;
  return !(holders.get(entry.address) ?? []).some(({ pod }) => namespaceOf(view, pod.netns)?.links.some((link) => link.mac === entry.mac) === true);
}

function podNeighbours(view: LabView): readonly Finding[] {
  const holders = holdersOf(view);
  const podOf = podTruths(view);
  return view.nodes.flatMap((node) =>
    podsOn(view, node).flatMap((pod) => {
      const planned = pod.interface;
      if (planned === null) return [];
      const routed = isRoutedPerPod(view, node);
      const gateway: Truth = { mac: (routed ? planned.hostMac : bridgeMac(view, node)) ?? '', name: `the gateway on ${node.name}` };
      return (namespaceOf(view, pod.netns)?.neighbours ?? []).flatMap((entry): readonly Finding[] => {
        // Of a pod that is routed by itself the node is the only neighbour, whatever address it speaks with.
        const leadsOut = routed || planned.gateways.includes(entry.address);
        const peer = leadsOut ? undefined : podOf(pod.cluster).get(entry.address);
        const truth = leadsOut ? gateway : peer;
        if (truth === undefined || truth.mac === '' || !isWrong(view, entry, truth.mac, holders)) return [];
        return [
          {
            name: leadsOut ? 'gateway-mac-changed' : 'stale-neighbour',
            where: [pod.id],
            certainty: 'certain',
            evidence: [`neighbour ${entry.address} in ${pod.id} is ${entry.mac} (${entry.state}); ${truth.name} has ${truth.mac}`],
            mend: execInPod(view, pod, ipArgv(entry.family, 'neigh', 'del', entry.address, 'dev', entry.dev)),
            explains: (flow) => isLost(flow) && touches(flow, pod.id) && (peer === undefined || touches(flow, peer.pod.id)),
          },
        ];
      });
    }),
  );
}

/** As it is now: pods that learned a MAC which is not the planned one do reach it. */
function bridgeMac(view: LabView, { bridge, netns }: NodePlan): string | undefined {
  return namespaceOf(view, netns)?.links.find((link) => link.name === bridge?.name)?.mac ?? bridge?.mac;
}
