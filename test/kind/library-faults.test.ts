/**
 * The fault library on the nodes of real clusters: injected by the CLI, found by the right name from inside of the cluster, undone without a trace. On the last of them
 * faults that the library does not have.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readKernels, type OnNode } from '../../engines/kubernetes/read-kernels.ts';
import { faultById } from '../../verify/faults/index.ts';
import { leftBehind, tracesOf, type Traces } from '../../verify/faults/traces.ts';
import { judgeTrial } from '../../verify/faults/trial.ts';
import { Place } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';
import { findsFaultsByHand } from './faults-by-hand.ts';
import { onNode, RealLab } from './real.ts';

const why = lacking('kind', 'plugins');

/** What shows between the nodes, whichever pods ask; that loss is told from silence takes more attempts than a test has time for. */
const BETWEEN_NODES = [
  'masquerade-pod-to-pod',
  'snat-udp-only',
  'snat-node-to-pod',
  'forward-policy-drop',
  'forward-route-missing',
  'return-route-missing',
  'blackhole-route',
  'rp-filter-strict-asymmetric',
  'calico-own-rpf',
  'duplicate-pod-cidr',
  'pod-cidr-overlaps-network',
] as const;

const LABS = [
  { cni: 'bridge', faults: BETWEEN_NODES },
  {
    cni: 'flannel',
    faults: [...BETWEEN_NODES.filter((id) => !id.startsWith('snat-')), 'stale-fdb', 'wrong-vtep-mac', 'vni-mismatch', 'vxlan-port-blocked'],
  },
] as const;

const asked: OnNode = (node, argv) => Promise.resolve({ exitCode: 0, stderr: '', stdout: onNode(node, ...argv) });

/** A cluster that is up, as it was before the first fault. */
interface Stand {
  readonly lab: RealLab;
  readonly before: Traces;
}

const QUICK = ['--suite', 'network', '--attempts', '1'] as const;

const nameOf = (cni: string): string => `real-library-${cni}`;

async function tracesIn(cni: string): Promise<Traces> {
  const nodes = [`cnilab-${nameOf(cni)}-control-plane`, `cnilab-${nameOf(cni)}-worker`];
  return tracesOf(
    await readKernels(
      asked,
      nodes.map((node) => ({ netns: node, node, pod: null })),
      { rules: true },
    ),
  );
}

describe.skipIf(why !== null)(`faults on real clusters${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let place: Place;
  const stands = new Map<string, Stand>();

  // One after the other: a cluster that comes up takes the whole machine.
  beforeAll(async () => {
    place = new Place();
    for (const { cni } of LABS) {
      const name = nameOf(cni);
      const lab = await RealLab.create(
        place,
        name,
        `name: ${name}\nclusters:\n  - name: c1\n    controlPlanes: 1\n    workers: 1\n    cni: { type: ${cni} }\n    workloads: [{ name: echo, perNode: 2 }]\n`,
      );
      const { code, report } = await lab.verify(...QUICK);
      expect(report.diagnoses).toEqual([]);
      expect(code).toBe(0);
      stands.set(cni, { lab, before: await tracesIn(cni) });
    }
  }, 600_000);
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
  });

  // Both clusters at the same time: a verification mostly waits, for pods to start, for answers, and for its namespace to be gone.
  describe.concurrent.each(LABS)('with $cni', ({ cni, faults }) => {
    const name = nameOf(cni);
    const stand = (): Stand => {
      const found = stands.get(cni);
      if (found === undefined) throw new Error(`${name} is not up`);
      return found;
    };
    const left = async (): Promise<readonly string[]> => leftBehind(stand().before, await tracesIn(cni));

    it.sequential('has nothing that deviates', async () => {
      const { code, stdout } = await place.cnilab(['diagnose', name]);
      expect(code, stdout).toBe(0);
    });

    it.sequential.each(faults)('%s is found by its name', async (id) => {
      const fault = faultById(id);
      const injected = await place.cnilab(['fault', 'inject', name, id]);
      expect(injected.code, injected.stderr).toBe(0);
      let found: Awaited<ReturnType<RealLab['verify']>>;
      try {
        found = await stand().lab.verify(...QUICK);
      } finally {
        const undone = await place.cnilab(['fault', 'undo', name, id]);
        expect(undone.code, undone.stderr).toBe(0);
      }
      const { report, code } = found;
      expect(code).toBe(1);
      expect(judgeTrial(fault, report), report.diagnoses.map((one) => one.name).join(', ')).toEqual({ verdict: 'found', detail: '' });
      await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 30_000, interval: 1000 });
    });

    it.sequential('refuses what a node has no program for, and what only the embedded engine has', async () => {
      const proxy = await place.cnilab(['fault', 'inject', name, 'l4-proxy-redirect']);
      expect(proxy.code).not.toBe(0);
      expect(proxy.stderr).toContain('the proxy does not run there');
      const service = await place.cnilab(['fault', 'inject', name, 'service-rules-missing']);
      expect(service.stderr).toContain('no Service of the lab');
      expect(await left()).toEqual([]);
    });

    it.sequential('finds at a pod of the lab what no probe of its own pods can show', async () => {
      const injected = await place.cnilab(['fault', 'inject', name, 'stale-arp']);
      expect(injected.code, injected.stderr).toBe(0);
      const found = await place.cnilab(['diagnose', name]);
      expect((await place.cnilab(['fault', 'undo', name])).code).toBe(0);
      expect(found.code).toBe(1);
      expect(found.stdout).toContain('stale-neighbour');
      const clean = await place.cnilab(['diagnose', name]);
      expect(clean.code, clean.stdout).toBe(0);
    });

    it.sequential('passes once everything is undone', async () => {
      const { report, code } = await stand().lab.verify(...QUICK);
      expect(report.diagnoses).toEqual([]);
      expect(code).toBe(0);
    });

    if (cni === 'flannel') findsFaultsByHand(() => stand().lab);
  });
});
