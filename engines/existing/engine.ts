/** A cluster that cnilab did not make: reached by its kubeconfig, verified, and left as it was. */
import { access, constants } from 'node:fs/promises';
import { LabError } from '../../topology/errors.ts';
import { kubectlFor, type KubectlDeps } from '../kubernetes/kubectl.ts';
import type { FidelityStatement, KubernetesAccess } from '../port.ts';

export interface ExistingInput {
  /** Path of a kubeconfig file; null: what kubectl finds by itself (KUBECONFIG, ~/.kube/config, a service account). */
  readonly kubeconfig: string | null;
  /** null: the file's current one. */
  readonly context: string | null;
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly { readonly name: string }[] | null;
}

/**
 * The access of a kubeconfig. Reads the file by kubectl and asks no cluster.
 *
 * @throws {LabError} KUBECONFIG_INVALID when the file is not there or is none, or has no such context: the ones it has are listed
 * @throws {LabError} what kubectl throws
 */
export async function existingAccess(input: ExistingInput, deps?: KubectlDeps): Promise<KubernetesAccess> {
  const { kubeconfig } = input;
  const file = kubeconfig ?? 'the kubeconfig of kubectl';
  if (kubeconfig !== null) {
    await access(kubeconfig, constants.R_OK).catch((cause: unknown) => {
      throw invalid(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, 'name a kubeconfig file by --kubeconfig');
    });
  }
  const kubectl = kubectlFor({ cluster: file, kubeconfig, context: null, onNode: null }, deps);
  const result = await kubectl.run(['config', 'view', '--output=json']);
  if (result.exitCode !== 0) throw invalid(`${file}: ${result.stderr.trim().replace(/^error: /, '')}`, 'name a kubeconfig file by --kubeconfig');
  const config = JSON.parse(result.stdout) as Kubeconfig;
  const contexts = (config.contexts ?? []).map((one) => one.name);
  const wanted = input.context ?? config['current-context'] ?? '';
  // Inside a pod there is no file, and kubectl uses the pod's service account.
  if (kubeconfig === null && input.context === null && contexts.length === 0) return { cluster: 'cluster', kubeconfig, context: null, onNode: null };
  if (!contexts.includes(wanted)) {
    const known = contexts.length === 0 ? 'it has no context at all' : `it has ${contexts.join(', ')}`;
    throw invalid(
      wanted === '' ? `${file} has no current context; ${known}` : `${file} has no context "${wanted}"; ${known}`,
      contexts.length === 0 ? 'name another kubeconfig file by --kubeconfig' : `choose one: --context ${contexts[0] ?? ''}`,
    );
  }
  return { cluster: wanted, kubeconfig, context: wanted, onNode: null };
}

/** What a verification of a cluster that was found shows and does not show. */
export function existingFidelity(): FidelityStatement {
  return {
    engine: 'existing',
    real: ['everything: the cluster is probed as it is, by pods and host-network pods on every node'],
    sameMechanism: [],
    absent: [
      'nodes are not entered: connection tracking is not read, so a translation that two nodes undo for each other is not seen',
      'ICMP, and datagrams of chosen sizes: Jobs send neither',
    ],
  };
}

function invalid(message: string, hint: string): LabError {
  return new LabError({ code: 'KUBECONFIG_INVALID', message, hint });
}
