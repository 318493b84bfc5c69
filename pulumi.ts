/**
 * `cnilab/pulumi`: labs in Pulumi programs. Needs @pulumi/pulumi, and for the manifests of labs with an API server @pulumi/kubernetes; nothing else of this package
 * does.
 *
 * @example
 * ```ts
 * import { LabCluster } from 'cnilab/pulumi';
 *
 * const lab = new LabCluster('flannel', { lab: 'labs/flannel-vxlan.ts' });
 * export const { nodeAddresses, podCIDRs } = lab;
 * ```
 */
export { LabCluster, type LabClusterArgs } from './pulumi/lab-cluster.ts';
export { Verification, type VerificationArgs } from './pulumi/verification.ts';
export type { LabClusterFacts, LabNode, VerificationOptions } from './pulumi/inputs.ts';
export type { Report } from './verify/report.ts';
