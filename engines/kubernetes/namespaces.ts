/** The namespaces of verifications: removed, and proven gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../topology/errors.ts';
import type { ObjectList } from './api-objects.ts';
import type { Kubectl } from './kubectl.ts';

interface NamespaceObject {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[] };
}

const POLL_MS = 300;
/**
 * The namespace controller lets 5 s pass before it begins (`namespaceDeletionGracePeriod`, kubernetes/pkg/controller/namespace/namespace_controller.go): until then
 * hardly anything is to be seen, and a look takes CPU time from what goes on meanwhile.
 */
const CALM = { untilMs: 4_000, pollMs: 1_000 } as const;
const GONE_MS = 60_000;
const SELECTOR = 'app.kubernetes.io/managed-by=cnilab,cnilab.dev/verification';
/** ISO time by which a verification is over and its namespace gone, unless it was killed. */
export const DEADLINE_ANNOTATION = 'cnilab.dev/deadline';
/** Ctrl-C does not end the removal. */
const UNDISTURBED = { detached: true } as const;

/**
 * Removes a namespace with everything in it and returns when the API does not know it any more; fine when it was never there.
 *
 * @throws {EngineError} CLEANUP_FAILED with what holds it, when it is still there at the deadline: a minute, times the slowness of the cluster, unless said otherwise
 * @throws {LabError} what kubectl throws
 */
export async function removeNamespace(kubectl: Kubectl, name: string, deadlineMs: number = GONE_MS * kubectl.slowness): Promise<void> {
  const started = performance.now();
  await kubectl.patiently(() => kubectl.text(['delete', 'namespace', name, '--ignore-not-found', '--wait=false'], UNDISTURBED));
  // Pods that end at their own pace hold the namespace twice as long, and those of a node that is down hold it for ever. Who may not delete pods waits.
  const pods = ['delete', 'pods', '--all', '--namespace', name, '--grace-period=0', '--force', '--wait=false'];
  await kubectl.patiently(() => kubectl.text(pods, UNDISTURBED)).catch(() => null);
  for (;;) {
    const result = await kubectl.patiently(() => kubectl.run(['get', '--raw', `/api/v1/namespaces/${name}`], UNDISTURBED));
    if (result.exitCode !== 0 && /not ?found/i.test(result.stderr)) return;
    const elapsedMs = performance.now() - started;
    if (elapsedMs > deadlineMs) throw stillThere(kubectl, name, result.stdout, deadlineMs);
    await sleep((elapsedMs < CALM.untilMs ? CALM.pollMs : POLL_MS) * kubectl.slowness);
  }
}

/** A namespace that is not removed, because its verification may still run until then. */
export interface RunningVerification {
  readonly namespace: string;
  /** ISO time. */
  readonly deadline: string;
}

export interface Leftovers {
  readonly removed: readonly string[];
  readonly left: readonly RunningVerification[];
}

/**
 * Removes the namespaces of verifications that nobody removed, because a command was killed. Those whose deadline is ahead may be somebody's who still runs:
 * they are left unless `force` is true.
 *
 * @throws {EngineError} CLEANUP_FAILED, when everything was tried
 * @throws {LabError} what kubectl throws
 */
export async function removeLeftovers(kubectl: Kubectl, options: { readonly force?: boolean } = {}): Promise<Leftovers> {
  const list = await kubectl.patiently(() => kubectl.json<ObjectList<NamespaceObject>>(['get', 'namespaces', `--selector=${SELECTOR}`, '--output=json']));
  const found = list.items.map(({ metadata }) => ({ namespace: metadata.name, deadline: metadata.annotations?.[DEADLINE_ANNOTATION] ?? '' }));
  const left = found.filter(({ deadline }) => options.force !== true && Date.parse(deadline) > Date.now());
  const removed = found.filter((one) => !left.includes(one)).map(({ namespace }) => namespace);
  for (const one of await Promise.allSettled(removed.map((name) => removeNamespace(kubectl, name)))) if (one.status === 'rejected') throw one.reason;
  return { removed, left };
}

function stillThere(kubectl: Kubectl, name: string, text: string, deadlineMs: number): EngineError {
  const conditions = text.startsWith('{') ? ((JSON.parse(text) as NamespaceObject).status?.conditions ?? []) : [];
  const held = conditions.filter((one) => one.status === 'True').map((one) => one.message ?? one.type);
  return new EngineError({
    code: 'CLEANUP_FAILED',
    message: `namespace ${name} of ${kubectl.access.cluster} is still there after ${deadlineMs / 1000} s${held.length === 0 ? '' : `: ${held.join('; ')}`}`,
    hint: `look at what holds it, then: kubectl delete namespace ${name}`,
    details: { namespace: name, held },
  });
}
