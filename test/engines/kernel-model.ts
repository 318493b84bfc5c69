/**
 * A kernel as the reconciler needs it: objects by name, those that vanish with what they live in, and those that break when what they lean on goes. It
 * refuses what the real one refuses: making a thing twice, making it where its surroundings are missing.
 */
import { aliasesOf, keyOf, leansOn, livesIn } from '../../engines/netns/op-objects.ts';
import type { Op, OpsDelta, Stage } from '../../engines/netns/ops.ts';

export interface KernelModel {
  apply(delta: OpsDelta): void;
  /** Everything that is there and whole, as sorted JSON lines. Sysctls of links and waits are not objects of their own. */
  state(): readonly string[];
}

const MADE_ONCE = new Set<Op['op']>(['netns', 'bridge', 'veth', 'vxlan', 'ipip', 'tun', 'dummy', 'cni']);

export function kernelModel(): KernelModel {
  const objects = new Map<string, Op>();
  const broken = new Set<string>();
  const names = new Set<string>();

  const add = (op: Op): void => {
    const key = keyOf(op);
    if (MADE_ONCE.has(op.op) && objects.has(key)) throw new Error(`EEXIST: ${key}`);
    for (const name of [...livesIn(op), ...leansOn(op)]) if (!names.has(name)) throw new Error(`ENOENT: ${key} needs ${name}`);
    objects.set(key, op);
    for (const name of aliasesOf(op)) names.add(name);
    broken.delete(key);
  };
  const remove = (op: Op): void => {
    const key = keyOf(op);
    if (!objects.delete(key)) return;
    broken.delete(key);
    const lost = aliasesOf(op);
    for (const name of lost) names.delete(name);
    if (op.op === 'neigh' || op.op === 'fdb' || op.op === 'route') return;
    for (const [otherKey, other] of objects) {
      if (livesIn(other).some((name) => lost.includes(name))) {
        // What CNI plugins and processes leave behind outside the namespace does not vanish with it.
        if (other.op === 'cni' || other.op === 'bird') throw new Error(`left behind: ${otherKey} when ${key} was removed`);
        remove(other);
      } else if (leansOn(other).some((name) => lost.includes(name))) broken.add(otherKey);
      // The kernel flushes the routes of a link that loses its last address.
      else if (op.op === 'address' && other.op === 'route' && other.ns === op.ns && other.dev === op.dev) objects.delete(otherKey);
    }
  };
  return {
    apply: ({ undo, stages }) => {
      for (const op of undo) remove(op);
      // What is forgotten is no object.
      for (const op of stages.flatMap((stage) => stage.ops)) if (op.op !== 'forget-flows') add(op);
    },
    state: () =>
      [...objects]
        .filter(([, op]) => op.op !== 'await-routes' && op.op !== 'sysctl')
        .map(([key, op]) => `${broken.has(key) ? 'BROKEN ' : ''}${JSON.stringify(op)}`)
        .sort(),
  };
}

export function fresh(stages: readonly Stage[]): KernelModel {
  const model = kernelModel();
  model.apply({ undo: [], stages });
  return model;
}
