/**
 * The MTU of every hop against the MTU of the pods. A router that may tell the sender (RFC 1191, RFC 8201) makes a narrow hop a matter of speed;
 * one that may not, or a bridge port, which never tells, makes it a blackhole. A VXLAN device adds 50 bytes to IPv4, 70 to IPv6 (RFC 7348).
 */
import type { NamespaceSnapshot } from '../../engines/port.ts';
import { FABRIC_NETNS, type NodePlan } from '../../topology/plan.ts';
import { rise, riseEvidence } from './counters.ts';
import type { Finding } from './finding.ts';
import { crossesNodes, type Flow, isLost, isPair, joins, type PairFlow } from './flow.ts';
import { addressOf, type EndpointView, execCommand, execInPod, isOneSegment, type LabView, namespaceOf } from './lab-view.ts';
import { lookupRoute } from './route-lookup.ts';
import type { Family } from '../../topology/spec.ts';

/** What a VXLAN device adds to a packet, by the family of the underlay. */
export const VXLAN_OVERHEAD: Readonly<Record<Family, number>> = { ipv4: 50, ipv6: 70 };
/** The same of flannel's backend udp: outer IPv4 and UDP. */
const UDP_OVERHEAD = 28;

interface Hop {
  readonly where: string;
  readonly node: NodePlan;
  readonly dev: string;
  readonly mtu: number;
  readonly planned: number | null;
  readonly tells: boolean;
}

/** Narrow hops on the paths between nodes whose probes failed by size, or on the devices of nodes; overlays that do not fit into their underlay. */
export function inventoryMtu(view: LabView, flows: readonly Flow[]): readonly Finding[] {
  const sized = flows.filter(isPair).filter(failsBySize).filter(crossesNodes);
  const pairs = new Map<string, PairFlow>();
  // Both directions of a pair are looked at together.
  for (const flow of sized) pairs.set(`${[flow.client.node.id, flow.server.node.id].toSorted().join(' ')} ${flow.family}`, flow);
  // Where probes tell about sizes, they tell more than the devices do. Other losses may have kept the ways of a node from being swept at all.
  const judged = new Set(sized.flatMap((flow) => [flow.client.node.id, flow.server.node.id]));
  return [
    ...[...pairs.values()].flatMap((flow) => judgePath(view, flow, sized)),
    ...narrowDevices(view).filter(({ where }) => !where.some((node) => judged.has(node))),
    ...view.nodes.flatMap((node) => tightOverlays(view, node)),
  ];
}

/** Devices of nodes towards other nodes that take less than the pods of the cluster send. */
function narrowDevices(view: LabView): readonly Finding[] {
  return [...view.clusters.values()].flatMap((cluster) => {
    const podMtu = Math.max(0, ...cluster.pods.map((pod) => namespaceOf(view, pod.netns)?.links.find((link) => link.name === pod.interface?.name)?.mtu ?? 0));
    return cluster.nodes.flatMap((node): readonly Finding[] => {
      const bridged = isOneSegment(view, node);
      const routed = new Set(node.podRoutes.flatMap((route) => route.dev ?? []));
      const devices = [...node.vxlans, ...node.interfaces].filter((one) => (bridged ? node.vxlans.some((device) => device === one) : routed.has(one.name)));
      const links = namespaceOf(view, node.netns)?.links ?? [];
      const narrow = devices.flatMap((one) => {
        const mtu = links.find((link) => link.name === one.name)?.mtu;
        return mtu === undefined || mtu >= podMtu ? [] : [{ ...one, mtu }];
      });
      const [first] = narrow;
      if (first === undefined) return [];
      const muted = cluster.families.filter((family) => dropsFragmentationNeeded(view, node, family));
      return [
        {
          name: bridged || muted.length > 0 ? 'mtu-blackhole' : 'path-mtu-below-pod-mtu',
          where: [node.id],
          certainty: 'certain',
          evidence: [
            `pods of ${cluster.name} send up to ${podMtu} bytes`,
            ...narrow.map((one) => `${one.name} on ${node.name} takes ${one.mtu}${one.mtu === one.mtuBytes ? '' : `; planned: ${one.mtuBytes}`}`),
            ...(bridged ? ['a bridge port tells nobody'] : []),
            ...(muted.length > 0 ? [`a rule on ${node.name} drops "fragmentation needed", so that senders do not learn it`] : []),
          ],
          mend: first.mtu < first.mtuBytes ? execCommand(view, node, ['ip', 'link', 'set', first.name, 'mtu', String(first.mtuBytes)]) : '',
          explains: () => false,
        },
      ];
    });
  });
}

/** Overlay devices whose packets do not fit into the underlay once they are wrapped: they are fragmented, since they carry no DF. */
function tightOverlays(view: LabView, node: NodePlan): readonly Finding[] {
  const namespace = namespaceOf(view, node.netns);
  // A device that is a port of a bridge answers what does not fit.
  if (namespace === undefined || isOneSegment(view, node)) return [];
  const linkOf = (name: string): number | undefined => namespace.links.find((link) => link.name === name)?.mtu;
  return node.vxlans.flatMap((device): readonly Finding[] => {
    const inner = linkOf(device.name);
    const outer = linkOf(device.dev);
    const overhead = VXLAN_OVERHEAD[device.family];
    if (inner === undefined || outer === undefined || inner + overhead <= outer) return [];
    const planned = node.interfaces.find((one) => one.name === device.dev)?.mtuBytes;
    return [
      {
        name: 'overlay-packets-fragmented',
        where: [node.id],
        certainty: 'certain',
        evidence: [
          `${device.name} on ${node.name} takes ${inner} bytes, ${inner + overhead} once they are wrapped; ${device.dev} takes ${outer}${planned === undefined || planned === outer ? '' : `, planned: ${planned}`}`,
          ...riseEvidence(view, node, ['IpFragCreates', 'Ip6FragCreates']),
        ],
        mend:
          planned !== undefined && planned > outer
            ? execCommand(view, node, ['ip', 'link', 'set', device.dev, 'mtu', String(planned)])
            : execCommand(view, node, ['ip', 'link', 'set', device.name, 'mtu', String(outer - overhead)]),
        explains: (flow) => flow.failure.check === 'size-sweep' && flow.failure.class === 'finding' && flow.client.id === node.id,
      },
    ];
  });
}

/** Did the size of the packet decide? Size probes and streams only; everything else is small. */
export function failsBySize(flow: Flow): boolean {
  return flow.failure.check === 'size-sweep' || flow.failure.class === 'stalled' || flow.failure.class === 'too-big';
}

function judgePath(view: LabView, flow: PairFlow, sized: readonly Flow[]): readonly Finding[] {
  const { client, server } = flow;
  const podMtu = Math.max(podMtuOf(view, client) ?? 0, podMtuOf(view, server) ?? 0);
  if (podMtu === 0) return [];
  const narrow = [...hops(view, client, server, flow.family), ...hops(view, server, client, flow.family)].filter((hop) => hop.mtu < podMtu);
  if (narrow.length === 0) return [];
  const explains = (other: Flow): boolean =>
    failsBySize(other) && (isLost(other) || other.failure.class === 'too-big') && joins(other, client.node.id, server.node.id);
  const nodes = [...new Map(narrow.map((hop) => [hop.node.id, hop.node])).values()];
  const muted = nodes.filter((node) => dropsFragmentationNeeded(view, node, flow.family));
  const vanished = sized.some((other) => explains(other) && other.failure.class !== 'too-big');
  const silent = narrow.some((hop) => !hop.tells) || muted.length > 0 || nodes.some((node) => (rise(view, node.netns, 'IpOutDiscards') ?? 0) > 0) || vanished;
  const wide = [client, server].filter((end) => end.pod?.interface && (podMtuOf(view, end) ?? 0) > end.pod.interface.mtuBytes);
  const deviating = narrow.find((hop) => hop.planned !== null && hop.mtu !== hop.planned);
  const widest = wide[0]?.pod ?? null;
  return [
    {
      name: silent ? 'mtu-blackhole' : 'path-mtu-below-pod-mtu',
      where: nodes.map((node) => node.id),
      certainty: 'certain',
      explains,
      evidence: [
        `pods on ${[client.node.name, server.node.name].toSorted().join(' and ')} send up to ${podMtu} bytes`,
        ...wide.map((end) => `${end.id} has MTU ${podMtuOf(view, end)}; planned: ${end.pod?.interface?.mtuBytes}`),
        ...narrow.map(
          (hop) =>
            `${hop.dev} on ${hop.where} takes ${hop.mtu}${hop.planned === null || hop.planned === hop.mtu ? '' : `; planned: ${hop.planned}`}${hop.tells ? '' : ', and a bridge port tells nobody'}`,
        ),
        ...muted.map((node) => `a rule on ${node.name} drops "fragmentation needed", so that senders do not learn it`),
        ...nodes.flatMap((node) => riseEvidence(view, node, ['IpFragFails', 'IpOutDiscards', 'Ip6FragFails', 'Ip6OutDiscards'])),
      ],
      mend:
        deviating !== undefined
          ? execCommand(view, deviating.node, ['ip', 'link', 'set', deviating.dev, 'mtu', String(deviating.planned)])
          : widest?.interface
            ? execInPod(view, widest, ['ip', 'link', 'set', widest.interface.name, 'mtu', String(widest.interface.mtuBytes)])
            : '',
    },
  ];
}

function podMtuOf(view: LabView, end: EndpointView): number | null {
  const name = end.pod?.interface?.name;
  return namespaceOf(view, end.netns)?.links.find((link) => link.name === name)?.mtu ?? null;
}

/** What a packet from one pod to another passes on its own node and on the wire. */
function hops(view: LabView, from: EndpointView, to: EndpointView, family: Family): readonly Hop[] {
  const namespace = namespaceOf(view, from.node.netns);
  const address = addressOf(to, family);
  if (namespace === undefined || address === null) return [];
  const { node } = from;
  const bridged = isOneSegment(view, node);
  const device = bridged ? node.vxlans[0]?.name : (lookupRoute(namespace, family, address)?.dev ?? undefined);
  const link = namespace.links.find((one) => one.name === device);
  if (link === undefined) return [];
  const overlay = node.vxlans.find((one) => one.name === link.name);
  const tun = node.tun?.name === link.name ? node.tun : undefined;
  const planned = overlay?.mtuBytes ?? tun?.mtuBytes ?? node.interfaces.find((one) => one.name === link.name)?.mtuBytes ?? null;
  const first: Hop = { where: node.name, node, dev: link.name, mtu: link.mtu, planned, tells: !bridged };
  return [first, ...wire(view, namespace, node, overlay !== undefined ? VXLAN_OVERHEAD[overlay.family] : tun === undefined ? 0 : UDP_OVERHEAD)];
}

/** The node's cable and the switch: too small for what the overlay adds means that outer packets are fragmented, not lost. */
function wire(view: LabView, namespace: NamespaceSnapshot, node: NodePlan, overhead: number): readonly Hop[] {
  if (overhead > 0) return [];
  const fabric = namespaceOf(view, FABRIC_NETNS);
  return node.interfaces.flatMap((one) => {
    const port = fabric?.links.find((link) => link.name === one.switchPort);
    const own = namespace.links.find((link) => link.name === one.name);
    return port === undefined || own === undefined || port.mtu >= own.mtu
      ? []
      : [{ where: 'the switch', node, dev: one.switchPort, mtu: port.mtu, planned: null, tells: false }];
  });
}

function dropsFragmentationNeeded(view: LabView, node: NodePlan, family: Family): boolean {
  const rules = namespaceOf(view, node.netns)?.rules;
  if (rules === undefined) return false;
  return family === 'ipv4'
    ? /-A \S+ .*--icmp-type (?:3\/4|fragmentation-needed) .*-j DROP|icmp code frag-needed .*drop/.test(`${rules.iptables}\n${rules.nft}`)
    : /-A \S+ .*--icmpv6-type (?:2|packet-too-big)(?:\/0)? .*-j DROP|icmpv6 type packet-too-big .*drop/.test(`${rules.ip6tables}\n${rules.nft}`);
}
