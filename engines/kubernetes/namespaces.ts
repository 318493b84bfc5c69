/** The namespaces of verifications: removed, and proven gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../topology/errors.ts';
import type { ObjectList } from './api-objects.ts';
import type { Kubectl } from './kubectl.ts';

interface NamespaceObject {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[] };
}

const POLL_MS = 300;
const GONE_MS = 60_000;
const SELECTOR = 'app.kubernetes.io/managed-by=cnilab,cnilab.dev/verification';

/**
 * Removes a namespace with everything in it and returns when the API does not know it any more; fine when it was never there.
 *
 * @throws {EngineError} CLEANUP_FAILED with what holds it, when it is still there at the deadline, a minute unless said otherwise
 * @throws {LabError} what kubectl throws
 */
export async function removeNamespace(kubectl: Kubectl, name: string, deadlineMs: number = GONE_MS): Promise<void> {
  const started = performance.now();
  await kubectl.text(['delete', 'namespace', name, '--ignore-not-found', '--wait=false']);
  // Pods that end at their own pace hold the namespace twice as long, and those of a node that is down hold it for ever. Who may not delete pods waits.
  await kubectl.run(['delete', 'pods', '--all', '--namespace', name, '--grace-period=0', '--force', '--wait=false']).catch(() => null);
  for (;;) {
    const result = await kubectl.run(['get', '--raw', `/api/v1/namespaces/${name}`]);
    if (result.exitCode !== 0 && /not ?found/i.test(result.stderr)) return;
    if (performance.now() - started > deadlineMs) throw stillThere(kubectl, name, result.stdout, deadlineMs);
    await sleep(POLL_MS);
  }
}

/** Namespaces of verifications that nobody removed: a command was killed. */
export async function leftoverNamespaces(kubectl: Kubectl, options: { readonly lab?: string } = {}): Promise<readonly string[]> {
  const selector = options.lab === undefined ? SELECTOR : `${SELECTOR},cnilab.dev/lab=${options.lab}`;
  const list = await kubectl.json<ObjectList<NamespaceObject>>(['get', 'namespaces', `--selector=${selector}`, '--output=json']);
  return list.items.map((one) => one.metadata.name);
}

/**
 * Removes what {@link leftoverNamespaces} finds, and returns the names.
 * @throws {EngineError} CLEANUP_FAILED
 */
export async function removeLeftovers(kubectl: Kubectl, options: { readonly lab?: string } = {}): Promise<readonly string[]> {
  const names = await leftoverNamespaces(kubectl, options);
  await Promise.all(names.map((name) => removeNamespace(kubectl, name)));
  return names;
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
