/** A session of a kind lab over a fake container engine: where its programs run. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accessTo, type KindHandle } from '../../engines/kind/handle.ts';
import { kindSession } from '../../engines/kind/session.ts';
import { observedPlan } from '../../engines/kubernetes/observed-plan.ts';
import { endAllWith, limited } from '../../engines/kubernetes/time-limit.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { recordedFacts, recordedVerification } from './kubernetes-fixture.ts';

const HANDLE: KindHandle = { directory: '/d', provider: 'docker', clusters: { c1: 'lab' }, containers: 3, writtenAt: '' };
const DONE = { exitCode: 0, stdout: '', stderr: '', failure: '' };
const KERNELS = readFileSync(new URL('kubernetes-recorded/kernels.txt', import.meta.url), 'utf8').replaceAll('cnilab-lab-worker2', 'lab-worker2');
const PLACES = ['sandbox-name":"web-1"', 'sandbox-namespace":"default"'].map((text) => `/x/config.json:"io.kubernetes.cri.${text}\n`).join('');

function plan(): LabPlan {
  const found = observedPlan({ lab: 'lab', cluster: 'c1', facts: recordedFacts(), collected: recordedVerification() });
  return {
    ...found,
    clusters: found.clusters.map((cluster) => {
      const [pod] = cluster.pods;
      if (pod === undefined) return cluster;
      const own = (name: string): typeof pod => ({ ...pod, namespace: 'default', name, node: 'lab-worker2', netns: `pod:c1/default/${name}` });
      return { ...cluster, pods: [own('web-1'), own('web-gone')] };
    }),
  };
}

function opened(): { readonly session: ReturnType<typeof kindSession>; readonly calls: string[] } {
  const calls: string[] = [];
  const session = kindSession(
    {
      run: (argv, options) => {
        calls.push([...argv.filter((word) => !word.includes('\n') && !word.startsWith('grep ')), options?.input ?? ''].join(' ').trim());
        const stdout = argv.some((word) => word.startsWith('grep ')) ? `${PLACES}/x/config.json:"type":"network","path":"/run/netns/cni-1"\n` : KERNELS;
        return Promise.resolve({ exitCode: 0, stdout, stderr: '', failure: '' });
      },
    },
    HANDLE,
    plan(),
  );
  return { session, calls };
}

describe('a session of a kind lab', () => {
  it('runs programs on nodes, and in the namespaces of pods from their node', async () => {
    const { session, calls } = opened();
    await session.run('lab-worker2', ['iptables-restore'], { input: '*filter' });
    await session.run('pod:c1/default/web-1', ['ip', 'addr']);
    expect(calls).toEqual([
      'docker exec --interactive lab-worker2 iptables-restore *filter',
      'docker exec lab-worker2 timeout -k 1 31 sh -c',
      'docker exec lab-worker2 sh -c /run/netns/cni-1 ip addr',
    ]);
  });
  it('refuses pods that are gone, and places that only other engines have', async () => {
    const { session } = opened();
    await expect(session.run('pod:c1/default/web-gone', ['ip', 'addr'])).rejects.toMatchObject({ code: 'TARGET_UNKNOWN' });
    await expect(session.run('fabric', ['ip', 'addr'])).rejects.toMatchObject({ code: 'TARGET_UNKNOWN' });
  });
  it('says of a program that the clock ended that it did not end', async () => {
    const late = { exitCode: 1, stdout: '', stderr: '', failure: 'took longer than 5 ms' };
    const session = kindSession({ run: () => Promise.resolve(late) }, HANDLE, plan());
    await expect(session.run('lab-worker2', ['sleep', '9'], { timeoutMs: 5 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
  it('has the node end what the clock ended here: only its client is gone', async () => {
    const { session, calls } = opened();
    await session.run('lab-worker2', ['sleep', '9'], { timeoutMs: 2500 });
    const { onNode } = accessTo({ run: (argv) => (calls.push(argv.join(' ')), Promise.resolve(DONE)) }, HANDLE, 'c1', 'lab');
    await onNode?.('lab-worker2', ['ip', 'addr'], { timeoutMs: 10_000 });
    await onNode?.('lab-worker2', ['ip', 'addr']);
    expect(calls).toEqual([
      'docker exec lab-worker2 timeout -k 1 4 sleep 9',
      'docker exec lab-worker2 timeout -k 1 11 ip addr',
      'docker exec lab-worker2 ip addr',
    ]);
  });
  it('ends programs by a word of theirs, and neither itself nor what ends it', () => {
    const [, , pattern = ''] = endAllWith('ab12');
    expect(new RegExp(pattern).test('perl - listen tcp ipv4 10.244.1.9 5000 ab12 16')).toBe(true);
    expect(new RegExp(pattern).test(limited(endAllWith('ab12'), 1000).join(' '))).toBe(false);
  });
  it('tries a single way from the node of each end, and leaves the many to the Jobs', async () => {
    const { session, calls } = opened();
    const end = { id: 'x', kind: 'host', addresses: [{ family: 'ipv4', address: '10.244.1.9' }] } as const;
    const request = {
      protocol: 'udp',
      family: 'ipv4',
      port: 5000,
      endpoints: [
        { ...end, netns: 'lab-worker2' },
        { ...end, netns: 'pod:c1/default/web-1' },
      ],
      pairs: { kind: 'list', pairs: [[0, 1]] },
      attempts: 1,
      deadlineMs: 1000,
      responders: 'listen',
      conntrack: [],
    } as const;
    await session.probe(request, () => {});
    const started = calls.filter((call) => call.includes('perl')).map((call) => call.replace(/ [0-9a-f]{16} .*/s, ''));
    expect(started).toEqual([
      'docker exec --interactive lab-worker2 timeout -k 1 32 sh -c /run/netns/cni-1 perl - listen udp ipv4 10.244.1.9 5000',
      'docker exec --interactive lab-worker2 timeout -k 1 17 perl - dial udp ipv4 10.244.1.9 5000',
    ]);
    const all = { ...request, pairs: { kind: 'matrix', clients: [0], servers: [1], self: false } } as const;
    await expect(session.probe(all, () => {})).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED' });
  });
  it('reads kernels', async () => {
    const { session } = opened();
    expect(session.sight).toMatchObject({ kernel: true, probes: false, single: true });
    const { namespaces } = await session.snapshot(['lab-worker2', 'fabric'], { rules: true });
    expect(Object.keys(namespaces)).toContain('lab-worker2');
    expect(namespaces['lab-worker2']?.routes.length).toBeGreaterThan(0);
  });
});
