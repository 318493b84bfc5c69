/** Takes ops back. What is gone already is fine: an interrupted run, or a removed namespace, may have taken it along. */
import type { Op } from '../ops.ts';
import { changeAddress, changeForwarding, changeNeighbour } from './addresses.ts';
import { stopBird } from './bird.ts';
import { cniDelete } from './cni.ts';
import { DAEMON_KINDS, removeDaemon } from './daemon.ts';
import { removeCni } from './cni-setup.ts';
import { removeLabFile } from './files.ts';
import { removeIpvs } from './ipvs.ts';
import { KernelError } from './kernel-error.ts';
import { deleteLink } from './links.ts';
import { netns } from './namespaces.ts';
import { removeTable } from './nft.ts';
import { removeNetns } from './remove-netns.ts';
import { deleteRoute } from './routes.ts';
import { removeRules } from './rules.ts';
import { ERRNO } from './sys.ts';

const GONE: ReadonlySet<number> = new Set([ERRNO.ENOENT, ERRNO.ENODEV, ERRNO.ESRCH, ERRNO.EADDRNOTAVAIL, ERRNO.ENXIO]);

/** Removes several namespaces at once, which costs little more than one; daemons in them end first: an interrupted run may have left some. */
export async function undoNamespaces(ops: readonly Extract<Op, { readonly op: 'netns' }>[]): Promise<void> {
  for (const { ns } of ops) {
    await stopBird(ns);
    for (const kind of DAEMON_KINDS) await removeDaemon({ kind, ns });
  }
  removeNetns(ops.map(({ ns }) => ns));
}

/** @throws KernelError, CommandError or EngineError when the thing is there and cannot be removed */
export async function undoOp(op: Op): Promise<void> {
  try {
    await remove(op);
  } catch (error) {
    if (!(error instanceof KernelError && GONE.has(error.errno))) throw error;
  }
}

async function remove(op: Op): Promise<void> {
  switch (op.op) {
    case 'netns':
      return await undoNamespaces([op]);
    case 'bridge':
    case 'veth':
    case 'vxlan':
    case 'ipip':
    case 'tun':
    case 'dummy':
      return deleteLink(op.ns, op.name);
    case 'address':
      return changeAddress(op, 'delete');
    case 'route':
      return deleteRoute(op);
    case 'neigh':
      return changeNeighbour(op, 'delete');
    case 'fdb':
      return changeForwarding(op, 'delete');
    case 'rules':
      netns(op.ns);
      return await removeRules(op);
    case 'nft':
      netns(op.ns);
      return await removeTable(op);
    case 'ipvs':
      netns(op.ns);
      return await removeIpvs(op);
    case 'cni-setup':
      return removeCni(op.ns);
    case 'cni':
      netns(op.node);
      return await cniDelete(op);
    case 'file':
      return removeLabFile(op.path);
    case 'bird':
      return await stopBird(op.ns);
    case 'dns':
    case 'ingress':
    case 'proxy':
    case 'tunnel':
      return await removeDaemon({ kind: op.op, ns: op.ns });
    // A sysctl has no earlier value that would be known; waiting leaves nothing behind.
    case 'sysctl':
    case 'forget-flows':
    case 'await-routes':
  }
}
