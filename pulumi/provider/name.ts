/**
 * The name of a lab, held by a stack. It makes nothing; it is there before the lab and goes after it, so that `pulumi destroy` also removes what an update
 * left that was ended before Pulumi could write down what it had made.
 */
import { down } from '../../lab/down.ts';
import { loadEngine, type LoadEngine } from '../../lab/load-engine.ts';
import { othersLab } from '../../lab/up.ts';
import type { NameInputs } from '../inputs.ts';
import { laboratory } from './planned-change.ts';
import { said } from './say.ts';

/** How long another process that works on the lab is waited for: one that an interrupted update left may still be at it. */
export const PATIENCE_MS = 60_000;

export interface NameProvider {
  diff(id: string, olds: NameInputs, news: NameInputs): Promise<{ changes: boolean; replaces: string[]; deleteBeforeReplace: boolean }>;
  create(inputs: NameInputs): Promise<{ id: string; outs: NameInputs }>;
  delete(id: string, props: NameInputs): Promise<void>;
}

/** Takes a lab down, unless another keeps the name now. */
export async function downOwn({ lab, owner }: NameInputs, load: LoadEngine): Promise<void> {
  const found = await laboratory(lab, load);
  if (found === null || found.owner === owner) await down(lab, { loadEngine: load, waitMs: PATIENCE_MS });
}

export function nameProvider(load: LoadEngine = loadEngine): NameProvider {
  return {
    diff: (_id, olds, news) => {
      const replaces = (['lab', 'owner'] as const).filter((key) => olds[key] !== news[key]);
      return Promise.resolve({ changes: replaces.length > 0, replaces, deleteBeforeReplace: true });
    },
    create: async (inputs) => {
      try {
        const found = await laboratory(inputs.lab, load);
        if (found !== null && found.owner !== inputs.owner) throw othersLab(found);
        return { id: inputs.lab, outs: inputs };
      } catch (error) {
        throw said(error);
      }
    },
    delete: async (_id, props) => {
      try {
        await downOwn(props, load);
      } catch (error) {
        throw said(error);
      }
    },
  };
}
