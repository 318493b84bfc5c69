/** The judgement of the cells of a policy table, over a network that is a function. Whether a kernel blocks is tested in test/integration. */
import { describe, expect, it } from 'vitest';
import type { ProbeRecord } from '../../engines/port.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { PROBE_PORT } from '../../topology/probing.ts';
import type { CheckResult } from '../../verify/report.ts';
import { verifyLab } from '../../verify/run-verification.ts';
import { modelSession, SILENT, type ModelProbe } from './model-session.ts';

const plan = planLab({
  name: 'table',
  clusters: [
    {
      name: 'c1',
      cni: { type: 'calico' },
      dns: false,
      controlPlanes: 1,
      workers: 1,
      workloads: [
        { name: 'web', replicas: 1, labels: { app: 'web' }, ports: [{ containerPort: 8080 }] },
        { name: 'other', replicas: 1 },
      ],
      objects: [
        {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: 'only-8080' },
          spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ ports: [{ port: 8080 }] }] },
        },
      ],
    },
  ],
});
const pods = plan.clusters[0]?.pods ?? [];
const web = pods.find((pod) => pod.name.startsWith('web'));
const WEB = web?.id ?? '';
const OTHER = pods.find((pod) => pod.name.startsWith('other'))?.id ?? '';

const isWeb = ({ serverId }: ModelProbe): boolean => serverId.startsWith(`${WEB} port `);
/** From the other pod to web, where the policy leaves one port of TCP open. */
const isCell = (probe: ModelProbe): boolean => probe.clientId === OTHER && isWeb(probe);
const isOpen = ({ serverId, request }: ModelProbe): boolean => serverId === `${WEB} port 8080` && request.protocol === 'tcp';
/** By itself, and by its own node, a pod is always reached. */
const isExempt = ({ clientId }: ModelProbe): boolean => clientId === WEB || clientId === `c1/${web?.node ?? ''}`;

const answered = ({ record }: ModelProbe): Partial<ProbeRecord> => ({
  outcome: 'ok',
  errno: 0,
  seenSourceAddress: record.localAddress,
  seenSourcePort: record.localPort,
  seenDestinationAddress: record.dialledAddress,
  seenDestinationPort: record.dialledPort,
  answeredBy: record.server,
  nonceThere: true,
  nonceBack: true,
});

/** A network that enforces the policy; `change` is what it does to a cell besides. */
async function judge(change: (probe: ModelProbe) => Partial<ProbeRecord> | null = () => ({})): Promise<CheckResult> {
  const session = modelSession(plan, {
    change: (probe) => {
      if (!probe.serverId.includes(' port ')) return {};
      const enforced = isWeb(probe) && !isOpen(probe) && !isExempt(probe) ? SILENT : answered(probe);
      const changed = isCell(probe) ? change(probe) : {};
      return changed === null ? null : { ...enforced, ...changed };
    },
  });
  const report = await verifyLab(session, plan, { only: 'policy-matrix', suites: ['network', 'policy'] });
  return report.checks[0] ?? expect.fail('no check');
}
const shown = ({ verdict, failures }: CheckResult): readonly string[] => [
  verdict,
  ...new Set(failures.map((one) => `${one.client} ${one.protocol} ${one.port} ${one.class}`)),
];

describe('a policy table', () => {
  it('passes where blocked cells are silent and open ones answer', async () => {
    const check = await judge();
    expect(shown(check)).toEqual(['pass']);
    expect(check.pairs.planned).toBeGreaterThan(4);
  });

  it('passes where blocked cells are refused', async () => {
    expect(shown(await judge((probe) => (isOpen(probe) ? {} : { outcome: 'refused', errno: 111 })))).toEqual(['pass']);
  });

  it('fails for an answer that is blocked', async () => {
    expect(shown(await judge(answered))).toContain(`${OTHER} tcp ${PROBE_PORT} unexpected-answer`);
    expect(shown(await judge((probe) => (isOpen(probe) ? {} : { outcome: 'stalled' })))).toContain(`${OTHER} tcp ${PROBE_PORT} unexpected-answer`);
  });

  it('fails for silence that no policy asks for', async () => {
    expect(shown(await judge(() => SILENT))).toEqual(['fail', `${OTHER} tcp 8080 silent`]);
  });

  it('fails for an answer of somebody else, or to another probe', async () => {
    for (const wrong of [{ answeredBy: 0 }, { nonceBack: false }, { nonceThere: false }]) {
      expect(shown(await judge((probe) => (isOpen(probe) ? wrong : {})))).toEqual(['fail', `${OTHER} tcp 8080 wrong-server`]);
    }
  });

  it('knows nothing where answers are missing, or come now and then', async () => {
    expect(shown(await judge((probe) => (isOpen(probe) ? null : {})))).toEqual(['inconclusive']);
    expect(shown(await judge((probe) => (isOpen(probe) ? {} : null)))).toEqual(['inconclusive']);
    expect(shown(await judge((probe) => (isOpen(probe) ? { ...SILENT, outcome: 'not-run' } : {})))).toEqual(['inconclusive']);
    expect(shown(await judge((probe) => (isOpen(probe) && probe.record.attempt === 0 ? SILENT : {})))).toEqual(['inconclusive']);
  });
});
