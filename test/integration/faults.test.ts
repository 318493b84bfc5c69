/**
 * The verifier's own proof on the real kernel: every fault of the library is injected into a running lab of every data path, must make the
 * verification fail with the diagnosis that the library names, and must be gone without a trace when it is undone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_MATERIALS, type Engine, type EngineHandle, type EngineSession } from '../../engines/port.ts';
import { loadEngine } from '../../engines/registry.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { CniSpec, LabSpec } from '../../topology/spec.ts';
import { faultApplies, faults } from '../../verify/faults/index.ts';
import type { Traces } from '../../verify/faults/traces.ts';
import { readTraces, tryFault } from '../../verify/faults/trial.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import type { Report } from '../../verify/report.ts';
import { lacking } from '../requires.ts';

/** Inside one kernel an answer takes microseconds: a short deadline keeps hundreds of dead paths from costing a second each. */
const QUICK = { deadlineMs: 250 } as const;

/** Labs that are up at the same time: a verification mostly waits, and the machine's neighbour table is one for all. */
const AT_A_TIME = 4;

type Cluster = NonNullable<LabSpec['clusters']>[number];

function spec(name: string, cni: CniSpec, more: Partial<LabSpec> = {}, cluster: Partial<Cluster> = { controlPlanes: 1, workers: 2 }): LabSpec {
  return { name, clusters: [{ name: 'c1', cni, workloads: [{ name: 'echo', perNode: 2 }], ...cluster }], ...more };
}

const TWO_SEGMENTS = {
  segments: [
    { name: 'left', cidr: '10.0.1.0/24' },
    { name: 'right', cidr: '10.0.2.0/24' },
  ],
};
const SPREAD = {
  nodes: [
    { name: 'worker1', segment: 'left' },
    { name: 'worker2', segment: 'right' },
    { name: 'worker3', segment: 'left' },
  ],
};

const labs: readonly LabSpec[] = [
  spec('bridge', { type: 'bridge' }),
  spec('bridge-router', { type: 'bridge', routesOn: 'router' }, { routers: [{ name: 'router', interfaces: [{ segment: 'lan' }] }] }),
  spec('flannel-vxlan', { type: 'flannel' }),
  spec('flannel-host-gw', { type: 'flannel', backend: 'host-gw' }),
  spec(
    'flannel-ipv6',
    { type: 'flannel' },
    { underlay: { cidr: 'fd00:30::/64' } },
    { controlPlanes: 1, workers: 2, podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' },
  ),
  spec('calico-vxlan', { type: 'calico' }),
  spec('calico-bgp', { type: 'calico', encapsulation: 'none' }),
  spec('calico-cross-subnet', { type: 'calico', encapsulation: 'crossSubnet' }, { underlay: TWO_SEGMENTS }, SPREAD),
  spec('weave', { type: 'weave' }),
  spec('kindnet', { type: 'kindnet' }),
  spec('flannel-permanent', { type: 'flannel' }),
  spec('weave-permanent', { type: 'weave' }),
];

/** With the neighbour entries of a large lab: written by hand, so that nothing about an address is ever asked. */
const PERMANENT: ReadonlySet<string> = new Set(['flannel-permanent', 'weave-permanent']);

const why = lacking('netns', 'plugins', 'bird');

const waiting: (() => void)[] = [];
let free = AT_A_TIME;
async function takeTurn(): Promise<void> {
  if (free > 0) free -= 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
}
function giveTurn(): void {
  const next = waiting.shift();
  if (next === undefined) free += 1;
  else next();
}

describe.skipIf(why !== null).concurrent.each(labs.map((lab) => [lab.name, lab] as const))(
  `faults in %s${why === null ? '' : ` (skipped: ${why})`}`,
  (_name, lab) => {
    const learned = planLab(lab);
    const plan: LabPlan = PERMANENT.has(lab.name) ? { ...learned, neighbours: { ...learned.neighbours, mode: 'permanent' } } : learned;
    let directory = '';
    let engine: Engine;
    let handle: EngineHandle | null = null;
    let session: EngineSession | undefined;
    let before: Traces;

    beforeAll(async () => {
      await takeTurn();
      directory = mkdtempSync(join(tmpdir(), 'cnilab-faults-'));
      engine = await loadEngine('netns');
      await engine.create(plan, {
        directory,
        sourceDirectory: directory,
        materials: NO_MATERIALS,
        onEvent: () => {},
        onHandle: async (made) => {
          handle = made;
        },
        signal: new AbortController().signal,
      });
      session = await engine.open(handle ?? { engine: 'netns' }, plan);
      expect(complaints(await verifyLab(session, plan, QUICK))).toEqual([]);
      before = await readTraces(session, plan);
    }, 900_000);

    afterAll(async () => {
      try {
        // Not open where the lab did not come up.
        if (session !== undefined) expect(complaints(await verifyLab(session, plan, QUICK))).toEqual([]);
      } finally {
        await session?.close();
        await engine.destroy(handle, directory);
        rmSync(directory, { recursive: true, force: true });
        giveTurn();
      }
    });

    // Only what is about addresses and MACs depends on how neighbours are known.
    for (const fault of faults.filter((one) => !PERMANENT.has(lab.name) || one.layer === 'addressing' || one.layer === 'l2' || one.layer === 'overlay')) {
      const applies = faultApplies(fault, plan);
      it.skipIf(applies !== true).sequential(
        `${fault.id} is found as ${fault.diagnosis}${applies === true ? '' : ` (skipped: ${applies})`}`,
        async (context) => {
          if (session === undefined) throw new Error('the lab is not up');
          const trial = await tryFault(session, plan, fault, before, QUICK);
          if (trial.verdict === 'lacking') context.skip(trial.detail);
          expect({ verdict: trial.verdict, detail: trial.detail, left: trial.left }, trial.named.join(', ')).toEqual({
            verdict: 'found',
            detail: '',
            left: [],
          });
        },
      );
    }
  },
);

/** What a healthy lab must not have. */
function complaints(report: Report): readonly string[] {
  const failures = report.checks.flatMap((check) => check.failures.map((one) => `${check.id}: ${one.client} to ${one.server}, ${one.protocol}: ${one.saw}`));
  return report.verdict === 'pass'
    ? []
    : [report.verdict, ...failures.slice(0, 10), ...report.checks.filter((check) => check.reason !== '').map((check) => `${check.id}: ${check.reason}`)];
}
