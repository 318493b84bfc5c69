/** Services of a running cluster as a plan has them: what the API chose, and the endpoints that its controllers wrote. Pure. */
import { formatAddress, tryParseAddress } from '../../topology/cidr.ts';
import type { NodePlan } from '../../topology/plan.ts';
import { API_SERVICE, DNS_SERVICE } from '../../topology/services/cluster-services.ts';
import { recordOf, recordsOf, textOf } from '../../topology/json.ts';
import { readService } from '../../topology/services/read-service.ts';
import { readSlices, type Slice } from '../../topology/services/read-slices.ts';
import type { EndpointPlan, ServicePlan } from '../../topology/services/service-plan.ts';
import type { Family, KubernetesObject } from '../../topology/spec.ts';
import type { ClusterFacts } from './facts.ts';

/**
 * Services as the API has them, in the order of `services`. Endpoints are those of the EndpointSlices, as kube-proxy reads them; their nodes have the names
 * of the plan.
 */
export function observedServices(
  cluster: string,
  services: readonly KubernetesObject[],
  slices: readonly KubernetesObject[],
  nodes: readonly NodePlan[],
): readonly ServicePlan[] {
  const read = readSlices(slices.map(withKind));
  return services.map((object): ServicePlan => {
    const { ipFamilies, ipFamilyPolicy: _policy, loadBalancerIP: _ip, nodePorts: _ports, ...rest } = readService(object);
    const status = recordOf(recordOf(object['status'])['loadBalancer']);
    return {
      id: `${cluster}/${rest.namespace}/${rest.name}`,
      cluster,
      ...rest,
      families: ipFamilies,
      loadBalancerIPs: recordsOf(status['ingress']).flatMap((one) => textOf(one['ip'], '') || []),
      endpoints: merged(
        read
          .filter((slice) => slice.namespace === rest.namespace && slice.service === rest.name)
          .flatMap((slice) => endpointsOf(cluster, slice, nodes))
          .filter((endpoint) => ipFamilies.includes(endpoint.family)),
      ),
    };
  });
}

/** Items of a list do not say what they are. */
function withKind(object: KubernetesObject): KubernetesObject {
  return { ...object, kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1' };
}

function endpointsOf(cluster: string, slice: Slice, nodes: readonly NodePlan[]): readonly EndpointPlan[] {
  const nodeNamed = (name: string): string | null => nodes.find((one) => one.netns === name)?.name ?? null;
  return slice.endpoints.flatMap(({ address, ports, hostname, node, pod, ready, hints }): readonly EndpointPlan[] => {
    const parsed = tryParseAddress(address);
    if (!parsed.ok) return [];
    const { family, value } = parsed.address;
    return [
      {
        family,
        ports,
        hostname,
        ready,
        address: formatAddress(family, value),
        node: nodeNamed(node),
        pod: pod === '' ? null : `${cluster}/${pod}`,
        ...(hints === undefined ? {} : { hints: { zones: hints.zones, nodes: hints.nodes.map((name) => nodeNamed(name) ?? name) } }),
      },
    ];
  });
}

/** One address is one endpoint: ports with different names stand in slices of their own. */
function merged(endpoints: readonly EndpointPlan[]): readonly EndpointPlan[] {
  const byAddress = new Map<string, EndpointPlan>();
  for (const endpoint of endpoints) {
    const known = byAddress.get(endpoint.address);
    byAddress.set(endpoint.address, known === undefined ? endpoint : { ...known, ports: [...known.ports, ...endpoint.ports] });
  }
  return [...byAddress.values()];
}

/**
 * The Services that every cluster has, by their addresses alone: the API's, and the DNS. For clusters whose Services nobody need be allowed to read; none whose
 * address is not known.
 */
export function clusterServices({ cluster, apiServiceIPs, dnsServiceIPs }: ClusterFacts): readonly ServicePlan[] {
  // They have one address, of the first family.
  const one = (object: KubernetesObject, [address]: readonly string[], ports: boolean): readonly ServicePlan[] => {
    if (address === undefined) return [];
    const family: Family = address.includes(':') ? 'ipv6' : 'ipv4';
    const [service] = observedServices(cluster, [object], [], []);
    if (service === undefined) throw new TypeError('a Service is read as one');
    return [{ ...service, families: [family], clusterIPs: [address], ports: ports ? service.ports : [] }];
  };
  return [...one(API_SERVICE, apiServiceIPs, true), ...one(DNS_SERVICE, dnsServiceIPs, false)];
}
