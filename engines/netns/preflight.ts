/** The part of `doctor` that `up` does before it touches anything: only what can be seen in a few file look-ups. Kernel features are found by using them. */
import { existsSync } from 'node:fs';
import { EnvironmentError } from '../../topology/errors.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { findPlugin, findProgram, pluginFolders } from '../executables.ts';
import { findBird, findDnsmasq, findDnsServer, findNginx } from './find-servers.ts';
import { canOpenTun, kernelHasIpvs, TUN_FILE } from './kernel-feature.ts';
import { planNeeds } from './plan-needs.ts';
import { REMEDIES } from './remedies.ts';
import { ownedByFirstUsers } from './user-namespaces.ts';

interface Lack {
  readonly what: string;
  readonly remedy: string;
}

/** @throws EnvironmentError that names everything the plan needs and this machine lacks */
export function preflight(plan: LabPlan, sourceDirectory: string): void {
  const lacks =
    process.platform === 'linux'
      ? lacksOf(plan, sourceDirectory)
      : [{ what: `a Linux kernel (this is ${process.platform})`, remedy: REMEDIES.linux(process.platform) }];
  if (lacks.length === 0) return;
  throw new EnvironmentError({
    code: 'ENVIRONMENT_LACKS',
    message: `lab ${plan.name} needs what this machine lacks: ${lacks.map((lack) => lack.what).join('; ')}`,
    hint: [...new Set(lacks.map((lack) => lack.remedy))].join('\n'),
    details: { lacks },
  });
}

function lacksOf(plan: LabPlan, sourceDirectory: string): Lack[] {
  const needs = planNeeds(plan, sourceDirectory);
  const programs: readonly (readonly [name: string, found: string | null, remedy: string])[] = [
    ['unshare and nsenter', findProgram(['unshare']) && findProgram(['nsenter']), REMEDIES.utilLinux],
    ['bash', findProgram(['bash']), REMEDIES.bash],
    ...(needs.filters.includes('ipv4') ? [['iptables-restore', findProgram(['iptables-nft-restore', 'iptables-restore']), REMEDIES.iptables] as const] : []),
    ...(needs.filters.includes('ipv6') ? [['ip6tables-restore', findProgram(['ip6tables-nft-restore', 'ip6tables-restore']), REMEDIES.iptables] as const] : []),
    ...(needs.nft ? [['nft', findProgram(['nft']), REMEDIES.nftables] as const] : []),
    ...needs.bridgedPolicies.map(
      (cluster) =>
        [
          `br_netfilter (NetworkPolicies of cluster ${cluster}, whose pods share a bridge)`,
          existsSync('/proc/sys/net/bridge') ? '' : null,
          REMEDIES.bridgeNetfilter,
        ] as const,
    ),
    ...needs.ipvs.flatMap((cluster) => [
      [`ip_vs in the kernel (kube-proxy mode ipvs of cluster ${cluster})`, kernelHasIpvs() ? '' : null, REMEDIES.ipvs] as const,
      [
        `root (kube-proxy mode ipvs of cluster ${cluster}; its settings net.ipv4.vs are hidden otherwise)`,
        ownedByFirstUsers() ? '' : null,
        REMEDIES.ipvsRoot,
      ] as const,
      ['ipvsadm', findProgram(['ipvsadm']), REMEDIES.ipvsTools] as const,
      ['ipset', findProgram(['ipset']), REMEDIES.ipvsTools] as const,
    ]),
    ...needs.dns.map(
      (cluster) => [`CoreDNS or dnsmasq (DNS of cluster ${cluster}; \`dns: false\` does without)`, findDnsServer()?.program ?? null, REMEDIES.dns] as const,
    ),
    ...(needs.hostDns.length > 0 ? [[`dnsmasq (zones of ${needs.hostDns.join(', ')})`, findDnsmasq(), REMEDIES.dnsmasq] as const] : []),
    ...needs.containerDns.map((host) => [`CoreDNS or dnsmasq (names of the containers on ${host})`, findDnsServer()?.program ?? null, REMEDIES.dns] as const),
    ...needs.ingress.map((cluster) => [`nginx (Ingresses of cluster ${cluster})`, findNginx(), REMEDIES.nginx] as const),
    ...(needs.tun ? [[`${TUN_FILE} (flannel with backend udp)`, canOpenTun() ? '' : null, REMEDIES.tun] as const] : []),
    ...(needs.bird ? [['BIRD 2 (calico without encapsulation)', findBird(), REMEDIES.bird] as const] : []),
  ];
  return [
    ...programs.filter(([, found]) => found === null).map(([what, , remedy]) => ({ what, remedy })),
    ...needs.plugins
      .filter(({ name, folders }) => findPlugin(name, folders) === null)
      .map(({ name, folders, neededBy }) => ({
        what: `CNI plugin ${name} (${neededBy}; looked in ${pluginFolders(folders).join(', ')})`,
        remedy: REMEDIES.plugins,
      })),
  ];
}
