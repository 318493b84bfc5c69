import { loadEngine, type LoadEngine } from './load-engine.ts';
import { readLab } from './read.ts';
import { requireUp } from './require-up.ts';

/**
 * Calls CNI CHECK for every pod that plugins attached, and counts them.
 *
 * @throws LabError LAB_UNKNOWN; LAB_LOST; EngineError that names the first pod whose attachment is not what the plugins left
 */
export async function checkAttachments(name: string, options: { readonly loadEngine?: LoadEngine } = {}): Promise<number> {
  const load = options.loadEngine ?? loadEngine;
  const lab = await readLab(name, { loadEngine: load });
  const handle = requireUp(lab);
  const session = await (await load(lab.engine)).open(handle, lab.plan);
  try {
    return await session.checkAttachments();
  } finally {
    await session.close();
  }
}
