import type { Diagnostic } from '../topology/diagnostic.ts';
import type { LabSpec } from '../topology/spec.ts';
import type { LoadedLab } from './load-lab.ts';

/** What only code may ask for: a YAML or JSON lab is data, safe to take from strangers, and names no programs to run. */
export function dataFindings(spec: LabSpec, kind: LoadedLab['kind']): readonly Diagnostic[] {
  if (kind === 'typescript') return [];
  return (spec.clusters ?? []).flatMap((cluster, index): Diagnostic[] => {
    if (cluster.cni.type !== 'raw' || cluster.cni.pluginDirs === undefined) return [];
    return [
      {
        severity: 'error',
        code: 'RAW_PLUGIN_IN_YAML',
        path: ['clusters', index, 'cni', 'pluginDirs'],
        message: `a ${kind === 'yaml' ? 'YAML' : 'JSON'} lab is data and cannot name folders of programs to run: ${cluster.cni.pluginDirs.join(', ')}`,
        hint: 'put the plugin into a folder of CNI_PATH and remove the field, or write the lab in TypeScript',
      },
    ];
  });
}
