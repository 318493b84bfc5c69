/** Taking the clusters of an incarnation down, by its directory alone. Only containers that carry its mark are removed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../topology/errors.ts';
import { containersOf, lastLine, removeContainers, type Container } from './container-engine.ts';
import type { KindDeps } from './kind-deps.ts';
import { creatingSince } from './creating-mark.ts';
import { ownedBy, readOwner, type Owner } from './owner.ts';

/**
 * Removes the nodes of every cluster of the incarnation, with their volumes, and proves that none is left. Fine when they are gone already, and when
 * a cluster of that name is somebody else's: it is left alone. kind's network stays, as `kind delete cluster` leaves it.
 *
 * @param known the owner as the lab's handle tells it, for a directory that holds no mark any more
 * @throws EngineError that names what is left; EnvironmentError when the container engine is gone
 */
export async function destroyClusters(deps: Pick<KindDeps, 'run' | 'endProcesses'>, directory: string, known: Owner | null = null): Promise<void> {
  const owner = (await readOwner(directory)) ?? known;
  // The mark is written before anything is created.
  if (owner === null) return;
  const { complete } = await deps.endProcesses(directory);
  const since = complete ? null : await creatingSince(directory);
  // kind was killed with its programs, or they cannot be looked for: what the container engine was asked for may still come.
  const settled = performance.now() + (since === null ? 0 : LATE_MS - since);
  const removed = new Set<string>();
  let own = await owned(deps, owner);
  let said = '';
  const coming = (): boolean => performance.now() < settled && removed.size < owner.containers;
  for (let failures = 0; (own.length > 0 && failures < ATTEMPTS) || (own.length === 0 && coming()); own = await owned(deps, owner)) {
    if (own.length === 0) {
      await sleep(PAUSE_MS);
      continue;
    }
    const result = await removeContainers(
      deps,
      owner.provider,
      own.map(({ id }) => id),
    );
    said = result.exitCode === 0 ? '' : lastLine(result);
    // One that is there again after it was removed is still being removed.
    if (said !== '' || own.every(({ id }) => removed.has(id))) await sleep(PAUSE_MS * ++failures);
    else for (const { id } of own) removed.add(id);
  }
  if (own.length === 0) return;
  throw new EngineError({
    code: 'CLEANUP_FAILED',
    message: `${own.length} ${own.length === 1 ? 'container' : 'containers'} of lab ${owner.lab} cannot be removed: ${own.map(({ name }) => name).join(', ')}${said === '' ? '' : `: ${said}`}`,
    hint: `\`${owner.provider} rm --force --volumes ${own.map(({ name }) => name).join(' ')}\` says why; then \`cnilab down ${owner.lab}\``,
    details: { containers: own.map(({ name }) => name) },
  });
}

async function owned(deps: Pick<KindDeps, 'run'>, owner: Owner): Promise<readonly Container[]> {
  return ownedBy(owner, await containersOf(deps, owner.provider, owner.clusters));
}

/** A node's container takes seconds to be made: its image's /var is copied. */
const LATE_MS = 30_000;
const PAUSE_MS = 200;
const ATTEMPTS = 8;
