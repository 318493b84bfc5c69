import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NO_MATERIALS, type EngineHandle } from '../../engines/port.ts';
import { canOpenTun } from '../../engines/netns/kernel-feature.ts';
import { loadEngine } from '../../engines/registry.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterSpec, LabSpec } from '../../topology/spec.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { lacking } from '../requires.ts';

const dual = { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] };
const clusters: readonly Omit<ClusterSpec, 'name'>[] = [
  { cni: { type: 'bridge' } },
  { cni: { type: 'flannel' } },
  { cni: { type: 'flannel', backend: 'host-gw' } },
  ...(canOpenTun() ? ([{ cni: { type: 'flannel', backend: 'udp' } }] as const) : []),
  { cni: { type: 'flannel', docker: true } },
  { cni: { type: 'calico' } },
  { cni: { type: 'calico', encapsulation: 'none' } },
  {
    cni: { type: 'calico', encapsulation: 'crossSubnet' },
    nodes: [
      { name: 'n1', segment: 'a' },
      { name: 'n2', segment: 'a' },
      { name: 'n3', segment: 'b' },
    ],
  },
  { cni: { type: 'weave' } },
  { cni: { type: 'kindnet' } },
  { cni: { type: 'bridge' }, ...dual },
  { cni: { type: 'flannel' }, ...dual },
  { cni: { type: 'flannel' }, workers: 5, workloads: [{ name: 'app', perNode: 5 }] },
];
const EACH = 10;
const why = lacking('netns', 'plugins', 'bird');

describe.skipIf(why !== null)(`no false alarm${why === null ? '' : ` (skipped: ${why})`}`, () => {
  it.each(clusters.map((c, i) => [`${i + 1} ${JSON.stringify(c.cni)}${'podCIDR' in c ? ' dual stack' : ''}`, c] as const))(
    `${EACH} clean verifications pass: %s`,
    async (_title, cluster) => {
      const segments =
        cluster.nodes === undefined
          ? {}
          : {
              underlay: {
                segments: [
                  { name: 'a', cidr: '10.0.1.0/24' },
                  { name: 'b', cidr: '10.0.2.0/24' },
                ],
              },
            };
      const spec: LabSpec = { name: 'clean', ...segments, clusters: [{ name: 'c1', workloads: [{ name: 'app', perNode: 2 }], ...cluster }] };
      const plan = planLab(spec);
      const directory = mkdtempSync(join(tmpdir(), 'cnilab-clean-'));
      const engine = await loadEngine('netns');
      let handle: EngineHandle | null = null;
      try {
        handle = await engine.create(plan, {
          directory,
          sourceDirectory: directory,
          materials: NO_MATERIALS,
          onEvent: () => {},
          onHandle: async (made) => {
            handle = made;
          },
          signal: new AbortController().signal,
        });
        const session = await engine.open(handle, plan);
        try {
          for (let i = 0; i < EACH; i++) {
            const report = await verifyLab(session, plan, {});
            const complaints = report.checks
              .flatMap((c) => [c.reason, ...c.failures.map((f) => `${c.id}: ${f.client} → ${f.server} ${f.protocol} ${f.saw}`)])
              .filter((c) => c !== '' && !c.includes('observes it') && !c.includes('attaches pods by CNI plugins'));
            expect([report.verdict, ...complaints]).toEqual(['pass']);
            expect(report.diagnoses).toEqual([]);
          }
        } finally {
          await session.close();
        }
      } finally {
        await engine.destroy(handle, directory);
        rmSync(directory, { recursive: true, force: true });
      }
    },
  );
});
