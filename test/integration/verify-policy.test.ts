import { describe, expect, it } from 'vitest';
import type { ClusterSpec, KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { lacking } from '../requires.ts';
import { failing, told, VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins');

const policy = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name },
  spec,
});

const spec = (cni: ClusterSpec['cni']): LabSpec => ({
  name: 'policy',
  clusters: [
    {
      name: 'c1',
      workers: 2,
      cni,
      workloads: [
        { name: 'web', perNode: 1 },
        { name: 'client', replicas: 2 },
        { name: 'other', replicas: 1 },
      ],
      objects: [
        policy('deny-web', { podSelector: { matchLabels: { app: 'web' } } }),
        policy('let-clients-in', {
          podSelector: { matchLabels: { app: 'web' } },
          ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }], ports: [{ protocol: 'TCP', port: 8080 }] }],
        }),
      ],
    },
  ],
});

describe.skipIf(why !== null)('the suite policy on the embedded engine', () => {
  it('weave: the table holds, R1 is judged by what is open, and what is broken is found', { timeout: 120_000 }, async () => {
    await using lab = await VerifiedLab.up(spec({ type: 'weave' }));
    const healthy = await lab.verify({});
    expect(told(healthy).filter((line) => !line.startsWith('inventory-cni: skip') && !line.startsWith('r2-pod-to-node: skip'))).toEqual([]);
    expect(healthy.verdict).toBe('pass');
    const table = healthy.checks.find((check) => check.id === 'policy-matrix');
    expect(table?.pairs.passed).toBeGreaterThan(100);
    expect(healthy.notLookedAt.join('\n')).toMatch(/pod-to-pod in c1: \d+ pairs that policies do not leave open to tcp ipv4/);

    const nodes = lab.plan.clusters[0]?.nodes ?? [];
    const open = await lab.verify(
      { suites: ['policy'] },
      nodes.map((node) => [node.netns, 'nft', 'delete', 'table', 'inet', 'cnilab-policy']),
    );
    expect(failing(open)).toEqual(['policy-matrix']);
    expect(open.checks[0]?.failures[0]).toMatchObject({
      class: 'unexpected-answer',
      expected: expect.stringMatching(/^blocked: default\/deny-web, default\/let-clients-in \(ingress\)/),
    });
  });

  it('bridge: not enforced, and said so', { timeout: 120_000 }, async () => {
    await using lab = await VerifiedLab.up(spec({ type: 'bridge' }));
    const report = await lab.verify({ suites: ['policy', 'network'] });
    expect(told(report).join('\n')).toMatch(
      /policy-matrix: skip: bridge in c1 does not enforce NetworkPolicies: 2 have no effect, (\d+) of \1 cells that they block are open/,
    );
    expect(report.verdict).toBe('pass');
  });
});
