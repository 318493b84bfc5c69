/** Services, names and policies of a lab in a real cluster, asked by Jobs and from the lab's own pods; and what is broken there is found. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArtifactSet } from '../../topology/artifacts.ts';
import type { GradeReport } from '../../verify/lesson/grade-report.ts';
import type { Report } from '../../verify/report.ts';
import { Place } from '../integration/cnilab.ts';
import { lacking } from '../requires.ts';
import { writesWhatIsWrittenHere } from './kube-proxy.ts';
import { onNode, RealLab } from './real.ts';

const why = lacking('kind', 'plugins');

const NAME = 'k-suites';
const YAML = `name: ${NAME}
lesson:
  title: Services by their addresses
  topic: service
  level: first
  order: 1
  engines: [kind]
  goal: None.
  checks:
    - { type: reach, id: web, says: Service web answers, from: worker1, to: '\${svc/web}', protocol: tcp, port: 80, responder: null, expect: answered }
    - { type: output, id: door, says: so does its node port, on: worker1, run: 'curl -sS -m 5 http://\${worker1}:\${svc/door.nodePort}/hostname', matches: ['^web-'] }
clusters:
  - name: c1
    cni: { type: flannel }
    workloads:
      - { name: web, replicas: 3, ports: [{ name: http, containerPort: 8080 }, { name: talk, containerPort: 5353, protocol: UDP }] }
      - { name: one, perNode: 1, ports: [{ name: http, containerPort: 9090 }] }
    objects:
      - { apiVersion: v1, kind: Pod, metadata: { name: quiet, labels: { app: quiet } }, spec: { containers: [{ name: main, image: registry.k8s.io/e2e-test-images/agnhost:2.53, ports: [{ containerPort: 7777 }] }] } }
      - { apiVersion: v1, kind: Service, metadata: { name: quiet }, spec: { selector: { app: quiet }, ports: [{ port: 7777 }] } }
      - { apiVersion: v1, kind: Service, metadata: { name: web }, spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }, { name: talk, port: 53, protocol: UDP, targetPort: talk }] } }
      - { apiVersion: v1, kind: Service, metadata: { name: door }, spec: { type: NodePort, selector: { app: web }, ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] } }
      - { apiVersion: v1, kind: Service, metadata: { name: sticky }, spec: { selector: { app: web }, sessionAffinity: ClientIP, ports: [{ port: 80, targetPort: 8080 }] } }
      - { apiVersion: v1, kind: Service, metadata: { name: near }, spec: { selector: { app: web }, internalTrafficPolicy: Local, ports: [{ port: 80, targetPort: 8080 }] } }
      - { apiVersion: v1, kind: Service, metadata: { name: near-door }, spec: { type: NodePort, selector: { app: web }, externalTrafficPolicy: Local, ports: [{ port: 80, targetPort: 8080, nodePort: 30081 }] } }
      - { apiVersion: v1, kind: Service, metadata: { name: pods }, spec: { clusterIP: None, selector: { app: one }, ports: [{ name: http, port: 9090 }] } }
      - { apiVersion: v1, kind: Service, metadata: { name: nobody }, spec: { selector: { app: nobody }, ports: [{ port: 80 }] } }
      - { apiVersion: v1, kind: Service, metadata: { name: abroad }, spec: { type: ExternalName, externalName: web.default.svc.cluster.local } }
      - { apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: web-only }, spec: { podSelector: { matchLabels: { app: one } }, policyTypes: [Ingress], ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }] }] } }
`;

/** Verdicts by check, skipped ones left out. */
function judged(report: Report): Readonly<Record<string, string>> {
  return Object.fromEntries(report.checks.filter((check) => check.verdict !== 'skip').map(({ id, verdict }) => [id, verdict]));
}

describe.skipIf(why !== null)(`suites inside of a real cluster${why === null ? '' : ` (skipped: ${why})`}`, () => {
  let place: Place;
  let lab: RealLab;
  let kubeconfig: string;

  beforeAll(async () => {
    place = new Place();
    lab = await RealLab.create(place, NAME, YAML);
    kubeconfig = await lab.kubeconfig();
  });
  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
  });

  const kubectl = (...words: readonly string[]): string => execFileSync('kubectl', ['--kubeconfig', kubeconfig, ...words], { encoding: 'utf8' });

  it('holds all that the lab has', async () => {
    const { code, report } = await lab.verify();
    expect(report.checks.flatMap((check) => check.failures).map(({ check, client, server, saw }) => ({ check, client, server, saw }))).toEqual([]);
    expect(code).toBe(0);
    expect(judged(report)).toMatchObject({
      'r1-pod-to-pod': 'pass',
      'service-cluster-ip': 'pass',
      'service-from-node': 'pass',
      'service-hairpin': 'pass',
      'service-node-port': 'pass',
      'service-affinity': 'pass',
      'service-traffic-policy': 'pass',
      'service-no-endpoints': 'pass',
      'service-source': 'pass',
      'dns-ladder': 'pass',
      'dns-records': 'pass',
      'dns-search': 'pass',
      'dns-resolv-conf': 'pass',
    });
    expect(report.requirements.map((one) => one.verdict)).toEqual(['pass', 'pass', 'pass']);
    const planned = Object.fromEntries(report.checks.map((check) => [check.id, check.pairs.planned]));
    // Three guests, three nodes, seven pods of the lab; six of the lab's are endpoints of something.
    expect(planned['service-cluster-ip']).toBeGreaterThan(40);
    expect(planned['service-hairpin']).toBeGreaterThan(10);
    expect(planned['dns-records']).toBeGreaterThan(200);
    // flannel enforces nothing: the table is looked at, and said to be open.
    const policy = report.checks.find((check) => check.id === 'policy-matrix');
    expect(policy).toMatchObject({ verdict: 'skip' });
    expect(policy?.reason).toMatch(/flannel in c1 does not enforce NetworkPolicies: 1 have no effect, ([1-9]\d*) of \1 cells that they block are open/);
    const unseen = report.notLookedAt.join('\n');
    expect(unseen).toMatch(/c1\/default\/kubernetes.*do not say who answers/);
    expect(unseen).not.toContain('not asked for');
    expect(kubectl('get', 'namespaces', '--selector', 'cnilab.dev/verification', '--output', 'name')).toBe('');
  });

  it('has the Corefile that synth writes', async () => {
    const { stdout } = await place.cnilab(['synth', lab.file, '--engine', 'kind', '--json']);
    const { files } = JSON.parse(stdout) as ArtifactSet;
    const written = files.find(({ path }) => path === 'Corefile')?.content ?? '';
    expect(written.replaceAll(/^#.*\n/gm, '')).toBe(kubectl('--namespace', 'kube-system', 'get', 'configmap', 'coredns', '--output=jsonpath={.data.Corefile}'));
  });

  it('fills the addresses that the cluster gave to Services into the checks of a lesson', async () => {
    const { code, stdout } = await place.cnilab(['check', NAME, '--json']);
    const { checks } = JSON.parse(stdout) as GradeReport;
    expect(checks.map(({ id, verdict, seen }) => [id, verdict, seen])).toEqual([
      ['web', 'pass', 'an answer'],
      ['door', 'pass', expect.any(String)],
    ]);
    expect(checks[0]?.expected).toContain(kubectl('get', 'service', 'web', '--output=jsonpath={.spec.clusterIP}'));
    expect(code).toBe(0);
  });

  it('names a node port that a node does not serve, in the check of node ports alone', async () => {
    const node = `cnilab-${NAME}-worker`;
    onNode(node, 'iptables', '-t', 'raw', '-I', 'PREROUTING', '-p', 'tcp', '--dport', '30080', '-j', 'DROP');
    try {
      const { code, report } = await lab.verify('--suite', 'services');
      expect(code).toBe(1);
      const failing = report.checks.filter((check) => check.verdict === 'fail');
      expect(failing.map((check) => check.id)).toEqual(['service-node-port']);
      const failures = failing.flatMap((check) => check.failures);
      expect(new Set(failures.map((failure) => failure.server))).toEqual(new Set(['c1/default/door']));
      expect(failures.every((failure) => failure.class === 'silent')).toBe(true);
      expect(report.notLookedAt).toContain('the suite network: not asked for');
    } finally {
      onNode(node, 'iptables', '-t', 'raw', '-D', 'PREROUTING', '-p', 'tcp', '--dport', '30080', '-j', 'DROP');
    }
  });

  it('names a DNS that nobody serves, and of a cluster that was found as well', async () => {
    kubectl('--namespace', 'kube-system', 'scale', 'deployment', 'coredns', '--replicas=0');
    kubectl('--namespace', 'kube-system', 'wait', '--for=delete', 'pod', '--selector', 'k8s-app=kube-dns', '--timeout=60s');
    try {
      const { code, report } = await lab.verify('--suite', 'dns');
      expect(code).toBe(1);
      expect(judged(report)).toMatchObject({ 'dns-ladder': 'fail', 'dns-records': 'fail', 'dns-search': 'fail', 'dns-resolv-conf': 'pass' });
      // kube-proxy rejects what has no endpoints. A node says so by ICMP a few times a second and no oftener, and to its own processes by EPERM.
      const failures = report.checks.filter((check) => check.id === 'dns-records' || check.id === 'dns-ladder').flatMap((check) => check.failures);
      expect(failures.filter((one) => one.class !== 'refused' && one.class !== 'silent' && !one.saw.endsWith('EPERM')).map((one) => one.saw)).toEqual([]);
      expect(failures.filter((one) => one.class === 'refused')).not.toEqual([]);
    } finally {
      kubectl('--namespace', 'kube-system', 'scale', 'deployment', 'coredns', '--replicas=2');
      kubectl('--namespace', 'kube-system', 'rollout', 'status', 'deployment', 'coredns', '--timeout=60s');
    }
    const { code, stdout } = await place.cnilab(['verify', '--kubeconfig', kubeconfig, '--suite', 'dns', '--json']);
    const found = JSON.parse(stdout) as Report;
    expect(judged(found)).toEqual({ 'dns-ladder': 'pass', 'dns-records': 'pass', 'dns-search': 'pass', 'dns-resolv-conf': 'pass' });
    expect(found.notLookedAt.join('\n')).toMatch(/Services and policies of kind-cnilab-k-suites: it was found/);
    expect(code).toBe(0);
    const refused = await place.cnilab(['verify', '--kubeconfig', kubeconfig, '--suite', 'services']);
    expect(refused.stderr).toContain('services: only of a lab');
    expect(refused.code).toBe(2);
  });

  // Last: the lab has other Services from here on.
  writesWhatIsWrittenHere(() => lab, { name: 'c1', cni: { type: 'flannel' } });
});
