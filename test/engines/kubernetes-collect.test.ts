import { describe, expect, it } from 'vitest';
import { collectVerification, type Collected, type CollectInput } from '../../engines/kubernetes/collect.ts';
import { kubectlFor } from '../../engines/kubernetes/kubectl.ts';
import { DEADLINE_ANNOTATION, removeLeftovers, removeNamespace } from '../../engines/kubernetes/namespaces.ts';
import { waitReady } from '../../engines/kubernetes/wait-ready.ts';
import type { EngineEvent, KubernetesAccess } from '../../engines/port.ts';
import type { KubernetesObject } from '../../topology/spec.ts';
import { recordedFacts } from './kubernetes-fixture.ts';

/** An API with nothing behind it: objects that are created are there at once, pods run at once unless they are told not to. */
const LOST = { status: 'Unknown', message: 'Kubelet stopped posting node status.' };

interface World {
  /** A node that the API calls not ready. */
  readonly lost?: string;
  /** When the nodes became ready, each time they are read. */
  readonly readyAt?: () => string;
  /** Pods (by the beginning of their name) that never become ready or end, with what their status says. */
  readonly stuck?: Readonly<Record<string, object>>;
  /** Jobs whose log says nothing. */
  readonly mute?: ReadonlySet<string>;
  /** The namespace that is never gone. */
  readonly undead?: boolean;
  /** Fails a kubectl call. */
  readonly fail?: (args: readonly string[]) => string | null;
  readonly granted?: readonly object[];
}

interface Api {
  readonly access: KubernetesAccess;
  readonly calls: readonly (readonly string[])[];
  readonly namespaces: ReadonlySet<string>;
  readonly created: readonly KubernetesObject[];
  readonly run: NonNullable<Parameters<typeof kubectlFor>[1]>['run'];
}

const NODES = recordedFacts().nodes.map((node) => node.name);
const NAMESPACE = 'cnilab-verify-00000001';

function apiOf(world: World = {}): Api {
  const calls: (readonly string[])[] = [];
  const namespaces = new Set<string>();
  const created: KubernetesObject[] = [];
  const pods = new Map<string, object>();
  const addPod = (name: string, node: string, labels: Readonly<Record<string, string>>, owner: string, done: boolean): void => {
    const stuck = Object.entries(world.stuck ?? {}).find(([prefix]) => name.startsWith(prefix))?.[1];
    const healthy = {
      phase: done ? 'Succeeded' : 'Running',
      conditions: [{ type: 'Ready', status: done ? 'False' : 'True' }],
      podIPs: [{ ip: `10.0.0.${pods.size + 1}` }],
    };
    pods.set(name, {
      metadata: { name, namespace: NAMESPACE, labels, ownerReferences: [{ kind: done ? 'Job' : 'DaemonSet', name: owner }] },
      spec: { nodeName: node },
      status: stuck ?? healthy,
    });
  };
  const create = (object: KubernetesObject): void => {
    created.push(object);
    const { name } = object.metadata;
    if (object.kind === 'Namespace') namespaces.add(name);
    if (object.kind === 'DaemonSet') NODES.forEach((node, index) => addPod(`${name}-${index}`, node, {}, name, false));
    if (object.kind === 'Job')
      addPod(`${name}-x`, NODES[Number(name.split('-')[1])] ?? '', { 'cnilab.dev/requirement': name.slice(0, 2), 'job-name': name }, name, true);
  };
  const logsOf = (selector: string): string =>
    [...pods.keys()]
      .filter((name) => selector.includes(name.slice(0, -2)) && !(world.mute?.has(name.slice(0, -2)) ?? false))
      .map((name) => {
        const node = NODES[Number(name.split('-')[1])] ?? '';
        return `${JSON.stringify({ v: 1, type: 'done', requirement: name.slice(0, 2), node, pod: name, probes: 0, complete: true, error: '' })}\n`;
      })
      .join('');
  const answer = (args: readonly string[], input: string): { readonly exitCode?: number; readonly stdout?: string; readonly stderr?: string } => {
    const error = world.fail?.(args) ?? null;
    if (error !== null) return { exitCode: 1, stderr: error };
    const path = args.find((one) => one.startsWith('/api')) ?? '';
    if (path.includes('selfsubjectrulesreviews'))
      return { stdout: JSON.stringify({ status: { resourceRules: world.granted ?? [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] } }) };
    if (path === '/api/v1/nodes') {
      const at = world.readyAt?.();
      const items = NODES.map((name) => ({
        metadata: { name },
        status: {
          conditions: [{ type: 'Ready', ...(at === undefined ? {} : { lastTransitionTime: at }), ...(world.lost === name ? LOST : { status: 'True' }) }],
        },
      }));
      return { stdout: JSON.stringify({ items }) };
    }
    if (path.endsWith('/pods')) return { stdout: JSON.stringify({ items: [...pods.values()] }) };
    if (path.startsWith('/api/v1/namespaces/')) {
      const name = path.split('/').at(-1) ?? '';
      return namespaces.has(name)
        ? { stdout: '{"status":{"conditions":[]}}' }
        : { exitCode: 1, stderr: `Error from server (NotFound): namespaces "${name}" not found` };
    }
    switch (args[0]) {
      case 'create':
        (JSON.parse(input) as { readonly items: readonly KubernetesObject[] }).items.forEach(create);
        return {};
      case 'logs':
        return { stdout: logsOf(args.find((one) => one.startsWith('--selector=')) ?? '') };
      case 'delete':
        if (args[1] === 'namespace' && world.undead !== true) namespaces.delete(args[2] ?? '');
        return {};
      default:
        return { stdout: JSON.stringify({ items: args[1] === 'namespaces' ? [...namespaces].map((name) => ({ metadata: { name } })) : [] }) };
    }
  };
  return {
    access: { cluster: 'lab', kubeconfig: '/k', context: null, onNode: () => Promise.resolve({ exitCode: 0, stdout: '', stderr: '' }) },
    calls,
    namespaces,
    created,
    run: (argv, { input = '' }) => {
      const args = argv.slice(3);
      calls.push(args);
      return Promise.resolve({ exitCode: 0, stdout: '', stderr: '', failure: '', ...answer(args, input) });
    },
  };
}

const object = (kind: string, name: string): KubernetesObject => ({ apiVersion: 'v1', kind, metadata: { name, namespace: NAMESPACE } });

const job = (name: string): KubernetesObject => ({ ...object('Job', name), spec: { activeDeadlineSeconds: 60 } });

function inputOf(api: Api, rest: Partial<CollectInput> = {}): CollectInput {
  return {
    access: api.access,
    facts: recordedFacts(),
    objects: ({ onlyNodes = NODES, round = 0 }) => ({
      namespace: object('Namespace', NAMESPACE),
      permissions: [{ ...object('ClusterRole', 'verify'), rules: [{ apiGroups: [''], resources: ['namespaces'], verbs: ['create'] }] }],
      responders: [object('DaemonSet', 'responder'), object('DaemonSet', 'host-responder')],
      script: object('ConfigMap', 'probe'),
      jobs: ['r1', 'r2', 'r3'].flatMap((one) => onlyNodes.map((node) => job(`${one}-${NODES.indexOf(node)}${round === 0 ? '' : `-round${round}`}`))),
    }),
    targets: (lines) => ({ ...object('ConfigMap', 'targets'), data: { targets: lines.map((line) => line.node).join(' ') } }),
    respondersMs: 300,
    signal: new AbortController().signal,
    onEvent: () => {},
    kubectl: kubectlFor(api.access, { run: api.run }),
    ...rest,
  };
}

async function collected(api: Api, rest: Partial<CollectInput> = {}): Promise<Collected> {
  const result = await collectVerification(inputOf(api, rest));
  await result.cleanup;
  return result;
}

describe('collectVerification', () => {
  it('creates, waits, reads and removes, in few calls', async () => {
    const api = apiOf();
    const events: EngineEvent[] = [];
    const result = await collected(api, { onEvent: (event) => events.push(event) });
    expect(result).toMatchObject({ namespace: NAMESPACE, notRun: [], conntrack: NODES.flatMap((netns) => [{ netns }, { netns }]) });
    expect(result.evidence.done).toHaveLength(9);
    expect(result.pods).toHaveLength(15);
    expect(result.targets.map((line) => line.pod)).toEqual(['responder-0', 'responder-1', 'responder-2']);
    expect(api.namespaces.size).toBe(0);
    expect(api.created.findIndex((one) => one.metadata.name === 'targets')).toBeLessThan(api.created.findIndex((one) => one.kind === 'Job'));
    expect(api.calls.filter((args) => args[0] === 'create' && !args.includes('--raw'))).toHaveLength(2);
    expect(api.calls.filter((args) => args[0] === 'logs')).toHaveLength(1);
    expect(events.filter((one) => one.phase === 'end').map((one) => one.step)).toEqual([
      'create responders',
      'wait for responders',
      'wait for Jobs',
      'read evidence',
      `remove namespace ${NAMESPACE}`,
    ]);
  });
  it('says in its namespace until when it may run: the time of the responders, and twice that of a Job', async () => {
    const api = apiOf();
    const before = Date.now();
    await collected(api);
    const deadline = Date.parse(api.created.find((one) => one.kind === 'Namespace')?.metadata.annotations?.[DEADLINE_ANNOTATION] ?? '');
    expect(deadline).toBeGreaterThan(before + 300 + 2 * 60_000);
    expect(deadline).toBeLessThan(Date.now() + 10 * 60_000);
  });
  it('settles what is asked besides before it creates anything, and leaves time for it', async () => {
    const api = apiOf();
    let createdThen = -1;
    const line = (value: object): string => `${JSON.stringify({ v: 1, requirement: 'own', node: NODES[0], pod: 'default/web', ...value })}\n`;
    const result = await collected(api, {
      beyond: (lines) => {
        createdThen = api.created.length;
        expect(lines.map((one) => one.node)).toEqual(NODES);
        return Promise.resolve({
          objects: [object('ConfigMap', 'calls')],
          enterMs: 3_600_000,
          enter: () => Promise.resolve(`${line({ type: 'done', probes: 1, complete: false, error: 'ended by a signal' })}{"v":1,"type":"pro`),
        });
      },
    });
    expect(createdThen).toBe(0);
    expect(api.created.map((one) => one.metadata.name)).toContain('calls');
    const deadline = Date.parse(api.created.find((one) => one.kind === 'Namespace')?.metadata.annotations?.[DEADLINE_ANNOTATION] ?? '');
    expect(deadline).toBeGreaterThan(Date.now() + 3_600_000);
    // What entered pods printed is evidence like any other, also where it is none.
    expect(result.evidence.done).toContainEqual(expect.objectContaining({ requirement: 'own', complete: false, error: 'ended by a signal' }));
    expect(result.evidence.problems).toEqual([expect.stringContaining('not a line of JSON')]);
  });
  it('waits for a Job as long as it may run', async () => {
    const api = apiOf({ stuck: { 'r1-0': { phase: 'Running' } }, mute: new Set(['r1-0']) });
    const { objects } = inputOf(api);
    const brief: CollectInput['objects'] = (round) => {
      const made = objects(round);
      return { ...made, jobs: made.jobs.map((one) => ({ ...one, spec: { activeDeadlineSeconds: one.metadata.name === 'r1-0' ? 0.5 : 0.1 } })) };
    };
    const controller = new AbortController();
    let ms = 0;
    const onEvent = (event: EngineEvent): void => {
      if (event.step !== 'wait for Jobs' || event.phase !== 'end') return;
      ms = event.ms ?? 0;
      controller.abort();
    };
    await expect(collected(api, { objects: brief, onEvent, signal: controller.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
    // And GRACE_MS for what may still come.
    expect(ms).toBeGreaterThan(500 + 3_000);
    expect(ms).toBeLessThan(15_000);
  }, 20_000);
  it('does not wait for the API to call a pod ended that has said that it is through', async () => {
    const api = apiOf({ stuck: { r2: { phase: 'Running' } } });
    const result = await collected(api);
    expect(result.notRun).toEqual([]);
    expect(result.evidence.done).toHaveLength(9);
    expect(api.calls.filter((args) => args[0] === 'logs')).toHaveLength(1);
  });
  it('reads the logs of a slow cluster by several processes, each the Jobs of one requirement', async () => {
    const api = apiOf();
    const result = await collected(api, { kubectl: kubectlFor({ ...api.access, slowness: 2 }, { run: api.run }) });
    expect(result.evidence.done).toHaveLength(9);
    const selectors = api.calls.filter((args) => args[0] === 'logs').map((args) => args.find((one) => one.startsWith('--selector=')) ?? '');
    expect(selectors.map((one) => /requirement=(r\d),/.exec(one)?.[1]).toSorted()).toEqual(['r1', 'r2', 'r3']);
  });
  it('survives an API server that does not answer for a moment', async () => {
    let polls = 0;
    const api = apiOf({
      fail: (args) => (args.some((one) => one.endsWith('/pods')) && ++polls === 1 ? 'The connection to the server 127.0.0.1:1 was refused' : null),
    });
    expect((await collected(api)).notRun).toEqual([]);
  });
  it('goes on without a responder that crashes, and says why', async () => {
    const terminated = { reason: 'Error', exitCode: 1 };
    const crash = {
      phase: 'Running',
      containerStatuses: [{ name: 'netexec', restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated } }],
    };
    const result = await collected(apiOf({ stuck: { 'host-responder-1': crash } }));
    expect(result.notRun).toEqual([
      { node: NODES[1], requirement: 'host-responder', reason: expect.stringContaining('container netexec crashes (Error, exit code 1)') as string },
    ]);
    expect(result.evidence.done).toHaveLength(9);
  });
  it('does not wait for the Jobs of a node whose responder did not come up', async () => {
    const result = await collected(
      apiOf({ stuck: { 'responder-2': { phase: 'Pending' }, 'r1-2': { phase: 'Pending' }, 'r3-2': { phase: 'Pending' } }, mute: new Set(['r1-2', 'r3-2']) }),
    );
    expect(result.notRun.map((one) => `${one.requirement} ${one.node}`)).toEqual([`responder ${NODES[2]}`, `r1 ${NODES[2]}`, `r3 ${NODES[2]}`]);
    expect(result.targets[2]).toMatchObject({ node: NODES[2], pod: '', podIPs: [] });
  });
  it('stops waiting for the responder of a node that is lost meanwhile, and says so', async () => {
    const began = performance.now();
    // The API server itself has a bad moment when it is asked about the nodes.
    let bad = true;
    const fail = (args: readonly string[]): string | null => {
      if (!bad || !args.includes('/api/v1/nodes')) return null;
      bad = false;
      return 'Unable to connect to the server: unexpected EOF';
    };
    const result = await collected(
      apiOf({
        fail,
        stuck: { 'responder-2': { phase: 'Pending' }, 'r1-2': { phase: 'Pending' }, 'r3-2': { phase: 'Pending' } },
        mute: new Set(['r1-2', 'r3-2']),
        lost: NODES[2] ?? '',
      }),
      { respondersMs: 60_000 },
    );
    expect(performance.now() - began).toBeLessThan(40_000);
    expect(bad).toBe(false);
    expect(result.notRun[0]).toMatchObject({
      node: NODES[2],
      requirement: 'responder',
      reason: expect.stringContaining('Kubelet stopped posting node status') as string,
    });
    expect(result.notRun.map((one) => one.node)).toEqual([NODES[2], NODES[2], NODES[2]]);
  }, 60_000);
  it('ends when no responder comes up at all, and leaves nothing', async () => {
    const api = apiOf({ stuck: { responder: { phase: 'Pending' } } });
    await expect(collected(api)).rejects.toMatchObject({ code: 'NOT_READY', message: expect.stringContaining('responder-0 on lab-control-plane') as string });
    expect(api.namespaces.size).toBe(0);
  });
  it('asks nodes once more that did not report, and believes their last pod', async () => {
    const api = apiOf({ mute: new Set(['r2-1']) });
    const result = await collected(api);
    expect(
      api.created
        .filter((one) => one.kind === 'Job')
        .map((one) => one.metadata.name)
        .slice(9),
    ).toEqual(['r1-1-round1', 'r2-1-round1', 'r3-1-round1']);
    expect(result.notRun).toEqual([]);
    expect(result.pods.find((pod) => pod.role === 'r2' && pod.node === NODES[1])?.name).toBe('r2-1-round1-x');
    expect(result.pods.filter((pod) => pod.role === 'r2')).toHaveLength(3);
  });
  it('says which nodes became ready, or not, meanwhile, and nothing of those that stayed', async () => {
    const facts = { ...recordedFacts(), nodes: recordedFacts().nodes.map((node) => ({ ...node, readyChangedAt: '2026-01-01T00:00:00Z' })) };
    const unsteadyAt = async (at: string): Promise<readonly string[]> => {
      const found = await collectVerification(inputOf(apiOf({ readyAt: () => at }), { facts }));
      await found.cleanup;
      return found.unsteady;
    };
    expect(await unsteadyAt('2026-01-01T00:00:00Z')).toEqual([]);
    expect(await unsteadyAt('2026-01-01T00:01:00Z')).toEqual(NODES);
  });

  it('says of a node that never reports that it did not', async () => {
    const result = await collected(apiOf({ mute: new Set(['r2-1', 'r2-1-round1']) }));
    expect(result.notRun).toMatchObject([{ node: NODES[1], requirement: 'r2' }]);
  });
  it('does not wait for a node that is not ready', async () => {
    const facts = recordedFacts();
    const nodes = facts.nodes.map((node, index) => (index === 1 ? { ...node, ready: false, notReady: 'node lab-worker is not ready: stopped' } : node));
    const pending = { phase: 'Pending' };
    const stuck = { 'responder-1': pending, 'host-responder-1': pending, 'r1-1': pending, 'r2-1': pending, 'r3-1': pending };
    const started = performance.now();
    const result = await collected(apiOf({ stuck, mute: new Set(['r1-1', 'r2-1', 'r3-1']) }), {
      facts: { ...facts, nodes },
      respondersMs: 60_000,
    });
    expect(performance.now() - started).toBeLessThan(30_000);
    expect(result.notRun).toHaveLength(5);
    for (const one of result.notRun) expect(one.reason).toContain('node lab-worker is not ready: stopped');
  });
  const created = (args: readonly string[]): boolean => args[0] === 'create' && !args.includes('--raw');
  it.each<[string, (args: readonly string[], calls: number) => boolean]>([
    ['the responders cannot be created', (args, calls) => created(args) && calls === 1],
    ['the Jobs cannot be created', (args, calls) => created(args) && calls === 2],
    ['pods cannot be listed', (args) => args.some((one) => one.endsWith('/pods'))],
    ['logs cannot be read', (args) => args[0] === 'logs'],
  ])('removes the namespace when %s', async (_what, fails) => {
    let creations = 0;
    const api = apiOf({
      fail: (args) => {
        if (created(args)) creations += 1;
        return fails(args, creations) ? 'Error from server (Forbidden): it is forbidden: User "u" cannot do it' : null;
      },
    });
    await expect(collected(api)).rejects.toMatchObject({ code: 'FORBIDDEN_BY_CLUSTER' });
    expect(api.calls).toContainEqual(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait=false']);
    expect(api.namespaces.size).toBe(0);
  });
  it('removes the namespace after an interrupt, by calls that are not interrupted', async () => {
    const controller = new AbortController();
    const api = apiOf({ stuck: { responder: { phase: 'Pending' } } });
    const result = collected(api, { signal: controller.signal, respondersMs: 60_000 });
    setTimeout(() => controller.abort(), 50);
    await expect(result).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(api.namespaces.size).toBe(0);
  });
});

describe('namespaces of verifications', () => {
  it('are found and removed after a command was killed', async () => {
    const api = apiOf();
    const kubectl = kubectlFor(api.access, { run: api.run });
    await kubectl.create([object('Namespace', NAMESPACE)]);
    expect(await removeLeftovers(kubectl)).toEqual({ removed: [NAMESPACE], left: [] });
    expect(api.calls[1]).toContain('--selector=app.kubernetes.io/managed-by=cnilab,cnilab.dev/verification');
    expect(await removeLeftovers(kubectl)).toEqual({ removed: [], left: [] });
  });
  it('are left while their verification may still run, unless that is forced', async () => {
    const deadlines = { running: new Date(Date.now() + 60_000).toISOString(), late: new Date(Date.now() - 1).toISOString(), nonsense: 'tomorrow' };
    const items = Object.entries(deadlines).map(([name, deadline]) => ({ metadata: { name, annotations: { [DEADLINE_ANNOTATION]: deadline } } }));
    const kubectl = kubectlFor(apiOf().access, {
      run: (argv) =>
        Promise.resolve(
          argv.includes('namespaces')
            ? { exitCode: 0, stdout: JSON.stringify({ items }), stderr: '', failure: '' }
            : { exitCode: argv.includes('--raw') ? 1 : 0, stdout: '', stderr: 'Error from server (NotFound)', failure: '' },
        ),
    });
    expect(await removeLeftovers(kubectl)).toEqual({ removed: ['late', 'nonsense'], left: [{ namespace: 'running', deadline: deadlines.running }] });
    expect(await removeLeftovers(kubectl, { force: true })).toEqual({ removed: ['running', 'late', 'nonsense'], left: [] });
  });
});

describe('removeNamespace', () => {
  it('does not believe in a removal that it did not see', async () => {
    const api = apiOf({ undead: true });
    const kubectl = kubectlFor(api.access, { run: api.run });
    await kubectl.create([object('Namespace', NAMESPACE)]);
    await expect(removeNamespace(kubectl, NAMESPACE, 400)).rejects.toMatchObject({ code: 'CLEANUP_FAILED', details: { namespace: NAMESPACE } });
  });
  it('looks seldom while nothing can have been removed yet, and often from then on', async () => {
    const looks: number[] = [];
    const began = performance.now();
    const kubectl = kubectlFor(apiOf().access, {
      run: (argv) => {
        if (argv.includes('--raw')) looks.push(performance.now() - began);
        const gone = performance.now() - began > 5_500;
        return Promise.resolve({
          exitCode: gone && argv.includes('--raw') ? 1 : 0,
          stdout: '{}',
          stderr: gone ? 'Error from server (NotFound)' : '',
          failure: '',
        });
      },
    });
    await removeNamespace(kubectl, NAMESPACE);
    expect(looks.filter((at) => at < 3_900).length).toBeLessThanOrEqual(4);
    expect((looks.at(-1) ?? 0) - (looks.at(-2) ?? 0)).toBeLessThan(900);
  }, 20_000);
  it('is out of reach of Ctrl-C, call by call', async () => {
    const detached: unknown[] = [];
    const api = apiOf();
    const run: Api['run'] = (argv, options) => (detached.push(options.detached), api.run(argv, options));
    await removeNamespace(kubectlFor(api.access, { run }), NAMESPACE);
    expect(detached).toEqual([true, true, true]);
  });
  it('is content where pods may not be deleted, and where there never was such a namespace', async () => {
    const forbidden = 'Error from server (Forbidden): pods is forbidden: User "u"';
    const api = apiOf({ fail: (args) => (args[1] === 'pods' ? forbidden : null) });
    await removeNamespace(kubectlFor(api.access, { run: api.run }), NAMESPACE);
    expect(api.calls.map((args) => args[0])).toEqual(['delete', 'delete', 'get']);
  });
});

describe('waitReady', () => {
  const target = { kind: 'DaemonSet', namespace: 'kube-system', name: 'cni' } as const;
  const daemonSet = (numberAvailable: number): object => ({
    kind: 'DaemonSet',
    metadata: { ...target, generation: 1 },
    spec: { selector: { matchLabels: { app: 'cni' } } },
    status: { observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable },
  });
  const waiting = (
    answers: readonly number[],
    rest: object = {},
  ): { readonly done: Promise<void>; readonly told: readonly string[]; readonly calls: readonly (readonly string[])[] } => {
    const told: string[] = [];
    const calls: (readonly string[])[] = [];
    const polls = answers.values();
    let last = 0;
    const kubectl = kubectlFor(
      { cluster: 'lab', kubeconfig: '/k', context: null, onNode: null },
      {
        run: (argv) => {
          calls.push(argv);
          const items = argv.includes('events') ? [] : [daemonSet((last = polls.next().value ?? last))];
          return Promise.resolve({ exitCode: 0, stdout: JSON.stringify({ items }), stderr: '', failure: '' });
        },
      },
    );
    const options = { nodes: false, deadlineMs: 10_000, signal: new AbortController().signal, onProgress: (reason: string) => told.push(reason), ...rest };
    return { done: waitReady(kubectl, [target], options), told, calls };
  };

  it('returns when all is ready, with one call per poll, and tells each reason once', async () => {
    const { done, told, calls } = waiting([0, 1, 1, 2]);
    await done;
    expect(told).toEqual(['DaemonSet kube-system/cni: 0 of 2 ready', 'DaemonSet kube-system/cni: 1 of 2 ready']);
    expect(calls).toHaveLength(4);
    expect(calls[0]?.slice(3)).toEqual(['get', 'nodes,pods,daemonsets.apps', '--namespace', 'kube-system', '--output=json']);
  });
  it('gives the reasons at its deadline', async () => {
    await expect(waiting([1], { deadlineMs: 100 }).done).rejects.toMatchObject({
      code: 'NOT_READY',
      details: { reasons: ['DaemonSet kube-system/cni: 1 of 2 ready'] },
    });
  });
  it('ends at once when it is interrupted', async () => {
    await expect(waiting([1], { signal: AbortSignal.abort() }).done).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
