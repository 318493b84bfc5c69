import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { bareHosts } from './bare-hosts.ts';
import { cidrOverlap } from './cidr-overlap.ts';
import { cidrReserved } from './cidr-reserved.ts';
import { cidrSyntax } from './cidr-syntax.ts';
import { cniFamilies } from './cni-families.ts';
import { cniOptions } from './cni-options.ts';
import { cniRelease } from './cni-release.ts';
import { docker } from './docker.ts';
import { dualStackPairing } from './dual-stack-pairing.ts';
import { gatewayIsNetworkAddress } from './gateway-is-network-address.ts';
import { hostAddresses } from './host-addresses.ts';
import { hostNames } from './host-names.ts';
import { hostPorts } from './host-ports.ts';
import { ingresses } from './ingresses.ts';
import { kubeProxy } from './kube-proxy.ts';
import { kubeadmLimits } from './kubeadm-limits.ts';
import { kubernetesVersion } from './kubernetes-version.ts';
import { labForm } from './lab-form.ts';
import { labels } from './labels.ts';
import { lesson } from './lesson.ts';
import { mtu } from './mtu.ts';
import { namesUnique } from './names-unique.ts';
import { names } from './names.ts';
import { networks } from './networks.ts';
import { nextHopOnLink } from './next-hop-on-link.ts';
import { nodesCounts } from './nodes-counts.ts';
import { objects } from './objects.ts';
import { nodePorts } from './node-ports.ts';
import { podCidrCapacity } from './pod-cidr-capacity.ts';
import { podDns } from './pod-dns.ts';
import { policySupport } from './policy-support.ts';
import { rawConflist } from './raw-conflist.ts';
import { references } from './references.ts';
import { schedulable } from './schedulable.ts';
import { serviceAddresses } from './service-addresses.ts';
import { serviceContainsNode } from './service-contains-node.ts';
import { serviceEndpoints } from './service-endpoints.ts';
import { services } from './services.ts';
import { weave } from './weave.ts';

/**
 * One thing that must hold in a lab whose shape is right. Pure, and forgiving: what another rule reports (a text that is no CIDR, a name that is
 * unknown) it passes over.
 */
export type Rule = (spec: LabSpec) => readonly Diagnostic[];

/** Every rule, in the order in which its findings are told. A new rule is a file, a line here, and a good and a bad row in its test. */
export const rules: Readonly<Record<RuleName, Rule>> = {
  'lab-form': labForm,
  names,
  'names-unique': namesUnique,
  labels,
  'cidr-syntax': cidrSyntax,
  'cidr-reserved': cidrReserved,
  'dual-stack-pairing': dualStackPairing,
  'cidr-overlap': cidrOverlap,
  'service-contains-node': serviceContainsNode,
  'kubeadm-limits': kubeadmLimits,
  'nodes-counts': nodesCounts,
  schedulable,
  'pod-cidr-capacity': podCidrCapacity,
  references,
  'next-hop-on-link': nextHopOnLink,
  'gateway-is-network-address': gatewayIsNetworkAddress,
  'host-addresses': hostAddresses,
  docker,
  'bare-hosts': bareHosts,
  'host-names': hostNames,
  mtu,
  'cni-families': cniFamilies,
  'cni-options': cniOptions,
  'cni-release': cniRelease,
  weave,
  'raw-conflist': rawConflist,
  'kubernetes-version': kubernetesVersion,
  'kube-proxy': kubeProxy,
  'policy-support': policySupport,
  objects,
  'host-ports': hostPorts,
  services,
  'service-addresses': serviceAddresses,
  'node-ports': nodePorts,
  'service-endpoints': serviceEndpoints,
  ingresses,
  'pod-dns': podDns,
  networks,
  lesson,
};

export type RuleName =
  | 'lab-form'
  | 'names'
  | 'names-unique'
  | 'labels'
  | 'cidr-syntax'
  | 'cidr-reserved'
  | 'dual-stack-pairing'
  | 'cidr-overlap'
  | 'service-contains-node'
  | 'kubeadm-limits'
  | 'nodes-counts'
  | 'schedulable'
  | 'pod-cidr-capacity'
  | 'references'
  | 'next-hop-on-link'
  | 'gateway-is-network-address'
  | 'host-addresses'
  | 'docker'
  | 'bare-hosts'
  | 'host-names'
  | 'mtu'
  | 'cni-families'
  | 'cni-options'
  | 'cni-release'
  | 'weave'
  | 'raw-conflist'
  | 'kubernetes-version'
  | 'kube-proxy'
  | 'policy-support'
  | 'objects'
  | 'host-ports'
  | 'services'
  | 'service-addresses'
  | 'node-ports'
  | 'service-endpoints'
  | 'ingresses'
  | 'pod-dns'
  | 'networks'
  | 'lesson';
