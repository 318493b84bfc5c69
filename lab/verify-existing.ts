import type { Leftovers } from '../engines/kubernetes/namespaces.ts';
import type { Capability, KubernetesAccess } from '../engines/port.ts';
import type { VerifyOptions } from '../verify/options.ts';
import type { Report } from '../verify/report.ts';

/** A cluster that this package did not make. */
export interface ExistingCluster {
  /** Path of a kubeconfig file. @default what kubectl finds: $KUBECONFIG, ~/.kube/config */
  readonly kubeconfig?: string;
  /** @default the current one */
  readonly context?: string;
}

export interface VerifyExistingOptions extends VerifyOptions {
  /** Image of the probes: agnhost, or a copy of it that the cluster can pull. @default registry.k8s.io/e2e-test-images/agnhost */
  readonly image?: string;
}

async function accessOf(cluster: ExistingCluster): Promise<KubernetesAccess> {
  const { existingAccess } = await import('../engines/existing/engine.ts');
  return await existingAccess({ kubeconfig: cluster.kubeconfig ?? null, context: cluster.context ?? null });
}

/**
 * What any cluster says of its nodes: kubelets, and where each finds its container runtime. Creates nothing.
 *
 * @throws {LabError} KUBECONFIG_INVALID, CLUSTER_UNREACHABLE, FORBIDDEN_BY_CLUSTER for the nodes
 */
export async function examineExisting(cluster: ExistingCluster): Promise<readonly Capability[]> {
  const [access, { examineNodes }] = await Promise.all([accessOf(cluster), import('../engines/existing/examine-nodes.ts')]);
  return await examineNodes(access);
}

/**
 * Verifies any cluster, from inside and by its API alone. Creates one namespace and removes it.
 *
 * @throws {LabError} KUBECONFIG_INVALID, CLUSTER_UNREACHABLE, FORBIDDEN_BY_CLUSTER with the rules to grant, NOT_READY, CLEANUP_FAILED, INTERRUPTED
 */
export async function verifyExisting(cluster: ExistingCluster, options: VerifyExistingOptions = {}): Promise<Report> {
  const [access, { existingFidelity }, { verifyInCluster }] = await Promise.all([
    accessOf(cluster),
    import('../engines/existing/engine.ts'),
    import('./verify-in-cluster.ts'),
  ]);
  const { image, ...judged } = options;
  return await verifyInCluster(
    { lab: access.cluster, engine: 'existing', fidelity: existingFidelity, accesses: [access], plan: null, ...(image === undefined ? {} : { image }) },
    judged,
  );
}

/**
 * Removes what verifications left that were killed, and proves that it is gone. One whose deadline is ahead may still run, and is left.
 *
 * @param options `force` removes those as well
 * @returns the namespaces that were removed, and those that were left
 * @throws {LabError} as {@link verifyExisting}
 */
export async function removeLeftovers(cluster: ExistingCluster, options: { readonly force?: boolean } = {}): Promise<Leftovers> {
  const [access, { kubectlFor }, namespaces] = await Promise.all([
    accessOf(cluster),
    import('../engines/kubernetes/kubectl.ts'),
    import('../engines/kubernetes/namespaces.ts'),
  ]);
  return await namespaces.removeLeftovers(kubectlFor(access), options);
}
