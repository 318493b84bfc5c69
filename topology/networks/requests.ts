/**
 * How pods ask for second networks: by an annotation, as the Network Plumbing Working Group's de-facto standard has it and Multus reads it
 * (Kubernetes Network Custom Resource Definition De-facto Standard, 4.1: https://github.com/k8snetworkplumbingwg/multi-net-spec).
 */
import { labelsOf, recordOf, type Json } from '../json.ts';

/** Of a pod or of its template: names of networks with commas between, for net1, net2, … in this order. */
export const NETWORKS_ANNOTATION = 'k8s.v1.cni.cncf.io/networks';

/** Where the NetworkAttachmentDefinitions of a lab's networks stand. A name without a namespace is looked for in the pod's own. */
export const NETWORK_NAMESPACE = 'default';

/** One network that a pod asks for. */
export interface NetworkRequest {
  /** As written. */
  readonly text: string;
  readonly namespace: string;
  readonly name: string;
}

/** The networks that the template of a pod asks for; null where it does so in the JSON form, which is not taken. */
export function networkRequests(template: Json, namespace: string): readonly NetworkRequest[] | null {
  const written = (labelsOf(recordOf(template['metadata'])['annotations'])[NETWORKS_ANNOTATION] ?? '').trim();
  if (written === '') return [];
  if (/^[[{]/.test(written)) return null;
  return written.split(',').map((item) => {
    const text = item.trim();
    const slash = text.indexOf('/');
    return slash === -1 ? { text, namespace, name: text } : { text, namespace: text.slice(0, slash), name: text.slice(slash + 1) };
  });
}

/** Names of the lab's own networks among those that the template asks for. */
export function networksAsked(template: Json, namespace: string): readonly string[] {
  return (networkRequests(template, namespace) ?? []).filter((request) => request.namespace === NETWORK_NAMESPACE).map(({ name }) => name);
}

/** The annotation by which pods of a namespace ask for networks of the lab; none where they ask for none. */
export function networksAnnotation(networks: readonly string[], namespace: string): Readonly<Record<string, string>> {
  const name = (network: string): string => (namespace === NETWORK_NAMESPACE ? network : `${NETWORK_NAMESPACE}/${network}`);
  return networks.length === 0 ? {} : { [NETWORKS_ANNOTATION]: networks.map(name).join(', ') };
}
