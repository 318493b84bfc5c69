import { describe, expect, it } from 'vitest';
import { answering, imagesOf, mapImage, mapImages, pullOnlyWhatIsMissing, repositoryOf, withNodeNames } from '../../../constructs/synth/pod-spec.ts';
import { kindNodes } from '../../../constructs/synth/kind-names.ts';
import { workloadObjects } from '../../../constructs/synth/workloads.ts';
import { planLab } from '../../../topology/plan-lab.ts';
import type { KubernetesObject, LabSpec } from '../../../topology/spec.ts';

const pod = (spec: object): KubernetesObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
const cronJob = (spec: object): KubernetesObject => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'c' },
  spec: { jobTemplate: { spec: { template: { spec } } } },
});

describe('images', () => {
  it.each([
    ['nginx', 'nginx'],
    ['nginx:1.29', 'nginx'],
    ['registry.example:5000/a/b', 'registry.example:5000/a/b'],
    ['registry.example:5000/a/b:1@sha256:00', 'registry.example:5000/a/b'],
    ['a/b@sha256:00', 'a/b'],
  ])('the repository of %s is %s', (image, repository) => {
    expect(repositoryOf(image)).toBe(repository);
  });

  it('are replaced by repository, in every kind of container and wherever an object keeps its pod', () => {
    const images = { 'a/b': 'mirror.example/a/b:9', constructor: 'x' };
    const spec = { initContainers: [{ image: 'a/b:1' }], containers: [{ image: 'a/b@sha256:00' }, { image: 'a/bc:1' }, { name: 'none' }] };
    const mapped = {
      initContainers: [{ image: 'mirror.example/a/b:9' }],
      containers: [{ image: 'mirror.example/a/b:9' }, { image: 'a/bc:1' }, { name: 'none' }],
    };
    expect(mapImages([pod(spec), cronJob(spec)], images)).toEqual([pod(mapped), cronJob(mapped)]);
    expect(imagesOf([cronJob(mapped), pod(spec)])).toEqual(['a/b:1', 'a/b@sha256:00', 'a/bc:1', 'mirror.example/a/b:9']);
    expect(mapImage('toString:1', images)).toBe('toString:1');
  });

  it('that are there are not pulled again, unless the author says so', () => {
    expect(pullOnlyWhatIsMissing(pod({ containers: [{ image: 'a' }, { image: 'b', imagePullPolicy: 'Always' }] }))).toEqual(
      pod({
        containers: [
          { image: 'a', imagePullPolicy: 'IfNotPresent' },
          { image: 'b', imagePullPolicy: 'Always' },
        ],
      }),
    );
  });

  it('an object without pods stays as it is', () => {
    const service: KubernetesObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { containers: [{ image: 'a/b:1' }] } };
    expect(mapImages([service], { 'a/b': 'c' })[0]).toBe(service);
  });
});

describe('nodes', () => {
  it('are named as Kubernetes knows them in nodeName, nodeSelector and affinity, and only where a host name is meant', () => {
    const terms = (name: string): object => ({
      nodeSelectorTerms: [
        {
          matchExpressions: [
            { key: 'kubernetes.io/hostname', operator: 'In', values: [name, 'elsewhere'] },
            { key: 'zone', operator: 'In', values: ['worker1'] },
          ],
        },
        { matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] },
      ],
    });
    const spec = (name: string): object => ({
      nodeName: name,
      nodeSelector: { 'kubernetes.io/hostname': name, zone: 'worker1' },
      affinity: {
        podAffinity: { x: 1 },
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: terms(name),
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] } },
          ],
        },
      },
      containers: [],
    });
    expect(withNodeNames(pod(spec('worker1')), [{ plan: 'worker1', name: 'cnilab-x-worker' }])).toEqual(pod(spec('cnilab-x-worker')));
  });
});

describe('workloads', () => {
  const lab: LabSpec = {
    name: 'w',
    images: { 'registry.k8s.io/e2e-test-images/agnhost': 'mirror.example/agnhost:2.53' },
    clusters: [
      {
        name: 'c1',
        kubernetesVersion: '1.34',
        cni: { type: 'bridge' },
        workloads: [{ name: 'web', namespace: 'shop', perNode: 1 }],
        objects: [
          {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: 'db', namespace: 'prod' },
            spec: { nodeName: 'worker2', containers: [{ name: 'db', image: 'db:1' }] },
          },
          { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } },
        ],
      },
    ],
  };
  it('are the objects of the cluster, behind the namespaces that they need', () => {
    const plan = planLab(lab);
    const cluster = plan.clusters[0] as (typeof plan.clusters)[number];
    const objects = workloadObjects(plan, cluster, kindNodes(plan, cluster));
    expect(objects.map((object) => `${object.kind}/${object.metadata.name}`)).toEqual(['Namespace/shop', 'Namespace/prod', 'DaemonSet/web', 'Pod/db']);
    expect(objects[3]).toMatchObject({ spec: { nodeName: 'cnilab-w-worker2', containers: [{ image: 'db:1', imagePullPolicy: 'IfNotPresent' }] } });
    expect(imagesOf(objects)).toEqual(['db:1', 'mirror.example/agnhost:2.53']);
  });
});

describe('containers of the test image', () => {
  const image = 'mirror.example/agnhost:2.53';
  const argsOf = (container: object): unknown => {
    const { containers } = answering(pod({ containers: [container] }), image)['spec'] as { readonly containers: readonly { readonly args?: unknown }[] };
    return containers[0]?.args;
  };
  it('answer at their first ports, unless their author says what they run', () => {
    expect(argsOf({ image })).toEqual(['netexec', '--http-port=8080']);
    const ports = [{ containerPort: 53, protocol: 'UDP' }, { containerPort: 80 }, { containerPort: 81, protocol: 'TCP' }];
    expect(argsOf({ image, ports })).toEqual(['netexec', '--http-port=80', '--udp-port=53']);
    expect(argsOf({ image, args: ['pause'] })).toEqual(['pause']);
    expect(argsOf({ image, command: ['sh'] })).toBeUndefined();
    expect(argsOf({ image: 'nginx:1' })).toBeUndefined();
  });
});
