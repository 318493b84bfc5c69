import { familyName } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { recordOf } from '../json.ts';
import { interfaceNameProblem, nearest } from '../names.ts';
import { networkBridge } from '../networks/definition.ts';
import { NETWORK_NAMESPACE, networkRequests, NETWORKS_ANNOTATION } from '../networks/requests.ts';
import type { KubernetesObject, LabSpec, WorkloadSpec } from '../spec.ts';
import { POD_KINDS, templateOf } from '../workloads.ts';
import { problem, type Path } from './findings.ts';
import { clustersOf, placedCidrs, type ClusterView } from './lab-view.ts';

/** What nodes have, or their CNI and kube-proxy may make on them. */
const DEVICES = /^(lo|eth\d+|cni0|docker0|weave|tunl0|kube-ipvs0|(veth|cali|flannel|vxlan).*)$/;

/** Is a device of that name the CNI's? */
function isOfTheCni({ spec: { cni } }: ClusterView, name: string): boolean {
  if (DEVICES.test(name)) return true;
  if (cni.type === 'raw') return JSON.stringify(cni.conflist).includes(`"bridge":${JSON.stringify(name)}`);
  return cni.type === 'bridge' && cni.bridge === name;
}

/** Each network has a bridge that nothing else on a node is called by. */
function bridges(cluster: ClusterView): readonly Diagnostic[] {
  const owners = new Map<string, string>();
  return (cluster.spec.networks ?? []).flatMap((network, i): readonly Diagnostic[] => {
    const bridge = networkBridge(network);
    const path = [...cluster.path, 'networks', i, network.bridge === undefined ? 'name' : 'bridge'];
    const owner = owners.get(bridge);
    owners.set(bridge, owner ?? network.name);
    const bad =
      interfaceNameProblem(bridge) ??
      (isOfTheCni(cluster, bridge) ? 'an interface of a node is called so' : null) ??
      (owner === undefined || owner === network.name ? null : `it is the bridge of network ${owner}`);
    return bad === null
      ? []
      : [
          problem(
            'INTERFACE_NAME_INVALID',
            path,
            `the bridge name ${JSON.stringify(bridge)} of network ${network.name} cannot be used: ${bad}`,
            'write bridge: br-storage',
          ),
        ];
  });
}

function families(cluster: ClusterView): readonly Diagnostic[] {
  return (cluster.spec.networks ?? []).flatMap((network, i) =>
    placedCidrs(network.cidr, [...cluster.path, 'networks', i, 'cidr'])
      .filter(({ cidr }) => !cluster.families.includes(cidr.family))
      .map(({ cidr, text, path }) =>
        problem(
          'NETWORK_FAMILY',
          path,
          `network ${network.name} has an ${familyName(cidr.family)} range (${text}), and the nodes of cluster ${cluster.name} have ${cluster.families.map(familyName).join(' and ')} only`,
          `use an ${cluster.families.map(familyName).join(' or ')} range, or give the pods ${familyName(cidr.family)} as well`,
        ),
      ),
  );
}

/** `namespace/name` of the NetworkAttachmentDefinitions that the author brings: whoever has Multus in a cluster may ask for them, and nothing of the lab acts on it. */
function ownDefinitions({ spec: { objects = [] } }: ClusterView): readonly string[] {
  return objects.filter(({ kind }) => kind === 'NetworkAttachmentDefinition').map(({ metadata: { namespace = 'default', name } }) => `${namespace}/${name}`);
}

/** One network that somebody asks for, with its place. */
interface Asked {
  readonly text: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: Path;
}

function unknown(cluster: ClusterView, what: string, { text, namespace, name, path }: Asked): readonly Diagnostic[] {
  const known = (cluster.spec.networks ?? []).map((network) => network.name);
  if (ownDefinitions(cluster).includes(`${namespace}/${name.replace(/@.*/, '')}`)) return [];
  if (name.includes('@'))
    return [
      problem(
        'NETWORKS_FORM',
        path,
        `${what} asks for ${JSON.stringify(text)}: names of interfaces are not taken`,
        'write the name alone: the interfaces are net1, net2, … in the order of the names',
      ),
    ];
  const here = namespace === NETWORK_NAMESPACE;
  if (here && known.includes(name)) return [];
  const near = nearest(name, known);
  const hint = here
    ? near === null
      ? 'name one of the known networks, or declare it: networks'
      : `did you mean ${near}?`
    : `a name alone is looked for in the pod's namespace, and the networks of a lab stand in ${NETWORK_NAMESPACE}: write ${NETWORK_NAMESPACE}/${near ?? name}`;
  const all = known.length === 0 ? 'none' : known.join(', ');
  return [problem('NETWORK_UNKNOWN', path, `${what} asks for network ${namespace}/${name}; known in cluster ${cluster.name}: ${all}`, hint)];
}

function asks(cluster: ClusterView, what: string, asked: readonly Asked[], hostNetwork: boolean, path: Path): readonly Diagnostic[] {
  const twice = asked.filter((one, i) => asked.findIndex(({ namespace, name }) => namespace === one.namespace && name === one.name) < i);
  return [
    ...asked.flatMap((one) => unknown(cluster, what, one)),
    ...twice.map((one) => problem('NETWORK_TWICE', one.path, `${what} asks for network ${one.name} twice: a pod has one interface in each`, 'name it once')),
    ...(hostNetwork && asked.length > 0
      ? [
          problem(
            'NETWORK_HOST_NETWORK',
            path,
            `${what} lives in its node's network: a second interface would be the node's`,
            'take hostNetwork out, or ask for no network',
          ),
        ]
      : []),
  ];
}

function ofWorkload(cluster: ClusterView, workload: WorkloadSpec, at: Path): readonly Diagnostic[] {
  const path = [...at, 'networks'];
  const asked = (workload.networks ?? []).map((name, i) => ({ text: name, namespace: NETWORK_NAMESPACE, name, path: [...path, i] }));
  return asks(cluster, `workload ${workload.name}`, asked, workload.hostNetwork === true, path);
}

function ofObject(cluster: ClusterView, object: KubernetesObject, at: Path): readonly Diagnostic[] {
  if (!POD_KINDS.includes(object.kind)) return [];
  const { template, path: within } = templateOf(object);
  const what = `${object.kind} ${object.metadata.name}`;
  const path = [...at, ...within, 'metadata', 'annotations', NETWORKS_ANNOTATION];
  const requests = networkRequests(template, object.metadata.namespace ?? 'default');
  if (requests === null)
    return ownDefinitions(cluster).length > 0
      ? []
      : [
          problem(
            'NETWORKS_FORM',
            path,
            `${what} asks for its networks in the JSON form, which is not taken`,
            'write names with commas between: storage, default/backup',
          ),
        ];
  const hostNetwork = recordOf(template['spec'])['hostNetwork'] === true;
  return asks(
    cluster,
    what,
    requests.map((request) => ({ ...request, path })),
    hostNetwork,
    path,
  );
}

/** Second networks have bridges and families that their nodes can have, and pods ask for networks that are there. */
export function networks(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => [
    ...bridges(cluster),
    ...families(cluster),
    ...(cluster.spec.workloads ?? []).flatMap((workload, i) => ofWorkload(cluster, workload, [...cluster.path, 'workloads', i])),
    ...(cluster.spec.objects ?? []).flatMap((object, i) => ofObject(cluster, object, [...cluster.path, 'objects', i])),
  ]);
}
