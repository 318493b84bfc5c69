import type { ClusterPlan, PodPlan } from '../plan.ts';

/** Before a pod's own lines; the addresses are those that kubelet writes. */
const EVERY_POD = [
  ['127.0.0.1', 'localhost'],
  ['::1', 'localhost', 'ip6-localhost', 'ip6-loopback'],
  ['fe00::0', 'ip6-localnet'],
  ['fe00::0', 'ip6-mcastprefix'],
  ['fe00::1', 'ip6-allnodes'],
  ['fe00::2', 'ip6-allrouters'],
] as const;

/**
 * /etc/hosts of a pod with a network of its own, as kubelet keeps it (pkg/kubelet, managedHostsFileContent; https://kubernetes.io/docs/tasks/network/customize-hosts-file-for-pods/):
 * the loopback, its addresses with its name, and its hostAliases.
 */
export function formatHosts(pod: PodPlan, { dnsDomain }: Pick<ClusterPlan, 'dnsDomain'>): string {
  const name = pod.hostname === '' ? pod.name : pod.hostname;
  const names = pod.subdomain === '' ? [name] : [`${name}.${pod.subdomain}.${pod.namespace}.svc.${dnsDomain}`, name];
  const aliases = pod.hostAliases ?? [];
  return [
    '# Kubernetes-managed hosts file.',
    ...EVERY_POD.map((line) => line.join('\t')),
    ...(pod.interface?.addresses ?? []).map(({ address }) => [address, ...names].join('\t')),
    ...(aliases.length === 0 ? [] : ['', '# Entries added by HostAliases.', ...aliases.map(({ ip, hostnames }) => [ip, ...hostnames].join('\t'))]),
    '',
  ].join('\n');
}
