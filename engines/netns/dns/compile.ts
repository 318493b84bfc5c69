/** The DNS servers of a cluster: one in each pod that plays its DNS. */
import type { ClusterPlan, LabPlan, PodPlan } from '../../../topology/plan.ts';
import { DNS_LABEL, isClusterDns } from '../../../topology/services/cluster-services.ts';
import { nodeResolvConf } from '../../../topology/services/resolv-conf.ts';
import type { CompileOptions } from '../compile-options.ts';
import type { Op } from '../ops.ts';
import { coreDnsFiles, type ConfigFiles } from './corefile.ts';
import { dnsmasqFiles } from './dnsmasq-config.ts';
import { servedZone, type ServedZone } from './zone.ts';

/** A program of this machine that serves DNS. */
export interface DnsServer {
  readonly kind: 'coredns' | 'dnsmasq';
  /** Path, or a name to be searched in PATH. */
  readonly program: string;
}

export const DNS_SERVERS: Readonly<
  Record<
    DnsServer['kind'],
    {
      readonly files: (zone: ServedZone, folder: string) => ConfigFiles;
      readonly argv: (program: string, folder: string, rootless: boolean) => readonly string[];
    }
  >
> = {
  coredns: { files: coreDnsFiles, argv: (program, folder) => [program, '-conf', `${folder}/Corefile`] },
  dnsmasq: {
    files: dnsmasqFiles,
    // As (mapped) root it would set its groups, which a user namespace with one of each id refuses; within another one it is not root.
    argv: (program, folder, rootless) => [...(rootless ? ['unshare', '-U'] : []), program, '-k', '--pid-file=', '-C', `${folder}/dnsmasq.conf`],
  },
};

/** The pods that answer for kube-dns: those of kube-system with its label, in a cluster that has that Service. */
export function dnsPods(cluster: ClusterPlan): readonly PodPlan[] {
  if (!cluster.services.some(isClusterDns)) return [];
  return cluster.pods.filter((pod) => pod.namespace === 'kube-system' && pod.labels['k8s-app'] === DNS_LABEL['k8s-app']);
}

/** For a server that is not root: pods' runtimes let everybody have port 53 anyway. */
export function unprivilegedPorts(ns: string): Op[] {
  return [{ op: 'sysctl', ns, key: 'net/ipv4/ip_unprivileged_port_start', value: '0' }];
}

export function dnsOps(plan: LabPlan, options: CompileOptions): Op[] {
  const { kind, program } = options.dnsServer ?? { kind: 'coredns', program: 'coredns' };
  const rootless = options.rootless ?? false;
  const forwarders = nodeResolvConf(plan).nameservers;
  return plan.clusters.flatMap((cluster) => {
    const places = [...new Set(dnsPods(cluster).map((pod) => pod.netns))];
    if (places.length === 0) return [];
    const zone = servedZone(cluster, forwarders);
    return places.flatMap((ns): Op[] => {
      const folder = `/run/cnilab/dns/${ns}`;
      return [
        ...(rootless && kind === 'dnsmasq' ? unprivilegedPorts(ns) : []),
        { op: 'dns', ns, kind, folder, files: DNS_SERVERS[kind].files(zone, folder), argv: DNS_SERVERS[kind].argv(program, folder, rootless) },
      ];
    });
  });
}
