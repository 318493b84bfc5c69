import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import {
  callsConfigMap,
  offsetsFor,
  targetsConfigMap,
  verificationObjects,
  type TargetLine,
  type VerificationInput,
} from '../../../constructs/synth/verification/index.ts';
import { ENTER_PERMISSIONS, LAB_PERMISSIONS, VERIFICATION_PERMISSIONS } from '../../../constructs/synth/verification/permissions.ts';
import type { DaemonSet, Job, PodSpec, PodTemplate } from '../../../constructs/synth/kubernetes-types.ts';
import type { KubernetesObject } from '../../../topology/spec.ts';
import { CLOSED_PORT, PROBE_PORT } from '../../../topology/probing.ts';

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `node-${i}`);
const input = (change: Partial<VerificationInput> = {}): VerificationInput => ({
  lab: 'demo',
  namespace: 'cnilab-verify-0a1b2c3d',
  nodes: names(3),
  families: ['ipv4'],
  attempts: 3,
  deadlineMs: 1000,
  image: 'registry.k8s.io/e2e-test-images/agnhost:2.53',
  profile: 'classic',
  perNode: null,
  shardSize: null,
  ...change,
});
const jobsOf = (change: Partial<VerificationInput> = {}): readonly Job[] => verificationObjects(input(change)).jobs as readonly Job[];
const named = (jobs: readonly Job[], name: string): Job => {
  const job = jobs.find((one) => one.metadata.name === name);
  if (job === undefined) throw new Error(`no Job ${name} among ${jobs.map((one) => one.metadata.name).join(' ')}`);
  return job;
};
const env = (job: Job, name: string): string | undefined => {
  const found = job.spec.template.spec.containers[0]?.env?.find((one) => one.name === name);
  return found !== undefined && 'value' in found ? found.value : undefined;
};
const nodesOf = (job: Job): readonly string[] =>
  job.spec.template.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.flatMap(
    (term) => term.matchFields?.flatMap((field) => field.values ?? []) ?? [],
  ) ?? [];

describe('the objects of a verification', () => {
  const objects = verificationObjects(input());
  const applied = [objects.namespace, ...objects.responders, objects.script, ...objects.jobs];
  const templates = [...(objects.responders as readonly DaemonSet[]), ...(objects.jobs as readonly Job[])].map((one): PodTemplate => one.spec.template);

  it('are a namespace, two DaemonSets, a script, and a Job for each requirement and node', () => {
    expect(applied.map((one) => `${one.kind} ${one.metadata.name}`)).toEqual([
      'Namespace cnilab-verify-0a1b2c3d',
      'DaemonSet responder',
      'DaemonSet host-responder',
      'ConfigMap probe',
      ...['r1', 'r2', 'r3'].flatMap((requirement) => [0, 1, 2].map((node) => `Job ${requirement}-${node}`)),
    ]);
    expect(applied.slice(1).every((one) => one.metadata.namespace === 'cnilab-verify-0a1b2c3d')).toBe(true);
  });

  it('say whose they are, so that leftovers are found; a name that is no label is made one', () => {
    const expected = { 'app.kubernetes.io/managed-by': 'cnilab', 'cnilab.dev/lab': 'demo', 'cnilab.dev/verification': 'cnilab-verify-0a1b2c3d' };
    for (const { metadata } of [...applied, ...templates]) expect(metadata.labels).toMatchObject(expected);
    const arn = verificationObjects(input({ lab: 'arn:aws:eks:eu-west-1:123456789012:cluster/a-name-that-is-longer-than-labels-are-' }));
    expect(arn.namespace.metadata.labels?.['cnilab.dev/lab']).toMatch(/^arn-aws-eks-[A-Za-z0-9-]{1,50}[A-Za-z0-9]$/);
  });

  it('run as nobody, with a file system that cannot be changed, with bounds, and on tainted nodes too', () => {
    for (const { spec } of templates) {
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        tolerations: [{ operator: 'Exists' }],
        securityContext: { runAsNonRoot: true, runAsUser: 65_534 },
      });
      const [container] = spec.containers;
      expect(container?.image).toBe('registry.k8s.io/e2e-test-images/agnhost:2.53');
      expect(container?.securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
      expect(container?.resources).toMatchObject({ requests: { cpu: '10m' }, limits: { memory: expect.any(String) } });
    }
    for (const { spec } of objects.jobs as readonly Job[]) {
      expect(spec).toMatchObject({ backoffLimit: 0, ttlSecondsAfterFinished: 600 });
      expect(spec.activeDeadlineSeconds).toBeGreaterThan(120);
    }
  });

  it('use the network of the node where that is what is probed, and there answer from the address that was asked', () => {
    const hosts = (specs: readonly PodSpec[]): readonly boolean[] => specs.map((spec) => spec.hostNetwork === true);
    expect(hosts(templates.map((one) => one.spec))).toEqual([false, true, false, false, false, true, true, true, false, false, false]);
    expect(templates[1]?.spec.containers[0]?.args).toEqual([
      'netexec',
      `--http-port=${PROBE_PORT}`,
      `--udp-port=${PROBE_PORT}`,
      '--udp-listen-addresses=$(POD_IPS)',
    ]);
    expect(objects.namespace.metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('privileged');
  });

  it('pin each Job to its node and tell it what to do', () => {
    const job = named(objects.jobs as readonly Job[], 'r2-1');
    expect(nodesOf(job)).toEqual(['node-1']);
    expect(job.spec.template.metadata.labels).toMatchObject({ 'cnilab.dev/requirement': 'r2', 'cnilab.dev/node-index': '1' });
    const expected = { REQUIREMENT: 'r2', OFFSETS: 'all', FAMILIES: 'ipv4', ATTEMPTS: '3', DEADLINE: '1', SILENCE: '0.5', PROFILE: 'classic', HOLD: '0' };
    for (const [name, value] of Object.entries(expected)) expect([name, env(job, name)]).toEqual([name, value]);
    expect([env(job, 'PROBE_PORT'), env(job, 'CLOSED_PORT')]).toEqual([String(PROBE_PORT), String(CLOSED_PORT)]);
  });

  it('list the permissions that a user needs, and no more than verbs on named resources', () => {
    const rules = objects.permissions.flatMap(
      (role) => role['rules'] as readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[],
    );
    expect(objects.permissions.map((role) => `${role.kind} ${role.metadata.name}`)).toEqual([
      'ClusterRole cnilab-verify',
      'ClusterRole cnilab-verify-objects',
      'ClusterRole cnilab-verify-lab',
      'ClusterRole cnilab-verify-enter',
    ]);
    expect(rules.flatMap((rule) => [...rule.resources, ...rule.verbs])).not.toContain('*');
    expect(rules.some((rule) => rule.resources.includes('secrets'))).toBe(false);
  });

  it('are the same bytes every time, and survive YAML', () => {
    expect(JSON.stringify(verificationObjects(input()))).toBe(JSON.stringify(objects));
    for (const object of applied) expect(parse(stringify(object))).toEqual(object);
  });
});

describe('what is asked beyond the network', () => {
  it('is a file for each Job, in the pods of R1 and R2 alone, with time for it', () => {
    const jobs = jobsOf({ calls: 400, mesh: false });
    for (const name of ['r1-0', 'r2-0']) {
      const { template } = named(jobs, name).spec;
      expect(template.spec.volumes).toContainEqual({ name: 'calls', configMap: { name: 'calls' } });
      expect([env(named(jobs, name), 'CALLS'), env(named(jobs, name), 'MESH')]).toEqual(['/calls', 'no']);
    }
    expect(JSON.stringify(named(jobs, 'r3-0'))).not.toContain('calls');
    expect(JSON.stringify(jobsOf())).not.toMatch(/calls|MESH/i);
    expect(Number(env(named(jobs, 'r1-0'), 'LIMIT'))).toBeGreaterThan(Number(env(named(jobsOf(), 'r1-0'), 'LIMIT')));
    const files = ['a', 'b', 'b', ''].map((text, index) => ({ requirement: 'r1' as const, index, text }));
    const config = callsConfigMap({ lab: 'demo', namespace: 'n', files });
    expect(config).toMatchObject({ metadata: { name: 'calls', namespace: 'n' } });
    // What most ask is written once; who asks nothing has a file that is empty.
    expect(config.data).toEqual({ r1: 'b', 'r1-0': 'a', 'r1-3': '' });
    const same = Array.from({ length: 1000 }, (_, index) => ({ requirement: 'r2' as const, index, text: 'x'.repeat(10_000) }));
    expect(Object.keys(callsConfigMap({ lab: 'demo', namespace: 'n', files: same }).data)).toEqual(['r2']);
    const others = same.map((file) => ({ ...file, text: `${file.text}${file.index}` }));
    expect(() => callsConfigMap({ lab: 'demo', namespace: 'n', files: others })).toThrow(/ConfigMap has room/);
  });
  it('may enter pods of a lab by a role of its own, which whoever asks no pods of theirs does not need', () => {
    expect(JSON.stringify(ENTER_PERMISSIONS)).toContain('pods/exec');
    expect(JSON.stringify([...VERIFICATION_PERMISSIONS, ...LAB_PERMISSIONS])).not.toContain('pods/exec');
  });
});

describe('the Jobs of a verification', () => {
  it('are run again for single nodes under other names, with the node in its old place', () => {
    const jobs = jobsOf({ nodes: names(60), onlyNodes: ['node-7', 'node-41'], round: 1 });
    expect(jobs.map((one) => one.metadata.name)).toEqual(['r1-7-round1', 'r1-41-round1', 'r2-7-round1', 'r2-41-round1', 'r3-7-round1', 'r3-41-round1']);
    expect(nodesOf(named(jobs, 'r3-41-round1'))).toEqual(['node-41']);
    expect(named(jobs, 'r3-41-round1').spec.completionMode).toBeUndefined();
  });

  it('are Indexed above 40 nodes: pods that keep apart, one on each node of the shard', () => {
    expect(jobsOf({ nodes: names(40) })).toHaveLength(120);
    const jobs = jobsOf({ nodes: names(101) });
    expect(jobs.map((one) => one.metadata.name)).toEqual(['r1', 'r2', 'r3'].flatMap((requirement) => [0, 1, 2].map((shard) => `${requirement}-s${shard}`)));
    expect(jobs.slice(0, 3).flatMap(nodesOf)).toEqual(names(101));
    const job = named(jobs, 'r1-s1');
    expect(job.spec).toMatchObject({ completionMode: 'Indexed', completions: 50, parallelism: 50, backoffLimit: 50 });
    const [apart] = job.spec.template.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    expect(apart).toEqual({ labelSelector: { matchLabels: { 'cnilab.dev/job': 'r1-s1' } }, topologyKey: 'kubernetes.io/hostname' });
    expect(job.spec.template.metadata.labels['cnilab.dev/job']).toBe('r1-s1');
    expect(Number(env(job, 'HOLD'))).toBeGreaterThan(0);
    expect(jobsOf({ nodes: names(7), shardSize: 3 })).toHaveLength(9);
  });

  it('have more time where there is more to probe', () => {
    const seconds = (change: Partial<VerificationInput>): number => named(jobsOf(change), 'r1-0').spec.activeDeadlineSeconds ?? 0;
    expect(seconds({ nodes: names(40) })).toBeGreaterThan(seconds({}));
    expect(seconds({ attempts: 10 })).toBeGreaterThan(seconds({}));
    expect(seconds({ deadlineMs: 5000 })).toBeGreaterThan(seconds({}));
    expect(env(named(jobsOf({ deadlineMs: 250 }), 'r1-0'), 'SILENCE')).toBe('0.25');
  });

  it('of 1000 nodes are few and small', async ({ annotate }) => {
    const began = performance.now();
    const objects = verificationObjects(input({ nodes: names(1000), families: ['ipv4', 'ipv6'], perNode: 12 }));
    const ms = performance.now() - began;
    const all: readonly KubernetesObject[] = [objects.namespace, ...objects.responders, objects.script, ...objects.jobs];
    const sizes = all.map((one) => Buffer.byteLength(JSON.stringify(one)));
    await annotate(`${all.length} objects, ${sizes.reduce((a, b) => a + b)} bytes, the largest ${Math.max(...sizes)}, synthesized in ${Math.round(ms)} ms`);
    expect(objects.jobs).toHaveLength(60);
    expect(Math.max(...sizes)).toBeLessThan(32_000);
    expect(env(named(objects.jobs as readonly Job[], 'r1-s19'), 'OFFSETS')?.split(' ')).toHaveLength(12);
    const longest = Math.max(...all.map((one) => one.metadata.name.length));
    expect(longest).toBeLessThanOrEqual(63);
  });
});

describe('whom a node probes', () => {
  it('is everybody, or a share that is spread evenly and the same for all', () => {
    expect(offsetsFor(3, null)).toBe('all');
    expect(offsetsFor(40, 40)).toBe('all');
    expect(offsetsFor(1000, 4)).toEqual([0, 250, 500, 750]);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 2000 }), fc.integer({ min: 1, max: 100 }), (nodes, perNode) => {
        const offsets = offsetsFor(nodes, perNode);
        if (offsets === 'all') {
          expect(perNode).toBeGreaterThanOrEqual(nodes);
          return;
        }
        expect(offsets).toHaveLength(perNode);
        expect(offsets[0]).toBe(0);
        const gaps = offsets.map((offset, i) => (offsets[i + 1] ?? nodes) - offset);
        expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1);
        expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('makes every node source and target equally often', () => {
    const offsets = offsetsFor(97, 10);
    const hits = new Array<number>(97).fill(0);
    for (let node = 0; node < 97; node++)
      for (const offset of offsets === 'all' ? [] : offsets) hits[(node + offset) % 97] = (hits[(node + offset) % 97] ?? 0) + 1;
    expect(new Set(hits)).toEqual(new Set([10]));
  });

  it('is a table of tabs, with a dash for what is not there', () => {
    const lines: readonly TargetLine[] = [
      { index: 0, node: 'a', pod: 'responder-x', podIPs: ['10.244.0.2', 'fd00::2'], nodeIPs: ['172.18.0.2'], nobody: ['10.244.0.254'] },
      { index: 1, node: 'b', pod: '', podIPs: [], nodeIPs: ['172.18.0.3'], nobody: [] },
    ];
    const map = targetsConfigMap({ lab: 'demo', namespace: 'n', lines });
    expect(map.data['targets']).toBe('0\ta\tresponder-x\t10.244.0.2,fd00::2\t172.18.0.2\t10.244.0.254\n1\tb\t-\t-\t172.18.0.3\t-\n');
    expect(map.metadata).toMatchObject({ name: 'targets', namespace: 'n' });
  });

  it('fits into a ConfigMap for 1000 nodes with long names and two families; what does not is refused', () => {
    const line = (index: number): TargetLine => ({
      index,
      node: `ip-10-0-${index}.eu-west-1.compute.internal.a-name-that-a-cloud-provider-made`,
      pod: `responder-${String(index).padStart(5, '0')}`,
      podIPs: ['10.244.100.100', 'fd00:10:244:1234:5678:9abc:def0:1234'],
      nodeIPs: ['192.168.100.100', 'fd00:10:244:1234:5678:9abc:def0:1234'],
      nobody: ['10.244.100.254', 'fd00:10:244:1234:5678:9abc:def0:ffff'],
    });
    const make = (count: number): string =>
      targetsConfigMap({ lab: 'demo', namespace: 'n', lines: Array.from({ length: count }, (_, i) => line(i)) }).data['targets'] ?? '';
    expect(Buffer.byteLength(make(1000))).toBeLessThan(900_000);
    expect(() => make(5000)).toThrow(expect.objectContaining({ code: 'ENGINE_UNSUPPORTED', message: expect.stringContaining('5000 nodes') }));
  });
});
