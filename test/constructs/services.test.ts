import { describe, expect, it } from 'vitest';
import {
  CalicoCni,
  Cluster,
  Deployment,
  EndpointSlice,
  FlannelCni,
  Ingress,
  Lab,
  NetworkPolicy,
  Pod,
  Service,
  StatefulSet,
  type ServiceProps,
} from '../../constructs/index.ts';
import { planLab } from '../../topology/plan-lab.ts';
import { parseLabSpec } from '../../topology/schema.ts';
import type { KubernetesObject } from '../../topology/spec.ts';

/** The objects that a cluster gets of what is put into it, after the check of shapes. */
function objectsOf(fill: (cluster: Cluster) => void): readonly KubernetesObject[] {
  const lab = new Lab({ name: 'demo' });
  fill(new Cluster(lab, 'c1', { cni: new FlannelCni() }));
  const spec = lab.toSpec();
  expect(parseLabSpec(spec)).toEqual({ ok: true, spec });
  return spec.clusters?.[0]?.objects ?? [];
}
const specOf = (props: ServiceProps): unknown => objectsOf((cluster) => new Service(cluster, 'web', props))[0]?.['spec'];

describe('Service', () => {
  it('is a Service of the core API', () => {
    expect(
      objectsOf((cluster) => new Service(cluster, 'web', { namespace: 'shop', labels: { tier: 'front' }, selector: { app: 'web' }, ports: [{ port: 80 }] })),
    ).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'shop', labels: { tier: 'front' } },
        spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
      },
    ]);
  });

  it.each<readonly [string, ServiceProps, unknown]>([
    ['headless', { headless: true, selector: { app: 'web' } }, { clusterIP: 'None', selector: { app: 'web' } }],
    ['an alias', { type: 'ExternalName', externalName: 'db.example.com' }, { type: 'ExternalName', externalName: 'db.example.com' }],
    [
      'affinity',
      { ports: [{ port: 80 }], sessionAffinity: { type: 'ClientIP', timeoutSeconds: 60 } },
      { ports: [{ port: 80 }], sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
    ],
    ['affinity for as long as usual', { ports: [{ port: 80 }], sessionAffinity: { type: 'ClientIP' } }, { ports: [{ port: 80 }], sessionAffinity: 'ClientIP' }],
    ['near endpoints', { ports: [{ port: 80 }], trafficDistribution: 'PreferSameNode' }, { ports: [{ port: 80 }], trafficDistribution: 'PreferSameNode' }],
    [
      'addresses',
      { ports: [{ port: 80 }], ipFamilyPolicy: 'RequireDualStack', clusterIPs: ['10.96.0.20', 'fd00:96::20'] },
      { ports: [{ port: 80 }], ipFamilyPolicy: 'RequireDualStack', clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.20', 'fd00:96::20'] },
    ],
    [
      'a balancer',
      { type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerIP: '203.0.113.9', ports: [{ port: 80, nodePort: 30_080 }] },
      { type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerIP: '203.0.113.9', ports: [{ port: 80, nodePort: 30_080 }] },
    ],
  ])('%s', (_title, props, expected) => {
    expect(specOf(props)).toEqual(expected);
  });

  it('may have the name of the workload behind it, and of one in another namespace', () => {
    const names = objectsOf((cluster) => {
      new Deployment(cluster, 'web');
      new Service(cluster, 'web', { ports: [{ port: 80 }] });
      new Service(cluster, 'web', { namespace: 'shop', ports: [{ port: 80 }] });
    }).map((o) => `${o.metadata.namespace}/${o.metadata.name}`);
    expect(names).toEqual(['default/web', 'shop/web']);
  });
});

describe('EndpointSlice', () => {
  it('is of the family of its addresses, and belongs to its Service', () => {
    const [slice] = objectsOf(
      (cluster) =>
        new EndpointSlice(cluster, 'db-1', {
          service: 'db',
          endpoints: [
            { address: 'fd00::5', nodeName: 'worker1' },
            { address: 'fd00::6', ready: false },
          ],
          ports: [{ port: 5432 }],
        }),
    );
    expect(slice).toEqual({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'db-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'db' } },
      addressType: 'IPv6',
      endpoints: [
        { addresses: ['fd00::5'], conditions: { ready: true }, nodeName: 'worker1' },
        { addresses: ['fd00::6'], conditions: { ready: false } },
      ],
      ports: [{ name: '', protocol: 'TCP', port: 5432 }],
    });
  });
});

describe('names', () => {
  it('are of a kind and a namespace: a policy, a set, a Service and a Deployment may share one', () => {
    const lab = new Lab({ name: 'demo' });
    const cluster = new Cluster(lab, 'c1', { cni: new CalicoCni() });
    new Deployment(cluster, 'db', { replicas: 1 });
    for (const namespace of ['a', 'b']) {
      new NetworkPolicy(cluster, 'db', { namespace });
      new StatefulSet(cluster, 'db', { namespace });
      new Service(cluster, 'db', { namespace, headless: true });
    }
    const [planned] = planLab(lab.toSpec()).clusters;
    expect(planned?.objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? 'default'}/${metadata.name}`)).toEqual(
      expect.arrayContaining(['NetworkPolicy a/db', 'NetworkPolicy b/db', 'StatefulSet a/db', 'StatefulSet b/db']),
    );
  });
});

describe('Ingress', () => {
  it('is an Ingress of the API, with Prefix for its paths unless they say otherwise, beside a Service of its name', () => {
    const [service, ingress, rest] = objectsOf((cluster) => {
      new Service(cluster, 'web', { selector: { app: 'web' }, ports: [{ port: 80 }] });
      new Ingress(cluster, 'web', {
        labels: { tier: 'front' },
        ingressClassName: 'nginx',
        rules: [
          { host: 'web.example.com', paths: [{ path: '/', service: 'web', port: 80 }] },
          { paths: [{ path: '/health', pathType: 'Exact', service: 'web', port: 'http' }] },
        ],
      });
      new Ingress(cluster, 'rest', { namespace: 'shop', defaultBackend: { service: 'web', port: 80 } });
    });
    const backend = { service: { name: 'web', port: { number: 80 } } };
    expect(service?.kind).toBe('Service');
    expect(ingress).toEqual({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'web', namespace: 'default', labels: { tier: 'front' } },
      spec: {
        ingressClassName: 'nginx',
        rules: [
          { host: 'web.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } },
          { http: { paths: [{ path: '/health', pathType: 'Exact', backend: { service: { name: 'web', port: { name: 'http' } } } }] } },
        ],
      },
    });
    expect(rest).toMatchObject({ metadata: { name: 'rest', namespace: 'shop' }, spec: { defaultBackend: backend } });
  });
});

describe('StatefulSet and Pod', () => {
  it('say what DNS needs to know of them', () => {
    const lab = new Lab({ name: 'demo' });
    const cluster = new Cluster(lab, 'c1', { cni: new FlannelCni(), dns: true });
    new Service(cluster, 'db', { headless: true, selector: { app: 'db' } });
    new StatefulSet(cluster, 'db', { replicas: 2, serviceName: 'db', ports: [{ containerPort: 5432 }] });
    new Pod(cluster, 'odd', {
      ready: false,
      hostname: 'one',
      subdomain: 'db',
      labels: { app: 'db' },
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.1'] },
    });
    const [planned] = planLab(lab.toSpec()).clusters;
    expect(planned?.services.find((s) => s.name === 'db')?.endpoints.map((e) => `${e.hostname} ${e.ready}`)).toEqual(['db-0 true', 'db-1 true', 'one false']);
    expect(planned?.pods.find((p) => p.name === 'odd')).toMatchObject({
      ready: false,
      hostname: 'one',
      subdomain: 'db',
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.1'], searches: [], options: [] },
    });
  });
});
