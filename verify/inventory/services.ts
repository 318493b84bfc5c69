/** Services that failed: what the proxy of the node was told, against the plan, and what keeps its translations from working. */
import { listed } from '../../topology/listed.ts';
import { endpointText } from '../../topology/services/proxy/hashes.ts';
import { inventoryChecksums } from './checksums.ts';
import { inventoryClosedPorts } from './closed-ports.ts';
import type { Finding } from './finding.ts';
import { type Flow, isDead, isLost } from './flow.ts';
import { execCommand, type LabView, namespaceOf, rebuildLab } from './lab-view.ts';
import { readProgrammedPort, readProxyRules } from './proxy-rules.ts';
import { inventoryNodePorts, inventoryServicePaths } from './service-paths.ts';
import { inventoryServiceProxies } from './service-proxies.ts';
import { isAt, placesOf, type ReadPlace, type ServicePlace } from './service-place.ts';
import { mendAffinity, mendEndpoint, mendEntries, mendMasquerade } from './service-mends.ts';

/** Deviations behind the flows to Services; nothing where none failed. */
export function inventoryServices(view: LabView, flows: readonly Flow[]): readonly Finding[] {
  const asked = flows.filter((flow) => flow.failure.door !== undefined);
  const places = placesOf(view, asked);
  return [
    ...places.flatMap((place) => programmed(view, place)),
    ...inventoryServicePaths(view, places, asked),
    ...inventoryChecksums(view, places, asked),
    ...inventoryNodePorts(view, places, asked),
    ...inventoryServiceProxies(view, places, asked),
    ...staleEntries(view, asked),
    ...inventoryClosedPorts(view),
  ];
}

function programmed(view: LabView, place: ServicePlace): readonly Finding[] {
  const { node, family, cluster, port } = place;
  const rules = readProxyRules(namespaceOf(view, node.netns), cluster.kubeProxy.mode, family);
  if (rules === null || port.usable.length === 0) return [];
  const read: ReadPlace = { ...place, rules, found: readProgrammedPort(rules, port) };
  return [...missing(view, read), ...endpoints(view, read), ...hairpins(view, read), ...affinities(view, read)];
}

/** Doors by the entries that take their traffic: those of other addresses have the fate of the cluster IP. */
const entryOf = (via: string): 'clusterIP' | 'nodePort' => (via === 'node-port' ? 'nodePort' : 'clusterIP');

/** No way in: refused for want of endpoints, or nothing at all. */
function missing(view: LabView, place: ReadPlace): readonly Finding[] {
  const { port, found, node } = place;
  const refusals = {
    clusterIP: port.internal === 'serve' ? found.refusals.clusterIP : null,
    nodePort: port.external === 'serve' ? found.refusals.nodePort : null,
  };
  const refusing = [refusals.clusterIP, refusals.nodePort].flatMap((entry) => entry ?? []);
  const refused = refusing
    .map(
      (): Finding => ({
        name: 'service-has-no-endpoints',
        where: [node.id],
        certainty: 'certain',
        evidence: [
          ...refusing.map((entry) => `${entry.place} on ${node.name}: "${entry.text}"`),
          `${port.usable.length} endpoints of ${port.name} are ready by the plan: ${listed(port.usable.map((one) => one.text))}`,
        ],
        // All rules of the Service are gone: they follow from its endpoints together.
        mend: rebuildLab(view),
        explains: (flow) => isAt(flow, place) && isDead(flow) && refusals[entryOf(flow.failure.door?.via ?? '')] !== null,
      }),
    )
    .slice(0, 1);
  const absent = [
    ...(port.internal === 'serve' && found.clusterIP === null && found.refusals.clusterIP === null
      ? [{ via: 'cluster-ip', what: `${port.clusterIP} port ${port.port.port}/${port.protocol}` }]
      : []),
    ...(port.port.nodePort !== null && found.nodePort === null && found.refusals.nodePort === null
      ? [{ via: 'node-port', what: `node port ${port.port.nodePort}/${port.protocol}` }]
      : []),
  ];
  if (absent.length === 0) return refused;
  return [
    ...refused,
    {
      name: 'service-not-programmed',
      where: [node.id],
      certainty: 'certain',
      evidence: absent.map(({ what }) => `no ${ENTRY_WORD[place.rules.mode]} on ${node.name} takes ${what} of ${port.name}`),
      mend: mendEntries(view, place),
      explains: (flow) => isAt(flow, place) && isDead(flow) && absent.some(({ via }) => via === flow.failure.door?.via),
    },
  ];
}

const ENTRY_WORD = { iptables: 'rule of KUBE-SERVICES or KUBE-NODEPORTS', nftables: 'element of service-ips or service-nodeports' } as const;

/** Endpoints that nobody is, and ports that are not the planned ones. */
function endpoints(view: LabView, place: ReadPlace): readonly Finding[] {
  const { port, node, found } = place;
  return found.endpoints.flatMap((one): readonly Finding[] => {
    if (port.usable.some((planned) => planned.address === one.address && planned.port === one.port)) return [];
    const planned = port.usable.filter(({ address }) => address === one.address).map((has) => has.port);
    const text = endpointText(one.address, one.port);
    const common = { where: [node.id], certainty: 'certain', mend: mendEndpoint(view, place, one) } as const;
    const rule = `${one.chain} on ${node.name}: "${one.text}"`;
    if (planned.length > 0)
      return [
        {
          ...common,
          name: 'endpoint-port-closed',
          evidence: [rule, `${port.name} leads to ${text}; the endpoint serves port ${planned.join(', ')}`],
          explains: (flow) => isAt(flow, place) && isDead(flow),
        },
      ];
    if (isSomebodys(view, one.address)) return [];
    return [
      {
        ...common,
        name: 'endpoint-is-dead',
        evidence: [
          rule,
          `nobody has ${one.address}; the endpoints of ${port.name} are ${listed(port.usable.map((has) => has.text))}`,
          ...neighbours(view, one.address),
        ],
        explains: (flow) => isAt(flow, place) && isLost(flow),
      },
    ];
  });
}

/** Is the address on an interface of the lab, or outside of the pod networks? */
function isSomebodys(view: LabView, address: string): boolean {
  return Object.values(view.snapshot.namespaces).some((namespace) => namespace.addresses.some((one) => one.address === address));
}

function neighbours(view: LabView, address: string): readonly string[] {
  return view.nodes.flatMap((node) =>
    (namespaceOf(view, node.netns)?.neighbours ?? [])
      .filter((one) => one.address === address)
      .map((one) => `the neighbour entry for it on ${node.name} is ${one.state}`),
  );
}

/** Endpoints whose own requests keep their source. */
function hairpins(view: LabView, place: ReadPlace): readonly Finding[] {
  return place.found.endpoints.flatMap((one): readonly Finding[] => {
    const own = place.service.endpoints.find(({ address }) => address === one.address);
    if (one.masquerades || own === undefined || own.pod === null) return [];
    return [
      {
        name: 'hairpin-not-masqueraded',
        where: [place.node.id],
        certainty: 'certain',
        evidence: [`no rule of ${one.chain} on ${place.node.name} marks what ${one.address} (${own.pod}) asks itself`],
        mend: mendMasquerade(view, place, one),
        explains: (flow) => flow.client.id === own.pod && isLost(flow) && isAt(flow, place),
      },
    ];
  });
}

function affinities(view: LabView, place: ReadPlace): readonly Finding[] {
  const { service, found, node, port } = place;
  if (service.affinitySeconds === null || found.endpoints.length < 2) return [];
  const lost = found.endpoints.filter((one) => !one.remembers || !one.recalled);
  if (lost.length === 0) return [];
  return [
    {
      name: 'session-affinity-broken',
      where: [node.id],
      certainty: 'certain',
      evidence: lost.map((one) =>
        one.remembers
          ? `no rule of ${found.balancing.join(' or ')} on ${node.name} sends clients that ${one.chain} remembers back to it; planned: for ${service.affinitySeconds} s`
          : `${one.chain} on ${node.name} does not remember the clients of ${port.name}`,
      ),
      mend: mendAffinity(view, place, lost),
      explains: (flow) => flow.failure.check === 'service-affinity' && isAt(flow, place),
    },
  ];
}

/** Flows of connection tracking that a failing probe shows to lead to no endpoint. */
function staleEntries(view: LabView, flows: readonly Flow[]): readonly Finding[] {
  return flows.flatMap((flow): readonly Finding[] => {
    const { failure } = flow;
    const node = view.nodes.find((one) => one.id === failure.serverNode);
    const service = view.plan.clusters.flatMap((cluster) => cluster.services).find((one) => one.id === failure.server);
    if (failure.check !== 'service-udp-reuse' || node === undefined || service === undefined) return [];
    return failure.conntrack
      .filter(({ reply }) => !service.endpoints.some((one) => one.address === reply.source && one.ports.some((has) => has.port === reply.sourcePort)))
      .map(({ original, reply, replied }): Finding => {
        const { source, destination, sourcePort } = original;
        return {
          name: 'stale-conntrack-entry',
          where: [node.id],
          certainty: 'certain',
          evidence: [
            `connection tracking of ${node.name} sends UDP from ${endpointText(source, sourcePort)} to ${endpointText(destination, original.destinationPort)} on to ${endpointText(reply.source, reply.sourcePort)}${replied ? '' : ' [UNREPLIED]'}`,
            `${endpointText(reply.source, reply.sourcePort)} is no endpoint of ${service.id}`,
          ],
          mend: execCommand(view, node, ['conntrack', '-D', '-p', 'udp', '-s', source, '-d', destination, '--sport', String(sourcePort)]),
          explains: (other) => other.failure === failure,
        };
      });
  });
}
