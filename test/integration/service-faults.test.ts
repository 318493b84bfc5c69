/**
 * The faults of Services on the real kernel, in both modes of the proxy: each is caught by its check, named as itself and as nothing else, mended by the
 * command that the diagnosis gives, and leaves no trace when it is undone.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineSession, Snapshot } from '../../engines/port.ts';
import type { KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { faultApplies, faults, injectFault, undoFault } from '../../verify/faults/index.ts';
import type { Report } from '../../verify/report.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { lacking } from '../requires.ts';
import { HTTP_AND_ECHO, serviceObject } from '../service-object.ts';
import { failing, told, VerifiedLab } from './verified-lab.ts';

const why = lacking('netns', 'plugins');
const QUICK = { suites: ['services'], deadlineMs: 250 } as const;

const service = (name: string, spec: Readonly<Record<string, unknown>>): KubernetesObject =>
  serviceObject(name, { selector: { app: 'web' }, ports: HTTP_AND_ECHO, ...spec });

const spec = (mode: 'iptables' | 'nftables'): LabSpec => ({
  name: 'service-faults',
  clusters: [
    {
      name: 'c1',
      workers: 2,
      cni: { type: 'flannel' },
      dns: false,
      kubeProxy: { mode },
      workloads: [
        { name: 'web', perNode: 1 },
        { name: 'client', replicas: 1, nodeSelector: { 'kubernetes.io/hostname': 'worker1' } },
      ],
      objects: [service('web', { type: 'NodePort' }), service('sticky', { sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 8080 }] })],
    },
  ],
});

/** Whole Services are written by whoever programs the node; of the masquerade rules of many ports the first are named; a network card is imitated. */
const UNMENDED: ReadonlySet<string> = new Set(['no-ready-endpoint', 'hairpin-without-masquerade', 'vxlan-checksum-offload']);

// Both at the same time: most of it is waiting for answers that do not come.
describe.skipIf(why !== null).concurrent.each(['iptables', 'nftables'] as const)(
  `faults of Services in mode %s${why === null ? '' : ` (skipped: ${why})`}`,
  (mode) => {
    let lab: VerifiedLab;
    let session: EngineSession;

    beforeAll(async () => {
      lab = await VerifiedLab.up(spec(mode));
      session = await lab.open();
      expect(complaints(await verifyLab(session, lab.plan, QUICK))).toEqual([]);
    });
    afterAll(async () => {
      await session?.close();
      await lab?.[Symbol.asyncDispose]();
    });

    it.sequential.each(faults.filter((fault) => fault.layer === 'service' || fault.check.startsWith('service-')).map((fault) => [fault.id, fault] as const))(
      '%s',
      async (id, fault) => {
        expect(faultApplies(fault, lab.plan)).toBe(true);
        const nodes = lab.plan.clusters.flatMap((cluster) => cluster.nodes.map((node) => node.netns));
        const before = traces(await session.snapshot(nodes, { rules: true }));
        const undo = await injectFault(session, lab.plan, id);
        try {
          const broken = await verifyLab(session, lab.plan, QUICK);
          expect(failing(broken)).toContain(fault.check);
          expect(broken.diagnoses.map((one) => [one.name, one.severity])).toEqual([[fault.diagnosis, 'fail']]);
          expect(broken.checks.flatMap((check) => check.failures).filter((one) => one.diagnosis !== fault.diagnosis)).toEqual([]);
          const [diagnosis] = broken.diagnoses;
          expect(diagnosis?.evidence).not.toEqual([]);
          expect(diagnosis?.where).toContain(undo.where);
          expect(diagnosis?.ruledOut).not.toEqual([]);
          if (!UNMENDED.has(id)) {
            await run(session, diagnosis?.mend ?? '');
            expect(complaints(await verifyLab(session, lab.plan, QUICK))).toEqual([]);
          }
        } finally {
          await undoFault(session, undo);
        }
        expect(traces(await session.snapshot(nodes, { rules: true }))).toEqual(before);
        expect(complaints(await verifyLab(session, lab.plan, QUICK))).toEqual([]);
      },
    );
  },
);

/** Runs `cnilab exec LAB NODE -- …; …` in the nodes' namespaces. */
async function run(session: EngineSession, mend: string): Promise<void> {
  expect(mend).toMatch(/^cnilab exec service-faults \S+ -- /);
  for (const [, node = '', command = ''] of mend.matchAll(/cnilab exec \S+ (\S+) -- (.*?)(?=; cnilab exec |$)/g)) {
    const netns = `node.c1.${node}`;
    expect((await session.run(netns, ['sh', '-c', command])).stderr).not.toMatch(/rror/);
    // What is not translated yet stays so while it is remembered.
    await session.run(netns, ['conntrack', '-F']);
  }
}

/** What a fault of Services may touch, without counters and clients that are remembered. */
function traces({ namespaces }: Snapshot): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(namespaces).map(([name, { rules, links, sysctls }]) => [
      name,
      [
        ...[rules.iptables, rules.nft.replaceAll(/elements = \{[^}]* expires [^}]*\}/g, '')]
          .flatMap((text) => text.split('\n'))
          .map((line) =>
            line
              .replaceAll(/\[\d+:\d+\]|^#.*|packets \d+ bytes \d+/g, '')
              .replace(/,$/, '')
              .trim(),
          ),
        ...links.map((link) => `${link.name} ${link.hairpin}`),
        `bridge ${sysctls['net/bridge/bridge-nf-call-iptables']}`,
      ]
        .filter((line) => line !== '')
        .toSorted(),
    ]),
  );
}

const complaints = (report: Report): readonly string[] => (report.verdict === 'pass' ? [] : told(report).filter((line) => !line.includes(': skip: ')));
