import type { LinkSnapshot, NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import type {
  GraphAttachment,
  GraphDevice,
  GraphEnd,
  GraphMachine,
  GraphMark,
  GraphOverlay,
  GraphPod,
  GraphSegment,
  LabGraph,
} from '../../topology/graph/graph.ts';
import { graphOfPlan, withPrefix } from '../../topology/graph/graph-of-plan.ts';
import { FABRIC_NETNS, type LabPlan } from '../../topology/plan.ts';
import type { DiagnosisName } from '../diagnosis/catalogue.ts';
import type { Finding } from '../inventory/finding.ts';
import { viewLab } from '../inventory/lab-view.ts';
import { takeStaticInventory } from '../inventory/static.ts';

/** What these say of devices and addresses is said by the devices themselves. */
const OF_DEVICES: readonly string[] = ['inventory-links', 'inventory-addresses', 'inventory-attachments'];
/** What is wrong with an overlay, and not with one machine. */
const OF_OVERLAYS: Partial<Readonly<Record<DiagnosisName, readonly GraphOverlay['kind'][]>>> = {
  'vni-mismatch': ['vxlan'],
  'overlay-mismatch': ['vxlan'],
  'vtep-mac-wrong': ['vxlan'],
  'fdb-points-elsewhere': ['vxlan'],
  'overlay-checksum-bad': ['vxlan'],
  'overlay-port-blocked': ['vxlan'],
  'overlay-packets-fragmented': ['vxlan', 'ipip'],
  'encapsulation-filtered': ['vxlan', 'ipip'],
  'bgp-peer-down': ['bgp'],
};

/**
 * The picture of a running lab: devices, addresses and ends of cables as the kernels have them, and marks where that is not what was planned: on the
 * devices and pods themselves, and, from the static inventory of the diagnosis, on machines, pods and overlays. Pure.
 *
 * @param snapshot of every namespace of the lab, the fabric's included; one that is not there is marked as missing
 */
export function graphOfKernels(plan: LabPlan, snapshot: Snapshot): LabGraph {
  const planned = graphOfPlan(plan);
  const at = (netns: string): NamespaceSnapshot | undefined => snapshot.namespaces[netns];
  const findings = takeStaticInventory(viewLab(plan, snapshot))
    .filter(({ id }) => !OF_DEVICES.includes(id))
    .flatMap((rule) => rule.findings.filter(({ certainty }) => certainty !== 'possible'));
  const rest = findings.filter(({ name }) => OF_OVERLAYS[name] === undefined);
  const ports = portsOf(plan);
  const machines = planned.machines.map((machine) => {
    const found = compareMachine(machine, at, ports);
    return {
      ...found,
      mark: joinMarks(found.mark, evidenceAt(rest, machine.id)),
      pods: found.pods.map((pod) => ({ ...pod, mark: joinMarks(pod.mark, evidenceAt(rest, pod.id)) })),
    };
  });
  return {
    ...planned,
    source: 'running',
    segments: planned.segments.map((segment) => ({ ...segment, mark: switchMark(segment, at(FABRIC_NETNS)) })),
    machines,
    overlays: planned.overlays.map((overlay) => ({ ...overlay, mark: overlayMark(overlay, findings) })),
    pairs: pairsOf(machines, at),
  };
}

type At = (netns: string) => NamespaceSnapshot | undefined;

const differs = (says: readonly string[]): GraphMark | null => (says.length === 0 ? null : { what: 'differs', says });
const missing = (what: string): GraphMark => ({ what: 'missing', says: [what] });

function joinMarks(mark: GraphMark | null, says: readonly string[]): GraphMark | null {
  return mark === null ? differs(says) : { ...mark, says: [...mark.says, ...says] };
}

/** Each sentence once, where it was found first. */
function evidenceAt(findings: readonly Finding[], id: string): readonly string[] {
  return [...new Set(findings.filter(({ where }) => where[0] === id).flatMap(({ evidence }) => evidence.slice(0, 1)))];
}

function overlayMark({ kind, members }: GraphOverlay, findings: readonly Finding[]): GraphMark | null {
  const own = findings.filter(({ name, where }) => OF_OVERLAYS[name]?.includes(kind) === true && members.some(({ machine }) => where.includes(machine)));
  return differs([...new Set(own.flatMap(({ evidence }) => evidence.slice(0, 1)))]);
}

const endOf = ({ machine, device }: GraphEnd): GraphEnd => ({ machine, device });

/** Unplanned devices of two machines that know each other's index; none where two pairs could be meant. */
function pairsOf(machines: readonly GraphMachine[], at: At): LabGraph['pairs'] {
  const ends = machines.flatMap(({ id, netns, devices }) =>
    devices
      .filter(({ kind }) => kind === 'other')
      .flatMap(({ name }) => {
        const link = at(netns)?.links.find((one) => one.name === name && one.kind === 'veth');
        return link?.peer === undefined ? [] : [{ machine: id, device: name, index: link.index, peer: link.peer }];
      }),
  );
  return ends.flatMap((one, place) => {
    const others = ends.filter((other) => other !== one && other.index === one.peer && other.peer === one.index);
    const [other] = others;
    if (other === undefined || others.length > 1 || ends.indexOf(other) < place) return [];
    return [[endOf(one), endOf(other)] as const];
  });
}

interface Port {
  readonly name: string;
  readonly bridge: string;
}

/** The switch's end of every cable, by machine and interface. */
function portsOf(plan: LabPlan): ReadonlyMap<string, Port> {
  const bridges = new Map(plan.segments.map((segment) => [segment.name, segment.bridge]));
  const all = [...plan.machines, ...plan.clusters.flatMap((cluster) => cluster.nodes)];
  return new Map(
    all.flatMap(({ id, interfaces }) =>
      interfaces.map((one) => [`${id} ${one.name}`, { name: one.switchPort, bridge: bridges.get(one.segment) ?? '' }] as const),
    ),
  );
}

function switchMark({ bridge, mtuBytes }: GraphSegment, fabric: NamespaceSnapshot | undefined): GraphMark | null {
  if (fabric === undefined) return missing('the namespace of the switches is gone');
  const link = fabric.links.find(({ name }) => name === bridge);
  if (link === undefined) return missing(`the switch ${bridge} is missing`);
  return differs([
    ...(link.up ? [] : [`the switch ${bridge} is down`]),
    ...(link.mtu === mtuBytes ? [] : [`the switch has MTU ${String(link.mtu)}, planned ${String(mtuBytes)}`]),
  ]);
}

function compareMachine(machine: GraphMachine, at: At, ports: ReadonlyMap<string, Port>): GraphMachine {
  const own = at(machine.netns);
  if (own === undefined) return { ...machine, mark: missing('its namespace is gone') };
  const pods = machine.pods.map((pod) => comparePod(pod, at(pod.netns), own));
  const devices = machine.devices.map((device) => compareDevice(device, own, at(FABRIC_NETNS), ports.get(`${machine.id} ${device.name}`)));
  return { ...machine, pods, devices: [...devices, ...unplanned(machine, pods, own, !isOfRealCluster(machine, ports))] };
}

/** Addresses that others can use, of one device. */
function addressesOf(namespace: NamespaceSnapshot, dev: string): readonly string[] {
  return withPrefix(namespace.addresses.filter((one) => one.dev === dev && !/^fe[89ab]/.test(one.address)));
}

function addressTroubles(planned: readonly string[], found: readonly string[]): readonly string[] {
  const lacks = planned.filter((one) => !found.includes(one));
  const has = found.filter((one) => !planned.includes(one));
  if (lacks.length === 0) return has.map((one) => `${one} is not planned`);
  return [`has ${has.length === 0 ? 'no address' : has.join(' and ')}, planned ${lacks.join(' and ')}`];
}

function linkTroubles(link: LinkSnapshot, mtuBytes: number): readonly string[] {
  return [
    ...(link.up ? (link.carrier ? [] : ['has no carrier']) : ['is down']),
    ...(link.mtu === mtuBytes ? [] : [`has MTU ${String(link.mtu)}, planned ${String(mtuBytes)}`]),
  ];
}

function compareDevice(device: GraphDevice, own: NamespaceSnapshot, fabric: NamespaceSnapshot | undefined, port: Port | undefined): GraphDevice {
  const link = own.links.find(({ name }) => name === device.name);
  if (link === undefined) return { ...device, mark: missing(`${device.name} is missing`) };
  const found = addressesOf(own, device.name);
  const says = [
    // A bridge without ports has no carrier, and a tunnel none to lose.
    ...linkTroubles(device.kind === 'cable' ? link : { ...link, carrier: true }, device.mtuBytes),
    ...(link.master === device.master ? [] : [device.master === null ? `is a port of ${link.master ?? ''}` : `is no port of ${device.master}`]),
    ...(device.kind === 'ipip' ? [] : addressTroubles(device.addresses, found)),
    ...(port === undefined ? [] : portTroubles(port, fabric)),
  ];
  return { ...device, addresses: found, mtuBytes: link.mtu, master: link.master, mark: differs(says.map((one) => `${device.name} ${one}`)) };
}

function portTroubles({ name, bridge }: Port, fabric: NamespaceSnapshot | undefined): readonly string[] {
  const link = fabric?.links.find((one) => one.name === name);
  if (link === undefined) return [`has no other end (${name} at the switch)`];
  return [
    ...(link.up ? [] : [`is cut off: ${name} at the switch is down`]),
    ...(link.master === bridge ? [] : [`is cut off: ${name} is no port of ${bridge}`]),
  ];
}

function comparePod(pod: GraphPod, own: NamespaceSnapshot | undefined, node: NamespaceSnapshot): GraphPod {
  const { device } = pod;
  if (device === null) return pod;
  if (own === undefined) return { ...pod, mark: missing('its namespace is gone') };
  const link = own.links.find(({ name }) => name === device.name);
  if (link === undefined) return { ...pod, mark: missing(`${device.name} is missing`) };
  const found = addressesOf(own, device.name);
  const end = node.links.find((one) => (link.peer === undefined ? one.name === pod.hostEnd : one.index === link.peer));
  const second = pod.second?.map((one) => compareAttachment(one, own, node));
  const planned = ['lo', device.name, ...(pod.second ?? []).map(({ name }) => name)];
  const others = own.links.filter(({ name, up }) => up && !planned.includes(name));
  const says = [
    ...linkTroubles(link, device.mtuBytes).map((one) => `${device.name} ${one}`),
    ...addressTroubles(device.addresses, found).map((one) => `${device.name} ${one}`),
    ...endTroubles(end, pod.hostEnd, pod.bridge, link.peer !== undefined),
    ...(second ?? []).flatMap(({ says: all }) => all),
    ...others.map(({ name }) => `${[name, ...addressesOf(own, name)].join(' ')} is not planned`),
  ];
  return {
    ...pod,
    device: { name: device.name, addresses: found, mtuBytes: link.mtu },
    hostEnd: end?.name ?? pod.hostEnd,
    ...(second === undefined ? {} : { second: second.map(({ attachment }) => attachment) }),
    mark: differs(says),
  };
}

function compareAttachment(
  one: GraphAttachment,
  own: NamespaceSnapshot,
  node: NamespaceSnapshot,
): { readonly attachment: GraphAttachment; readonly says: readonly string[] } {
  const link = own.links.find(({ name }) => name === one.name);
  if (link === undefined) return { attachment: one, says: [`${one.name} is missing`] };
  const found = addressesOf(own, one.name);
  const end = node.links.find(({ index, name }) => (link.peer === undefined ? name === one.hostEnd : index === link.peer));
  return {
    attachment: { ...one, addresses: found, mtuBytes: link.mtu, hostEnd: end?.name ?? one.hostEnd },
    says: [
      ...[...linkTroubles(link, one.mtuBytes), ...addressTroubles(one.addresses, found)].map((trouble) => `${one.name} ${trouble}`),
      ...endTroubles(end, one.hostEnd, one.bridge, link.peer !== undefined),
    ],
  };
}

/** The node's end of a pod's cable. Where the kernel did not tell which it is, only one that the plan names can be judged. */
function endTroubles(end: LinkSnapshot | undefined, planned: string | null, bridge: string | null, told: boolean): readonly string[] {
  if (end === undefined) return told || planned !== null ? ['its node has not the other end of its cable'] : [];
  return [
    ...(end.up ? [] : [`${end.name} on the node is down`]),
    ...(bridge !== null && end.master !== bridge ? [`${end.name} on the node is no port of ${bridge}`] : []),
    ...(planned !== null && end.name !== planned ? [`its cable ends at ${end.name}, planned ${planned}`] : []),
  ];
}

/** The node's ends of a pod's cables, as far as they are known. */
function endsOf({ hostEnd, second = [] }: GraphPod): readonly string[] {
  return [...(hostEnd === null ? [] : [hostEnd]), ...second.map((one) => one.hostEnd)];
}

/** A node whose cables end at no switch of the lab: there are pods on it that no plan has. */
function isOfRealCluster({ id, devices }: GraphMachine, ports: ReadonlyMap<string, Port>): boolean {
  return devices.some(({ name }) => ports.get(`${id} ${name}`)?.name === '');
}

/**
 * Links that are up and that neither the plan nor a pod's cable accounts for. Where a pod's cable could not be followed, no veth is judged.
 *
 * @param allPlanned no pod is on the machine that the plan has not
 */
function unplanned(machine: GraphMachine, pods: readonly GraphPod[], own: NamespaceSnapshot, allPlanned: boolean): readonly GraphDevice[] {
  const known = new Set(['lo', ...machine.devices.map(({ name }) => name), ...pods.flatMap(endsOf)]);
  const followed = allPlanned && pods.every(({ device, hostEnd }) => device === null || hostEnd !== null);
  return own.links
    .filter(({ name, up, kind }) => up && !known.has(name) && (followed || kind !== 'veth'))
    .map(({ name, mtu, master }) => ({
      name,
      kind: 'other' as const,
      addresses: addressesOf(own, name),
      mtuBytes: mtu,
      master,
      segment: null,
      mark: { what: 'unplanned' as const, says: [`${name} is not planned`] },
    }));
}
