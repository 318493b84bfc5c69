/** Reports made by hand, in the shape of a small flannel lab, for the renderers' goldens. */
import type { CheckResult, Diagnosis, Failure, MatrixCell, Report } from '../../verify/report.ts';

const NODES = ['c1/control-plane1', 'c1/worker1', 'c1/worker2'] as const;

export function check(id: string, over: Partial<CheckResult> = {}): CheckResult {
  return {
    id,
    title: `title of ${id}`,
    requirement: null,
    verdict: 'pass',
    reason: '',
    pairs: { planned: 30, passed: 30, failed: 0, inconclusive: 0 },
    probes: 270,
    lost: 0,
    latencyUs: { p50: 61, p99: 140, max: 902 },
    failures: [],
    failuresTotal: 0,
    ...over,
  };
}

export function failure(over: Partial<Failure> = {}): Failure {
  return {
    check: 'r1-pod-to-pod',
    client: 'c1/default/web-worker1-1',
    server: 'c1/default/web-worker2-1',
    clientNode: 'c1/worker1',
    serverNode: 'c1/worker2',
    family: 'ipv4',
    protocol: 'tcp',
    attempt: 0,
    class: 'rewritten',
    saw: 'the server saw 10.244.1.0:40122',
    expected: '10.244.1.2:40122',
    diagnosis: 'pod-source-rewritten',
    next: 'cnilab exec three c1/worker1 -- iptables -t nat -L -nv',
    conntrack: [],
    ...over,
  };
}

const diagnosis: Diagnosis = {
  name: 'pod-source-rewritten',
  title: 'A NAT rule rewrites the source of pod-to-pod packets',
  where: ['c1/worker1'],
  confidence: 'certain',
  evidence: ['rule `-A POSTROUTING -s 10.244.1.0/24 -j MASQUERADE` counted 90 packets', 'the server saw 10.244.1.0, the address of flannel.1 on c1/worker1'],
  ruledOut: [{ name: 'hidden-double-nat', because: 'the far node has no NAT rule that matches' }],
  mend: 'cnilab exec three c1/worker1 -- iptables -t nat -D POSTROUTING -s 10.244.1.0/24 -j MASQUERADE',
  severity: 'fail',
  checks: ['r1-pod-to-pod', 'r3-self-view'],
};

function cells(over: (client: string, server: string) => Partial<MatrixCell>): MatrixCell[] {
  return NODES.flatMap((clientNode) =>
    NODES.map(
      (serverNode): MatrixCell => ({
        clientNode,
        serverNode,
        verdict: 'pass',
        pairs: clientNode === serverNode ? 2 : 4,
        failed: 0,
        p50Us: 61,
        failedPairs: [],
        ...over(clientNode, serverNode),
      }),
    ),
  );
}

export function passReport(over: Partial<Report> = {}): Report {
  return {
    schema: 'cnilab.report/1',
    lab: 'three',
    engine: 'netns',
    profile: 'classic',
    startedAt: '2026-01-02T03:04:05.000Z',
    elapsedMs: 214,
    verdict: 'pass',
    requirements: [
      { id: 'R1', title: 'every pod reaches every other pod without NAT', verdict: 'pass', detail: '' },
      { id: 'R2', title: 'every node reaches every pod without NAT', verdict: 'pass', detail: '' },
      { id: 'R3', title: 'the address a pod sees is the address that peers see', verdict: 'pass', detail: '' },
    ],
    checks: [
      check('r1-pod-to-pod', { requirement: 'R1' }),
      check('r2-node-to-pod', { requirement: 'R2', pairs: { planned: 18, passed: 18, failed: 0, inconclusive: 0 } }),
      check('r3-self-view', { requirement: 'R3', pairs: { planned: 6, passed: 6, failed: 0, inconclusive: 0 }, latencyUs: null, probes: 0 }),
      check('controls'),
    ],
    diagnoses: [],
    matrix: cells(() => ({})),
    observations: [{ id: 'pod-to-node-source', title: 'source that nodes see of pods', value: 'the pod address on the same node, flannel.1 from other nodes' }],
    notLookedAt: ['the hop limit of TCP packets'],
    fidelity: { engine: 'netns', real: ['kernel data paths', 'CNI plugins'], sameMechanism: ['flannel tables'], absent: ['kubelet', 'container images'] },
    options: { attempts: 3, protocols: ['tcp', 'udp', 'icmp'], families: ['ipv4'], deadlineMs: 1000 },
    totals: { probes: 486, ok: 486, failed: 0, inconclusive: 0 },
    ...over,
  };
}

export function failReport(): Report {
  const failures = [failure(), failure({ attempt: 1 }), failure({ protocol: 'udp' }), failure({ client: 'c1/default/web-worker1-2', protocol: 'udp' })];
  const base = passReport();
  return passReport({
    verdict: 'fail',
    diagnoses: [diagnosis],
    requirements: base.requirements.map((r) => (r.id === 'R1' ? { ...r, verdict: 'fail', detail: '2 of 30 pairs see another source address' } : r)),
    checks: base.checks.map((c) =>
      c.id === 'r1-pod-to-pod' ? { ...c, verdict: 'fail', pairs: { planned: 30, passed: 28, failed: 2, inconclusive: 0 }, failures, failuresTotal: 12 } : c,
    ),
    matrix: cells((client, server) =>
      client === 'c1/worker1' && server === 'c1/worker2'
        ? {
            verdict: 'fail',
            failed: 2,
            failedPairs: [
              { client: 'c1/default/web-worker1-1', server: 'c1/default/web-worker2-1', protocols: ['tcp', 'udp'] },
              { client: 'c1/default/web-worker1-2', server: 'c1/default/web-worker2-1', protocols: ['udp'] },
            ],
          }
        : {},
    ),
    totals: { probes: 486, ok: 474, failed: 12, inconclusive: 0 },
  });
}

export function inconclusiveReport(): Report {
  const base = passReport();
  return passReport({
    verdict: 'inconclusive',
    requirements: base.requirements.map((r) => (r.id === 'R2' ? { ...r, verdict: 'inconclusive', detail: 'one responder did not open' } : r)),
    checks: base.checks.map((c) =>
      c.id === 'r2-node-to-pod'
        ? {
            ...c,
            verdict: 'inconclusive',
            reason: 'c1/default/web-worker2-1: responder: EADDRINUSE',
            pairs: { planned: 18, passed: 15, failed: 0, inconclusive: 3 },
          }
        : c.id === 'controls'
          ? { ...c, verdict: 'skip', reason: '--skip controls', pairs: { planned: 0, passed: 0, failed: 0, inconclusive: 0 }, probes: 0, latencyUs: null }
          : c,
    ),
    matrix: cells((client, server) =>
      client === 'c1/worker1' && server === 'c1/worker2' ? { verdict: 'inconclusive' } : client === server ? { verdict: 'empty', pairs: 0 } : {},
    ),
    totals: { probes: 486, ok: 480, failed: 0, inconclusive: 6 },
  });
}

export { cells, diagnosis };
