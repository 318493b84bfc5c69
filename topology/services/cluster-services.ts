/** The Services that every cluster has without asking, as the API server and kubeadm write them, and the pod that plays the cluster's DNS. */
import { controllerObjects } from '../ingress/controller.ts';
import type { ClusterSpec, KubernetesObject } from '../spec.ts';
import { lowerWorkloads, podLabels } from '../workloads.ts';

/** Port of the API server on control planes. */
export const API_PORT = 6443;

/** Label by which the cluster's DNS is found. */
export const DNS_LABEL = { 'k8s-app': 'kube-dns' } as const;

/** Index of the cluster DNS's address in the service CIDR: kubeadm, cmd/kubeadm/app/constants GetDNSIP. */
export const DNS_INDEX = 10;

/** A Service of the core API: other groups have kinds of that name, too. */
export const isService = (object: KubernetesObject): boolean => object.kind === 'Service' && object.apiVersion === 'v1';
const isNamed = (object: KubernetesObject, namespace: string, name: string): boolean =>
  isService(object) && (object.metadata.namespace ?? 'default') === namespace && object.metadata.name === name;
export const isApiService = (object: KubernetesObject): boolean => isNamed(object, 'default', 'kubernetes');
export const isDnsService = (object: KubernetesObject): boolean => isNamed(object, 'kube-system', 'kube-dns');

/** The cluster DNS among the Services of a cluster: kube-system/kube-dns. */
export const isClusterDns = ({ namespace, name }: { readonly namespace: string; readonly name: string }): boolean =>
  namespace === 'kube-system' && name === 'kube-dns';

/** default/kubernetes. It selects no pods: the API server writes its endpoints. */
export const API_SERVICE: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
  spec: { ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: API_PORT }] },
};

/** kube-system/kube-dns. */
export const DNS_SERVICE: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { ...DNS_LABEL, 'kubernetes.io/name': 'CoreDNS' } },
  spec: {
    selector: { ...DNS_LABEL },
    ports: [
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
      { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 53 },
      { name: 'metrics', protocol: 'TCP', port: 9153, targetPort: 9153 },
    ],
  },
};

/** A Deployment that plays the cluster's DNS where no pod of the author's does: one pod, on that node. */
function dnsDeployment(name: string, node: string): KubernetesObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'kube-system', labels: { ...DNS_LABEL } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { ...DNS_LABEL } },
      template: {
        metadata: { labels: { ...DNS_LABEL } },
        spec: {
          nodeName: node,
          dnsPolicy: 'Default',
          containers: [
            {
              name: 'coredns',
              ports: [
                { name: 'dns', containerPort: 53, protocol: 'UDP' },
                { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
                { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
              ],
            },
          ],
        },
      },
    },
  };
}

/** Has a cluster DNS: as it says, else exactly when there are Services among its objects. */
export function hasDns(cluster: ClusterSpec): boolean {
  return cluster.dns === undefined ? (cluster.objects ?? []).some(isService) : cluster.dns !== false;
}

/** Names of the Deployments of the cluster's DNS: a second server renames nobody. */
function dnsNames({ dns }: ClusterSpec): readonly string[] {
  const replicas = typeof dns === 'object' ? dns.replicas : 1;
  return Array.from({ length: replicas }, (_, index) => (index === 0 ? 'coredns' : `coredns-${index + 1}`));
}

/**
 * The objects from which a cluster's pods are made: those of its author, and behind them the Deployments of the DNS, from the first node on, where the cluster
 * has DNS and no pod of the author's in kube-system plays it, and that of the Ingress controller likewise. What is added is no object of the lab: real clusters
 * bring their own.
 */
export function podObjects(cluster: ClusterSpec, nodes: readonly string[]): readonly KubernetesObject[] {
  const objects = lowerWorkloads(cluster);
  const plays = (object: KubernetesObject): boolean => object.metadata.namespace === 'kube-system' && podLabels(object)['k8s-app'] === DNS_LABEL['k8s-app'];
  const controllers = controllerObjects(objects);
  if (!hasDns(cluster) || objects.some(plays)) return [...objects, ...controllers];
  const servers = dnsNames(cluster).flatMap((name, index) => {
    const node = nodes[index % nodes.length];
    return node === undefined ? [] : [dnsDeployment(name, node)];
  });
  return [...objects, ...servers, ...controllers];
}
