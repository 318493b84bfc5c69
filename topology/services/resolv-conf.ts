import type { ClusterPlan, DnsConfigPlan, LabPlan, PodPlan } from '../plan.ts';
import { isClusterDns } from './cluster-services.ts';

/** What stands in /etc/resolv.conf. */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  /** `ndots:5`. */
  readonly options: readonly string[];
}

const EMPTY: ResolvConf = { nameservers: [], search: [], options: [] };

/** Limits of kubelet: pkg/apis/core/validation, MaxDNSNameservers and MaxDNSSearchPaths. */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;

/** resolv.conf of the nodes of a lab: the hosts that play resolvers, and nothing where there are none. */
export function nodeResolvConf(plan: Pick<LabPlan, 'machines'>): ResolvConf {
  const resolvers = plan.machines.filter((machine) => machine.role === 'resolver');
  return {
    ...EMPTY,
    nameservers: resolvers.flatMap((machine) => machine.interfaces.flatMap((face) => face.addresses.map((has) => has.address))).slice(0, MAX_NAMESERVERS),
  };
}

/**
 * What a pod's dnsPolicy comes to: a pod in its node's network that asks for ClusterFirst gets its node's resolver, and so does everybody in a cluster
 * without a DNS Service.
 */
function source(pod: PodPlan, dns: readonly string[]): 'cluster' | 'node' | 'none' {
  if (pod.dnsPolicy === 'None') return 'none';
  const cluster = pod.dnsPolicy === 'ClusterFirstWithHostNet' || (pod.dnsPolicy === 'ClusterFirst' && !pod.hostNetwork);
  return cluster && dns.length > 0 ? 'cluster' : 'node';
}

/** dnsConfig on top: its servers and search domains behind, its options in place of those of the same name. */
function withConfig(base: ResolvConf, config: DnsConfigPlan): ResolvConf {
  const options = new Map(base.options.map((option) => [option.split(':')[0] ?? option, option]));
  for (const { name, value } of config.options) options.set(name, value === '' ? name : `${name}:${value}`);
  return {
    nameservers: [...new Set([...base.nameservers, ...config.nameservers])].slice(0, MAX_NAMESERVERS),
    search: [...new Set([...base.search, ...config.searches])].slice(0, MAX_SEARCHES),
    options: [...options.values()],
  };
}

/**
 * The resolv.conf of a pod, as kubelet makes it of dnsPolicy and dnsConfig (pkg/kubelet/network/dns): ClusterFirst asks the cluster's DNS and puts
 * `NAMESPACE.svc.DOMAIN svc.DOMAIN DOMAIN` before the node's own search list, with ndots:5.
 *
 * @param node resolv.conf of its node, see {@link nodeResolvConf}
 */
export function resolvConf(pod: PodPlan, cluster: Pick<ClusterPlan, 'dnsDomain' | 'services'>, node: ResolvConf = EMPTY): ResolvConf {
  const dns = cluster.services.find(isClusterDns)?.clusterIPs ?? [];
  const { dnsDomain: domain } = cluster;
  const bases: Readonly<Record<ReturnType<typeof source>, ResolvConf>> = {
    cluster: { nameservers: dns, search: [`${pod.namespace}.svc.${domain}`, `svc.${domain}`, domain, ...node.search], options: ['ndots:5'] },
    node,
    none: EMPTY,
  };
  return withConfig(bases[source(pod, dns)], pod.dnsConfig);
}

/** The text of the file, in the order in which container runtimes write it. */
export function formatResolvConf({ nameservers, search, options }: ResolvConf): string {
  return [
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...nameservers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
    '',
  ].join('\n');
}
