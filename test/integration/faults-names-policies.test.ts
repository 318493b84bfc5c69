/** Faults of DNS and of NetworkPolicies: injected into a running lab, found by the check and under the name of the library, and gone when undone. */
import { describe, expect, it } from 'vitest';
import type { CniSpec, KubernetesObject, LabSpec, ProxyMode } from '../../topology/spec.ts';
import { dnsFile, mendForwarding } from '../../verify/dns/forwarding.ts';
import { faultApplies, faultById, injectFault, undoFault } from '../../verify/faults/index.ts';
import type { Suite } from '../../verify/suites.ts';
import { lacking } from '../requires.ts';
import { serverOf } from './dns-lab.ts';
import { failing, told, VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins', 'dns-server');

const policy = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name },
  spec,
});

const lab = (cni: CniSpec, mode: ProxyMode): LabSpec => ({
  name: `${cni.type}-${mode}`,
  clusters: [
    {
      name: 'c1',
      workers: 2,
      cni,
      kubeProxy: { mode },
      workloads: [
        { name: 'web', perNode: 1 },
        { name: 'db', perNode: 1 },
      ],
      objects: [
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } },
        policy('web-alone-calls-db', {
          podSelector: { matchLabels: { app: 'db' } },
          ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ protocol: 'TCP', port: 5432 }] }],
        }),
      ],
    },
  ],
});

const isCoreDns = serverOf('coredns') !== null;

/** Each with the suites in which it must be the only cause. */
const FAULTS: Readonly<Record<string, readonly Suite[]>> = {
  'policy-not-enforced': ['network', 'policy'],
  'policy-too-wide': ['policy'],
  'policy-too-strict': ['network', 'dns'],
  'policy-drop': ['network', 'dns', 'policy'],
  'policy-reject': ['network'],
  'dns-broken': ['dns'],
  'dns-broken-server': ['dns'],
  'search-list-wrong': ['dns'],
  // dnsmasq looks for no loop: where it serves the names, the fault is refused, as the second test says.
  ...(isCoreDns ? { 'dns-forwarding-loop': ['dns'] } : {}),
};

// Both at the same time: most of it is waiting for answers that do not come.
describe.skipIf(why !== null).concurrent.each([
  [{ type: 'weave' }, 'iptables'],
  [{ type: 'calico' }, 'nftables'],
] as const)(`faults of names and policies, %o with %s${why === null ? '' : ` (skipped: ${why})`}`, (cni, mode) => {
  it('each is found by its check under its name, and gone when undone', { timeout: 300_000 }, async () => {
    await using running = await VerifiedLab.up(lab(cni, mode));
    for (const [id, suites] of Object.entries(FAULTS)) {
      const fault = faultById(id);
      expect(faultApplies(fault, running.plan), id).toBe(true);
      const { broken, mended } = await running.break(id, {
        deadlineMs: suites.includes('dns') ? 2000 : 1000,
        attempts: 2,
        suites,
        skip: '^(size-sweep|loss)$',
      });
      expect(failing(broken), id).toContain(fault.check);
      const causes = broken.diagnoses.filter((one) => one.severity === 'fail');
      expect(
        causes.map((one) => one.name),
        `${id}: ${JSON.stringify([broken.diagnoses, broken.notLookedAt], null, 1)}`,
      ).toEqual([fault.diagnosis]);
      expect(causes[0]?.evidence.length, id).toBeGreaterThan(0);
      expect(causes[0]?.mend, id).not.toBe('');
      expect(causes[0]?.ruledOut.length, id).toBeGreaterThan(0);
      expect(
        broken.checks.flatMap((check) => check.failures).filter((one) => one.diagnosis !== fault.diagnosis),
        id,
      ).toEqual([]);
      expect(
        told(mended).filter((line) => !line.includes(': skip: ')),
        `${id} undone`,
      ).toEqual([]);
    }
  });
});

describe.skipIf(why !== null)('a server that forwards to itself', () => {
  const spec: LabSpec = { name: 'loop', clusters: [{ name: 'c1', workers: 1, cni: { type: 'bridge' }, dns: true, workloads: [{ name: 'web', perNode: 1 }] }] };

  it.skipIf(!isCoreDns)(`says so in its log, and its mend is a command that mends${isCoreDns ? '' : ' (skipped: CoreDNS is not here)'}`, async () => {
    await using running = await VerifiedLab.up(spec);
    const session = await running.open();
    try {
      const undo = await injectFault(session, running.plan, 'dns-forwarding-loop');
      const { diagnoses } = await running.verify({ suites: ['dns'] });
      expect(diagnoses).toMatchObject([{ name: 'dns-forwarding-loop', evidence: [expect.any(String), expect.stringContaining('plugin/loop: Loop (')] }]);
      const [server] = running.plan.clusters[0]?.pods.filter((pod) => pod.id === diagnoses[0]?.where[0]) ?? [];
      const netns = server?.netns ?? '';
      expect(diagnoses[0]?.mend).toContain(dnsFile(netns));
      expect(await session.run(netns, mendForwarding(netns, []))).toMatchObject({ exitCode: 0 });
      expect((await running.verify({ suites: ['dns'] })).verdict).toBe('pass');
      await undoFault(session, undo);
      expect((await running.verify({ suites: ['dns'] })).verdict).toBe('pass');
    } finally {
      await session.close();
    }
  });

  it.skipIf(isCoreDns)('is refused where dnsmasq serves the names, which goes on', async () => {
    await using running = await VerifiedLab.up(spec);
    const session = await running.open();
    try {
      await expect(injectFault(session, running.plan, 'dns-forwarding-loop')).rejects.toMatchObject({ code: 'FAULT_NOT_APPLICABLE' });
      expect((await running.verify({ suites: ['dns'] })).verdict).toBe('pass');
    } finally {
      await session.close();
    }
  });
});
