/** Manifests to the API server, by server-side apply, in the order given. */
import { join } from 'node:path';
import type { ArtifactSet } from '../../topology/artifacts.ts';
import { LabError } from '../../topology/errors.ts';
import { patient, type Kubectl } from './kubectl.ts';

const APPLY = ['apply', '--server-side', '--force-conflicts', '--field-manager=cnilab'];
/** What passes by itself in a young cluster: its controllers have not made the accounts of a namespace yet, or the API of a definition is not served yet. */
const YOUNG = /serviceaccount|service account|no matches for kind|ensure CRDs are installed first/i;
const PASSING_MS = 20_000;
const DEFINED_MS = 60_000;

export interface ApplyRequest {
  readonly artifacts: ArtifactSet;
  /** Folder that holds the files of the set. */
  readonly directory: string;
  /** Paths in the set. */
  readonly paths: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Applies files, as few calls as their order allows: definitions of resources by themselves, and waited for until they are served.
 * @throws CommandError with what the API server said
 */
export async function applyManifests(kubectl: Kubectl, { artifacts, directory, paths, signal }: ApplyRequest): Promise<void> {
  const defines = new Set(artifacts.files.filter(({ content }) => /^kind: CustomResourceDefinition$/m.test(content)).map(({ path }) => path));
  for (const group of groups(paths, (path) => defines.has(path))) {
    const files = group.flatMap((path) => ['--filename', join(directory, path)]);
    await applied(kubectl, [...APPLY, ...files], signal);
    if (group.some((path) => defines.has(path))) {
      await kubectl.text(['wait', '--for=condition=Established', '--timeout=60s', ...files], { signal, timeoutMs: DEFINED_MS });
    }
  }
}

/** Neighbours of the same kind together, in order. */
export function groups<T>(items: readonly T[], isOne: (item: T) => boolean): readonly (readonly T[])[] {
  const found: T[][] = [];
  let last: boolean | null = null;
  for (const item of items) {
    const is = isOne(item);
    if (is === last) found.at(-1)?.push(item);
    else found.push([item]);
    last = is;
  }
  return found;
}

async function applied(kubectl: Kubectl, args: readonly string[], signal: AbortSignal): Promise<void> {
  await patient(() => kubectl.text(args, { signal }), PASSING_MS * kubectl.slowness, signal, isYoung);
}

/** Also what looks like a want of rights: "pods is forbidden: error looking up service account". */
function isYoung(error: unknown): boolean {
  return error instanceof LabError && YOUNG.test(`${error.message}\n${String(error.details['stderr'] ?? '')}`);
}
