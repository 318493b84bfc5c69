import { expect, it } from 'vitest';
import { hiddenBehind } from '../../verify/diagnosis/hidden.ts';
import type { Diagnosis, Failure } from '../../verify/report.ts';

const cause = (name: string, severity: Diagnosis['severity'] = 'fail'): Diagnosis => ({
  name,
  title: name,
  where: ['c1/worker1'],
  confidence: 'certain',
  evidence: [],
  ruledOut: [],
  mend: '',
  severity,
  checks: [],
});
const failure = (kind: Failure['class'], clientNode: string, serverNode: string): Failure => ({
  check: 'r1-pod-to-pod',
  client: `${clientNode}/a`,
  server: `${serverNode}/b`,
  clientNode,
  serverNode,
  family: 'ipv4',
  protocol: 'tcp',
  attempt: 0,
  class: kind,
  saw: '',
  expected: '',
  diagnosis: '',
  next: '',
  conntrack: [],
});

it('says which ways a cause keeps from being looked at', () => {
  const failures = [failure('silent', 'w1', 'w2'), failure('no-route', 'w1', 'w2'), failure('silent', 'w1', 'w3')];
  expect(
    hiddenBehind(
      [cause('forwarding-disabled')],
      failures,
      failures.map(() => 'forwarding-disabled'),
      [],
    ),
  ).toEqual(['what is behind forwarding-disabled at c1/worker1, which shows when it is mended: on the way from w1 to w2, w1 to w3 packets were stopped']);
});

it('says nothing of causes that let packets through, that only warn, or that explain other failures', () => {
  const failures = [failure('rewritten', 'w1', 'w2'), failure('silent', 'w1', 'w2')];
  expect(hiddenBehind([cause('pod-source-rewritten')], failures, ['pod-source-rewritten', 'policy-drops'], [])).toEqual([]);
  expect(hiddenBehind([cause('policy-drops', 'warn')], failures, ['', 'policy-drops'], [])).toEqual([]);
});

it('counts ways where they are many', () => {
  const failures = [1, 2, 3, 4, 5, 6].map((at) => failure('silent', 'w0', `w${at}`));
  expect(
    hiddenBehind(
      [cause('forwarding-disabled')],
      failures,
      failures.map(() => 'forwarding-disabled'),
      [],
    )[0],
  ).toContain('w0 to w4 and 2 more ways');
});

it('names the checks that could not be judged because of it', () => {
  const checks = [
    { id: 'service-cluster-ip', verdict: 'inconclusive', reason: 'c1/worker1 port 8080: its responder does not answer' },
    { id: 'self', verdict: 'inconclusive', reason: 'c1/worker2 is busy' },
    { id: 'loss', verdict: 'pass', reason: '' },
  ] as const;
  expect(hiddenBehind([cause('address-differs-from-plan')], [], [], checks)).toEqual([
    'what is behind address-differs-from-plan at c1/worker1, which shows when it is mended: service-cluster-ip could not be judged',
  ]);
});
