/** What engine vm cannot change in a running lab. */
import type { FixedParts } from '../kubernetes/replace-reasons.ts';

export const FIXED_PARTS: FixedParts = {
  clusters: [
    { of: ({ nodeImage }) => nodeImage, why: ({ name }) => `the disk of cluster ${name}: machines are layers over it` },
    { of: ({ portMappings }) => portMappings, why: ({ name }) => `the port mappings of cluster ${name}: QEMU is started with them` },
  ],
  nodes: [
    { of: ({ labels }) => labels, why: ({ id }) => `the labels of node ${id}: they are given when the node joins` },
    { of: ({ interfaces }) => interfaces, why: ({ id }) => `the address of node ${id}: kubeadm writes it into certificates` },
  ],
  clusterList: 'engine vm keeps the clusters that a lab was created with',
  nodeList: 'engine vm keeps the machines that a lab was created with',
};
