import { cidrSize, formatCidr } from '../cidr.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LabSpec } from '../spec.ts';
import { problem } from './findings.ts';
import { clustersOf, type ClusterView, type PlacedCidr } from './lab-view.ts';

/** Limits of kubeadm: cmd/kubeadm/app/constants/constants.go, names as there. */
const MINIMUM_ADDRESSES_IN_SERVICE_SUBNET = 10n;
const MAXIMUM_BITS_FOR_SERVICE_SUBNET = 20;
const MINIMUM_ADDRESSES_IN_POD_SUBNET = 14n;
const POD_SUBNET_NODE_MASK_MAX_DIFF = 16;

function services({ cidr, path }: PlacedCidr): readonly Diagnostic[] {
  const hostBits = cidr.bits - cidr.prefixLength;
  if (cidrSize(cidr) < MINIMUM_ADDRESSES_IN_SERVICE_SUBNET) {
    return [
      problem(
        'SERVICE_CIDR_TOO_SMALL',
        path,
        `${formatCidr(cidr)} has ${cidrSize(cidr)} addresses; kubeadm asks for ${MINIMUM_ADDRESSES_IN_SERVICE_SUBNET} (the 10th is the cluster's DNS)`,
        `use /${cidr.bits - 4} or larger`,
      ),
    ];
  }
  if (hostBits > MAXIMUM_BITS_FOR_SERVICE_SUBNET) {
    return [
      problem(
        'SERVICE_CIDR_TOO_LARGE',
        path,
        `${formatCidr(cidr)} has ${hostBits} host bits; kubeadm allows ${MAXIMUM_BITS_FOR_SERVICE_SUBNET} for services`,
        `use /${cidr.bits - MAXIMUM_BITS_FOR_SERVICE_SUBNET} or smaller`,
      ),
    ];
  }
  return [];
}

function pods(cluster: ClusterView, { cidr, path }: PlacedCidr): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  if (cidrSize(cidr) < MINIMUM_ADDRESSES_IN_POD_SUBNET) {
    found.push(
      problem(
        'POD_CIDR_BELOW_MINIMUM',
        path,
        `${formatCidr(cidr)} has ${cidrSize(cidr)} addresses; kubeadm asks for ${MINIMUM_ADDRESSES_IN_POD_SUBNET}`,
        `use /${cidr.bits - 4} or larger, better ${cidr.family === 'ipv4' ? '10.244.0.0/16' : 'fd00:10:244::/56'}`,
      ),
    );
  }
  const mask = cluster.nodeMask[cidr.family];
  const maskPath = cluster.spec.nodeMask?.[cidr.family] === undefined ? path : [...cluster.path, 'nodeMask', cidr.family];
  if (mask < cidr.prefixLength) {
    const larger = `use a pod CIDR of /${Math.max(0, mask - 8)}`;
    found.push(
      problem(
        'NODE_MASK_TOO_SHORT',
        maskPath,
        `a node's /${mask} is larger than the pod CIDR ${formatCidr(cidr)}`,
        cidr.prefixLength + 8 > cidr.bits - 2 ? larger : `set nodeMask: { ${cidr.family}: ${cidr.prefixLength + 8} }, or ${larger}`,
      ),
    );
  } else if (mask - cidr.prefixLength > POD_SUBNET_NODE_MASK_MAX_DIFF) {
    found.push(
      problem(
        'NODE_MASK_TOO_LONG',
        maskPath,
        `a node's /${mask} is ${mask - cidr.prefixLength} bits longer than the pod CIDR ${formatCidr(cidr)}; kubeadm allows ${POD_SUBNET_NODE_MASK_MAX_DIFF}`,
        `set nodeMask: { ${cidr.family}: ${cidr.prefixLength + POD_SUBNET_NODE_MASK_MAX_DIFF} } or less, or use a pod CIDR of /${mask - POD_SUBNET_NODE_MASK_MAX_DIFF} or smaller`,
      ),
    );
  }
  return found;
}

/** The sizes that kubeadm accepts: a lab that breaks them could not be a real cluster. */
export function kubeadmLimits(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => [...cluster.serviceCIDRs.flatMap(services), ...cluster.podCIDRs.flatMap((p) => pods(cluster, p))]);
}
