import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { EventObject, NodeObject, PodObject, WorkloadObject } from '../../engines/kubernetes/api-objects.ts';
import { reasonsNotReady, type RolloutState } from '../../engines/kubernetes/rollout-state.ts';
import type { RolloutTarget } from '../../topology/artifacts.ts';

/** What a real API (1.34.4) answered while Deployments were in trouble; `state-cni`: while flannel lacked a plugin on every node. */
function recorded(name: string): RolloutState {
  const { items, events } = JSON.parse(readFileSync(new URL(`kubernetes-recorded/${name}.json`, import.meta.url), 'utf8')) as {
    readonly items: readonly { readonly kind: string }[];
    readonly events: readonly EventObject[];
  };
  const of = (wanted: (kind: string) => boolean): unknown => items.filter((one) => wanted(one.kind));
  return {
    nodes: of((kind) => kind === 'Node') as readonly NodeObject[],
    pods: of((kind) => kind === 'Pod') as readonly PodObject[],
    workloads: of((kind) => kind !== 'Node' && kind !== 'Pod') as readonly WorkloadObject[],
    events,
    logs: {},
  };
}

const state = recorded('state');
const target = (kind: RolloutTarget['kind'], name: string): RolloutTarget => ({ kind, namespace: 'bad', name });
const texts = (of: RolloutState, wanted: readonly RolloutTarget[]): readonly string[] => reasonsNotReady(of, wanted, { nodes: false }).map((one) => one.text);

describe('reasonsNotReady', () => {
  it('finds nothing to wait for in nodes that are ready', () => {
    expect(reasonsNotReady(state, [], { nodes: true })).toEqual([]);
  });
  it('gives the words of the kubelet for a node that is not', () => {
    const [node] = state.nodes;
    const message =
      'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized';
    const broken = {
      ...node,
      metadata: { name: 'lab-worker' },
      status: { conditions: [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady', message }] },
    };
    expect(reasonsNotReady({ ...state, nodes: [broken] }, [], { nodes: true })).toEqual([{ text: `node lab-worker is not ready: ${message}`, stuck: false }]);
  });
  it('names an image that cannot be pulled, as stuck', () => {
    const [head, pod] = reasonsNotReady(state, [target('Deployment', 'image')], { nodes: false });
    expect(head?.text).toBe('Deployment bad/image: 0 of 1 ready');
    expect(pod).toMatchObject({ stuck: true });
    expect(pod?.text).toMatch(/^pod bad\/image-\S+ on lab-worker: image of container main cannot be pulled: .*registry\.invalid\/none:1/);
  });
  it('names a crash with its exit code, and the end of the log when it is there', () => {
    const wanted = [target('Deployment', 'crash')];
    expect(texts(state, wanted)[1]).toMatch(/on lab-worker: container main crashes \(Error, exit code 3\)$/);
    const pod = state.pods.find((one) => one.metadata.name.startsWith('crash-'))?.metadata.name ?? '';
    expect(texts({ ...state, logs: { [`bad/${pod}`]: 'opening\ncannot open the door\n' } }, wanted)[1]).toMatch(
      /exit code 3\), its last words: opening \| cannot open the door$/,
    );
  });
  it('says why a pod fits on no node', () => {
    expect(texts(state, [target('Deployment', 'nowhere')])[1]).toMatch(/: cannot be scheduled: 0\/3 nodes are available/);
  });
  it('tells a pod that runs from one that is ready, with what its probe says', () => {
    expect(texts(state, [target('DaemonSet', 'unready')])).toEqual([
      'DaemonSet bad/unready: 0 of 2 ready',
      expect.stringMatching(/runs, and is not ready yet: Readiness probe failed:$/),
      expect.stringMatching(/runs, and is not ready yet: Readiness probe failed:$/),
    ]);
  });
  it('gives the error of a CNI plugin', () => {
    expect(texts(recorded('state-cni'), [target('DaemonSet', 'unready')])[1]).toContain(
      'plugin type="flannel" failed (add): failed to find plugin "bridge" in path [/opt/cni/bin]',
    );
  });
  it('does not take what is not there for ready', () => {
    expect(texts(state, [target('StatefulSet', 'none')])).toEqual(['StatefulSet bad/none is not there']);
  });
  it('does not believe a status of an older generation, or one that counts pods of an older revision', () => {
    const deployment = (status: WorkloadObject['status']): WorkloadObject => ({
      kind: 'Deployment',
      metadata: { namespace: 'bad', name: 'web', generation: 2 },
      spec: { replicas: 2 },
      ...(status === undefined ? {} : { status }),
    });
    const reasons = (status: WorkloadObject['status']): readonly string[] =>
      texts({ ...state, workloads: [deployment(status)] }, [target('Deployment', 'web')]);
    expect(reasons({ observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2 })).toEqual([
      'Deployment bad/web: its controller has not seen it yet',
    ]);
    expect(reasons({ observedGeneration: 2, replicas: 3, updatedReplicas: 1, availableReplicas: 3 })).toEqual(['Deployment bad/web: 1 of 2 ready']);
    expect(reasons({ observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 })).toEqual([]);
    expect(reasons(undefined)).toHaveLength(1);
  });
  it('waits for bare pods until they are ready or have ended well', () => {
    const pod = (status: PodObject['status']): RolloutState => ({
      ...state,
      pods: [{ metadata: { namespace: 'a', name: 'p' }, ...(status === undefined ? {} : { status }) }],
    });
    const wanted: readonly RolloutTarget[] = [{ kind: 'Pod', namespace: 'a', name: 'p' }];
    expect(reasonsNotReady(pod({ phase: 'Succeeded' }), wanted, { nodes: false })).toEqual([]);
    expect(reasonsNotReady(pod({ phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }), wanted, { nodes: false })).toEqual([]);
    expect(reasonsNotReady(pod({ phase: 'Pending' }), wanted, { nodes: false })).toEqual([{ text: 'pod a/p: waits to be scheduled', stuck: false }]);
    expect(reasonsNotReady(state, wanted, { nodes: false })).toEqual([{ text: 'pod a/p is not there', stuck: false }]);
    expect(reasonsNotReady(pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' }), wanted, { nodes: false })).toEqual([
      { text: 'pod a/p: Evicted: The node was low on resource: memory.', stuck: true },
    ]);
  });
});
