import { asList } from '../draft.ts';
import { INTERFACE_NAME_BYTES, interfaceName } from '../names.ts';
import type { KubernetesObject, NetworkSpec } from '../spec.ts';
import { NETWORK_NAMESPACE } from './requests.ts';

/** Name of a network's bridge on every node: as written, else br-NAME, or br- and a hash where that is too long for the kernel. */
export function networkBridge({ name, bridge }: Pick<NetworkSpec, 'name' | 'bridge'>): string {
  const derived = `br-${name}`;
  return bridge ?? (Buffer.byteLength(derived) <= INTERFACE_NAME_BYTES ? derived : interfaceName('br-', name));
}

/**
 * The object by which a cluster with Multus knows a network: the list that makes it, of the plugins bridge and host-local. One list serves all nodes, and host-local
 * gives addresses away per node: it has the whole range there, of which two nodes may give the same address (no wire joins them). A lab gives each node a share.
 */
export function networkDefinition(network: NetworkSpec): KubernetesObject {
  const { name, cidr, mtu } = network;
  const config = {
    cniVersion: '1.0.0',
    name,
    plugins: [
      {
        type: 'bridge',
        bridge: networkBridge(network),
        ...(mtu === undefined ? {} : { mtu }),
        ipam: { type: 'host-local', ranges: asList<string>(cidr).map((subnet) => [{ subnet }]) },
      },
    ],
  };
  return {
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name, namespace: NETWORK_NAMESPACE },
    spec: { config: JSON.stringify(config) },
  };
}
