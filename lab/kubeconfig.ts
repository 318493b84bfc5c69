import { readFile } from 'node:fs/promises';
import { LabError } from '../topology/errors.ts';
import { loadEngine, type LoadEngine } from './load-engine.ts';
import { readLab } from './read.ts';
import { requireUp, TO_BE_LOOKED_AT } from './require-up.ts';

export interface KubeconfigOptions {
  /** Name of the cluster. @default the lab's only one */
  readonly cluster?: string;
  /** @default the engines of this package */
  readonly loadEngine?: LoadEngine;
}

export interface Kubeconfig {
  readonly cluster: string;
  /** Context of the cluster in the text. */
  readonly context: string | null;
  readonly text: string;
}

/**
 * The kubeconfig of a cluster of a lab that runs, or that failed and was kept, with the credentials of an administrator.
 *
 * @throws LabError LAB_UNKNOWN, LAB_LOST, also when the file is gone; ENGINE_UNSUPPORTED where clusters have no API; TARGET_UNKNOWN listing the clusters
 */
export async function kubeconfigOf(name: string, { cluster, loadEngine: load = loadEngine }: KubeconfigOptions = {}): Promise<Kubeconfig> {
  const lab = await readLab(name, { loadEngine: load });
  const handle = requireUp(lab, TO_BE_LOOKED_AT);
  const engine = await load(lab.engine);
  const accesses = engine.kubernetes(handle, lab.plan);
  if (accesses === null) {
    throw new LabError({
      code: 'ENGINE_UNSUPPORTED',
      message: `lab ${name} runs on engine ${engine.name}, whose clusters have no API server`,
      hint: `\`cnilab exec ${name} NODE -- COMMAND\` looks at it; engine kind has real clusters`,
    });
  }
  const found = cluster === undefined && accesses.length === 1 ? accesses[0] : accesses.find((access) => access.cluster === cluster);
  if (found === undefined || found.kubeconfig === null) {
    const names = accesses.map((access) => access.cluster);
    throw new LabError({
      code: 'TARGET_UNKNOWN',
      message: cluster === undefined ? `lab ${name} has ${names.length} clusters` : `lab ${name} has no cluster ${JSON.stringify(cluster)}`,
      hint: `say which: --cluster ${names.join(' | ')}`,
      details: { candidates: names },
    });
  }
  return { cluster: found.cluster, context: found.context, text: await textOf(found.kubeconfig, name, found.cluster) };
}

async function textOf(file: string, lab: string, cluster: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new LabError({
      code: 'LAB_LOST',
      message: `the kubeconfig of cluster ${cluster} of lab ${lab} cannot be read: ${(cause as Error).message}`,
      hint: `\`cnilab down ${lab}\` cleans up, \`cnilab up\` rebuilds it`,
      details: { file },
      cause,
    });
  }
}
