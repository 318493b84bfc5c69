import { LabError } from '../../../topology/errors.ts';
import type { ConfigMap } from '../kubernetes-types.ts';
import { ownerLabels, type Owner } from './labels.ts';
import { CONFIG_MAP_BYTES } from './targets.ts';

/** What one Job asks. */
export interface CallsFile {
  readonly requirement: 'r1' | 'r2';
  /** Of its node. */
  readonly index: number;
  readonly text: string;
}

/**
 * What Jobs ask besides of the network: Services, names, pods of the lab. What most Jobs of a requirement ask is written once, as
 * `r1`; others have files by requirement and index of the node: `r1-0`.
 *
 * @throws {LabError} ENGINE_UNSUPPORTED when it is more than fits into one ConfigMap
 */
export function callsConfigMap(input: Owner & { readonly files: readonly CallsFile[] }): ConfigMap {
  const data = shared(input.files);
  const bytes = Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > CONFIG_MAP_BYTES) {
    throw new LabError({
      code: 'ENGINE_UNSUPPORTED',
      message: `what is asked of Services and names takes ${bytes} bytes, and a ConfigMap has room for ${CONFIG_MAP_BYTES}`,
      hint: 'choose fewer suites by --suite, or fewer checks by --only',
    });
  }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'calls', namespace: input.namespace, labels: ownerLabels(input) }, data };
}

/** In a large cluster all nodes ask the same but for one or two. */
function shared(files: readonly CallsFile[]): Readonly<Record<string, string>> {
  const data: Record<string, string> = {};
  for (const requirement of ['r1', 'r2'] as const) {
    const own = files.filter((file) => file.requirement === requirement);
    const counts = new Map<string, number>();
    for (const { text } of own) counts.set(text, (counts.get(text) ?? 0) + 1);
    const [common = ''] = [...counts].toSorted((a, b) => b[1] - a[1])[0] ?? [];
    if (common !== '') data[requirement] = common;
    for (const { index, text } of own) if (text !== common) data[`${requirement}-${index}`] = text;
  }
  return data;
}
