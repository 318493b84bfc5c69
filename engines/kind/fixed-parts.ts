/** What kind cannot change in a running lab. */
import type { FixedParts } from '../kubernetes/replace-reasons.ts';

export const FIXED_PARTS: FixedParts = {
  clusters: [
    { of: ({ nodeImage }) => nodeImage, why: ({ name }) => `the node image of cluster ${name}: kind cannot give another to a running node` },
    { of: ({ portMappings }) => portMappings, why: ({ name }) => `the port mappings of cluster ${name}: the ports of a running container are fixed` },
  ],
  nodes: [{ of: ({ labels }) => labels, why: ({ id }) => `the labels of node ${id}: kind gives them when it creates the node` }],
  clusterList: 'a lab on kind keeps the clusters that it was created with',
  nodeList: 'kind cannot add nodes to a running cluster, nor remove them',
};
