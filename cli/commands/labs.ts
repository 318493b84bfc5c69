import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { table } from '../../report/layout.ts';
import type { LabSpec } from '../../topology/spec.ts';
import { usageError, type Invocation, type RunCommand } from '../invocation.ts';
import { shortPath } from '../output.ts';
import { loadLimit } from './open-lab-file.ts';

interface Definition {
  readonly file: string;
  readonly name: string;
  readonly cnis: readonly string[];
  readonly nodes: number;
  readonly description: string;
  readonly error: string | null;
}

const LAB_FILE = /(?<!\.d)\.(ts|mts|js|mjs|ya?ml|json)$/;
/** Lab files read at once; each TypeScript file that has changed is a process. */
const AT_ONCE = 4;

/** Lists the lab files of a folder. One that does not load is listed with its reason. */
export const run: RunCommand = async (invocation) => {
  const { output, streams, operands } = invocation;
  const directory = resolve(streams.cwd, operands[0] ?? 'labs');
  const names = await readdir(directory).catch(() => {
    throw usageError(`there is no folder ${shortPath(directory, streams.cwd)}`, 'name the folder: cnilab labs DIRECTORY; or make a lab: cnilab init my-lab');
  });
  const files = names
    .filter((name) => LAB_FILE.test(name) && !/^(package|tsconfig)/.test(name))
    .sort()
    .map((name) => join(directory, name));
  const found: Definition[] = [];
  for (let i = 0; i < files.length; i += AT_ONCE) found.push(...(await Promise.all(files.slice(i, i + AT_ONCE).map((file) => define(file, invocation)))));
  output.document({ directory, labs: found });
  if (found.length === 0) output.note(`no lab file in ${shortPath(directory, streams.cwd)}`);
  else {
    const { dim, fail } = output.style;
    const rows = found.map((lab) => [
      lab.name,
      shortPath(lab.file, streams.cwd),
      lab.cnis.join(' '),
      lab.error === null ? String(lab.nodes) : '-',
      lab.error === null ? lab.description : fail(lab.error),
    ]);
    const [header = '', ...lines] = table(['name', 'file', 'cni', 'nodes', 'description'], rows, { right: [3] });
    output.data([dim(header), ...lines].join('\n'));
  }
  return 0;
};

async function define(file: string, { lab, timeoutMs }: Invocation): Promise<Definition> {
  try {
    const { input } = await lab.loadLab(file, loadLimit(timeoutMs));
    const spec = (typeof input === 'object' && input !== null ? input : {}) as Partial<LabSpec>;
    const clusters = Array.isArray(spec.clusters) ? spec.clusters : [];
    const nodes = clusters.reduce((sum, cluster) => sum + (cluster.nodes?.length ?? (cluster.controlPlanes ?? 1) + (cluster.workers ?? 2)), 0);
    return {
      file,
      name: spec.name ?? '?',
      cnis: [...new Set(clusters.map((cluster) => cluster.cni?.type ?? '?'))],
      nodes,
      description: spec.description ?? '',
      error: null,
    };
  } catch (error) {
    return { file, name: '?', cnis: [], nodes: 0, description: '', error: (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '' };
  }
}
