/** Who owns a cluster: a file of the incarnation's directory that kind mounts into every node. The directory's name is random, so the mount is proof. */
import { realpathSync } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OWNER_FILE, OWNER_MOUNT } from '../../topology/kind-images.ts';
import type { Container, Provider } from './container-engine.ts';

/** Written before kind runs: all that taking down needs. */
export interface Owner {
  readonly lab: string;
  readonly directory: string;
  readonly provider: Provider;
  /** Names of the clusters, as kind knows them. */
  readonly clusters: readonly string[];
  /** Containers that they have when they are complete. */
  readonly containers: number;
  /** ISO 8601. */
  readonly writtenAt: string;
}

/** Whole or not at all, and on the disk before anything is created that only it can find. */
export async function writeOwner(owner: Owner): Promise<void> {
  const path = join(owner.directory, OWNER_FILE);
  const draft = await open(`${path}.draft`, 'w', 0o644);
  try {
    await draft.writeFile(`${JSON.stringify(owner, null, 2)}\n`);
    await draft.sync();
  } finally {
    await draft.close();
  }
  await rename(`${path}.draft`, path);
}

/** null where there is none: then nothing was created, or somebody removed it. */
export async function readOwner(directory: string): Promise<Owner | null> {
  try {
    return JSON.parse(await readFile(join(directory, OWNER_FILE), 'utf8')) as Owner;
  } catch {
    return null;
  }
}

/** The containers among these that belong to the owner. Pure but for the look at symbolic links in the directory's path. */
export function ownedBy(owner: Owner, containers: readonly Container[]): readonly Container[] {
  const marks = [owner.directory, realPath(owner.directory)].map((directory) => join(directory, OWNER_FILE));
  // Docker Desktop prefixes the paths of the machine that it runs on.
  const isMark = (source: string): boolean => marks.some((mark) => source === mark || source === `/host_mnt${mark}`);
  const own = new Set(containers.filter(({ mounts }) => isMark(mounts[OWNER_MOUNT] ?? '')));
  // The balancer of a cluster with several control planes has no mounts: it goes with the nodes, and without any it is the one made since.
  const ofOwn = (balancer: Container): boolean => {
    const others = containers.filter((one) => one.cluster === balancer.cluster && !isBalancer(one));
    return others.length > 0 ? others.some((one) => own.has(one)) : Date.parse(balancer.createdAt) >= Date.parse(owner.writtenAt);
  };
  return containers.filter((one) => own.has(one) || (isBalancer(one) && ofOwn(one)));
}

/** The directory of the incarnation that a container says it belongs to; null for one that cnilab did not make. */
export function markOf({ mounts }: Container): string | null {
  const mark = mounts[OWNER_MOUNT];
  return mark === undefined ? null : dirname(mark);
}

/** Who a container says it belongs to, for messages. */
export function ownerText(container: Container): string {
  const mark = markOf(container);
  return mark === null ? 'made by kind, not by cnilab' : `another lab's: ${mark}`;
}

const isBalancer = ({ role }: Container): boolean => role === 'external-load-balancer';

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
