import { extname, resolve } from 'node:path';
import type { LabGraph } from '../../topology/graph/graph.ts';
import { flag, operand, textOption, usageError, type Invocation, type RunCommand } from '../invocation.ts';
import { shortPath } from '../output.ts';
import { refuseUnwritable, writeWhole } from '../write-whole.ts';
import { isFileOperand, openLabFile } from './open-lab-file.ts';

type Format = 'mermaid' | 'svg';

const RENDERERS: Readonly<Record<Format, () => Promise<(graph: LabGraph) => string>>> = {
  mermaid: async () => (await import('../../report/graph/mermaid.ts')).renderMermaid,
  svg: async () => (await import('../../report/graph/svg.ts')).renderSvg,
};

/** Draws a lab. */
export const run: RunCommand = async (invocation) => {
  const { output, streams } = invocation;
  const out = textOption(invocation, 'out');
  const path = out === undefined || out === '-' ? null : resolve(streams.cwd, out);
  if (path !== null) await refuseUnwritable(path, out ?? '', flag(invocation, 'force'));
  const format = formatOf(invocation, out);
  const graph = await graphOf(invocation);
  const text = (await RENDERERS[format]())(graph);
  if (path !== null) await writeWhole(path, text);
  output.document({ graph, format, ...(path === null ? { text } : { path }) });
  if (path === null) output.data(text);
  else output.note(`wrote ${shortPath(path, streams.cwd)}`);
  const differing = graph.source === 'plan' ? 0 : countMarks(graph);
  if (differing > 0) {
    output.warn(`what differs from the plan is marked: ${String(differing)} in all`);
    output.next(`cnilab diagnose ${graph.lab}`);
  }
  return 0;
};

/** As asked for; else as the name of the file says; else Mermaid. */
function formatOf(invocation: Invocation, out: string | undefined): Format {
  const asked = textOption(invocation, 'format') ?? (extname(out ?? '').toLowerCase() === '.svg' ? 'svg' : 'mermaid');
  return asked === 'svg' ? 'svg' : 'mermaid';
}

async function graphOf(invocation: Invocation): Promise<LabGraph> {
  const { lab, streams } = invocation;
  const word = operand(invocation, 0);
  const running = flag(invocation, 'running');
  if (!isFileOperand(word, streams.cwd)) return lab.graphLab(word, { running });
  if (running) throw usageError(`--running: ${word} is a lab file`, 'name the lab that is up: `cnilab ls`');
  return lab.graphLabFile(await openLabFile(invocation, word));
}

function countMarks({ machines, segments, overlays }: LabGraph): number {
  const all = [...machines.flatMap((machine) => [machine, ...machine.devices, ...machine.pods]), ...segments, ...overlays];
  return all.filter(({ mark }) => mark !== null).length;
}
