/** What a cluster that was found says of its nodes, for `doctor`: kubelets, and where each finds its container runtime. Asks the API alone. */
import type { NodeObject, ObjectList } from '../kubernetes/api-objects.ts';
import { nodeFacts } from '../kubernetes/facts.ts';
import { kubectlFor, type Kubectl, type KubectlDeps } from '../kubernetes/kubectl.ts';
import type { Capability, KubernetesAccess } from '../port.ts';

/** Kubelets that are asked, a kubectl each and all at once: of more nodes it is told that theirs were not. */
const ASKED = 10;

interface Configz {
  readonly kubeletconfig?: { readonly containerRuntimeEndpoint?: string };
}

/**
 * One row for the API server, and one for each node: whether it is Ready, its kubelet and that one's port, its container runtime and the socket by which the kubelet
 * reaches it (https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/, containerRuntimeEndpoint). No flag of a process tells the socket of every
 * kubelet, its configuration in force does.
 *
 * @throws {LabError} CLUSTER_UNREACHABLE, FORBIDDEN_BY_CLUSTER for the nodes, and what else kubectl throws
 */
export async function examineNodes(access: KubernetesAccess, deps?: KubectlDeps): Promise<readonly Capability[]> {
  const kubectl = kubectlFor(access, deps);
  const [version, { items }] = await Promise.all([
    kubectl.json<{ readonly gitVersion?: string }>(['get', '--raw', '/version']),
    kubectl.json<ObjectList<NodeObject>>(['get', '--raw', '/api/v1/nodes']),
  ]);
  const nodes = items.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const endpoints = await Promise.all(nodes.slice(0, ASKED).map(async ({ metadata }) => await runtimeEndpoint(kubectl, metadata.name)));
  return [
    row('api', 'API server', true, `${version.gitVersion ?? 'of a version that it does not say'}, answers for ${access.cluster}`, ''),
    ...nodes.map((node, i) => nodeRow(node, endpoints[i] ?? `only the first ${ASKED} kubelets were asked for its socket`)),
  ];
}

function nodeRow(node: NodeObject, endpoint: string): Capability {
  const { name, ready, notReady, controlPlane, kubeletVersion, containerRuntime } = nodeFacts(node);
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port;
  const detail = [
    ...(ready ? [] : [notReady]),
    controlPlane ? 'control plane' : 'worker',
    `kubelet ${kubeletVersion}${port === undefined ? '' : ` on port ${port}`}`,
    `${containerRuntime === '' ? 'a runtime that is not told' : containerRuntime} (${endpoint})`,
  ];
  return row(`node-${name}`, `node ${name}`, ready, detail.join(', '), `kubectl describe node ${name}`);
}

function row(id: string, title: string, ok: boolean, detail: string, remedy: string): Capability {
  return { id, title, ok, detail, remedy: ok ? '' : remedy, required: true, neededBy: ok ? '' : 'what is to run there' };
}

/** The configuration that a kubelet works by, through the API server; or why it is not told: `nodes/proxy` is a right that few have, and the kubelet must answer. */
async function runtimeEndpoint(kubectl: Kubectl, node: string): Promise<string> {
  try {
    const { kubeletconfig } = await kubectl.json<Configz>(['get', '--raw', `/api/v1/nodes/${node}/proxy/configz`]);
    return kubeletconfig?.containerRuntimeEndpoint ?? 'its kubelet does not tell the socket';
  } catch (error) {
    return `its socket cannot be read: ${(error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''}`;
  }
}
