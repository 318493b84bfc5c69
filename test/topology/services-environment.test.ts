import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffPlans } from '../../topology/diff.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { environmentOf, type Environment } from '../../topology/services/environment.ts';
import { formatHosts } from '../../topology/services/hosts-file.ts';
import type { ClusterSpec, KubernetesObject } from '../../topology/spec.ts';

const object = (kind: string, name: string, spec: object, namespace = 'default'): KubernetesObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace },
  spec,
});
const pod = (name: string, spec: object = {}, namespace = 'default'): KubernetesObject =>
  object('Pod', name, { containers: [{ name: 'c' }], ...spec }, namespace);
const service = (name: string, spec: object = {}, namespace = 'default'): KubernetesObject =>
  object('Service', name, { selector: { app: 'x' }, ports: [{ port: 80 }], ...spec }, namespace);
const planned = (objects: readonly KubernetesObject[], previous: LabPlan | null = null, more: Partial<ClusterSpec> = {}): LabPlan =>
  planLab({ name: 'env', clusters: [{ name: 'c1', cni: { type: 'bridge' }, objects, ...more }] }, { previous });
const of = (plan: LabPlan, name = 'p', namespace = 'default'): Environment => environmentOf(plan, `c1/${namespace}/${name}`);
const API: Environment = {
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
  KUBERNETES_SERVICE_PORT: '443',
  KUBERNETES_SERVICE_PORT_HTTPS: '443',
  KUBERNETES_PORT: 'tcp://10.96.0.1:443',
  KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
  KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
  KUBERNETES_PORT_443_TCP_PORT: '443',
  KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
};

describe('the environment of containers', () => {
  it('tells of the API server, whatever else there is', () => {
    expect(of(planned([pod('p')]))).toEqual(API);
    expect(of(planned([pod('p', {}, 'shop'), service('web')]), 'p', 'shop')).toEqual(API);
    expect(of(planned([pod('p', { enableServiceLinks: false }), service('web')]))).toEqual(API);
  });

  // The example of "Environment variables" in the documentation of Services.
  it('tells of the Services of its namespace, as kubelet does', () => {
    const redis = service('redis-primary', { clusterIP: '10.96.0.11', ports: [{ port: 6379, protocol: 'TCP' }] });
    expect(of(planned([pod('p'), redis]))).toEqual({
      ...API,
      REDIS_PRIMARY_SERVICE_HOST: '10.96.0.11',
      REDIS_PRIMARY_SERVICE_PORT: '6379',
      REDIS_PRIMARY_PORT: 'tcp://10.96.0.11:6379',
      REDIS_PRIMARY_PORT_6379_TCP: 'tcp://10.96.0.11:6379',
      REDIS_PRIMARY_PORT_6379_TCP_PROTO: 'tcp',
      REDIS_PRIMARY_PORT_6379_TCP_PORT: '6379',
      REDIS_PRIMARY_PORT_6379_TCP_ADDR: '10.96.0.11',
    });
  });

  it('has each port, by number and by name, and addresses of IPv6 in brackets', () => {
    const ports = [
      { name: 'dns-tcp', port: 53, targetPort: 53 },
      { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
    ];
    const six: Partial<ClusterSpec> = { podCIDR: 'fd00:10:244::/56', serviceCIDR: 'fd00:10:96::/112' };
    const plan = planLab({
      name: 'env',
      underlay: { cidr: 'fd00:30::/64' },
      clusters: [{ name: 'c1', cni: { type: 'bridge' }, objects: [pod('p'), service('my-dns', { clusterIP: 'fd00:10:96::53', ports })], ...six }],
    });
    expect(of(plan)).toMatchObject({
      MY_DNS_SERVICE_HOST: 'fd00:10:96::53',
      MY_DNS_SERVICE_PORT_DNS: '53',
      MY_DNS_SERVICE_PORT_DNS_TCP: '53',
      MY_DNS_PORT: 'tcp://[fd00:10:96::53]:53',
      MY_DNS_PORT_53_UDP: 'udp://[fd00:10:96::53]:53',
      MY_DNS_PORT_53_UDP_PROTO: 'udp',
    });
  });

  it('has nothing of headless Services, of aliases and of other namespaces', () => {
    const others = [
      service('pods', { clusterIP: 'None' }),
      service('alias', { type: 'ExternalName', externalName: 'example.com' }),
      service('far', {}, 'shop'),
    ];
    expect(of(planned([pod('p'), ...others]))).toEqual(API);
  });

  it('is that of a pod alone', () => {
    const plan = planned([pod('p')]);
    expect([environmentOf(plan, 'c1/worker1'), environmentOf(plan, undefined), environmentOf(plan, 'laptop')]).toEqual([{}, {}, {}]);
  });
});

describe('a pod that goes on running', () => {
  const first = planned([pod('p'), service('old', { clusterIP: '10.96.0.21' })]);
  const names = (environment: Environment): readonly string[] => Object.keys(environment).filter((name) => name.endsWith('_SERVICE_HOST'));

  it('learns of no Service that is younger, as a pod does that is started then', () => {
    const later = planned([pod('p'), pod('q'), service('old', { clusterIP: '10.96.0.21' }), service('young')], first);
    expect([names(of(later)), names(of(later, 'q'))]).toEqual([
      ['KUBERNETES_SERVICE_HOST', 'OLD_SERVICE_HOST'],
      ['KUBERNETES_SERVICE_HOST', 'OLD_SERVICE_HOST', 'YOUNG_SERVICE_HOST'],
    ]);
    expect(diffPlans(first, later).recreate).toEqual([]);
  });

  it('keeps the address of one that is gone, also when another has its name', () => {
    const without = planned([pod('p')], first);
    expect(of(without)).toEqual(of(first));
    const again = planned([pod('p'), service('old', { clusterIP: '10.96.0.99' })], without);
    expect([of(again)['OLD_SERVICE_HOST'], of(planned([pod('p'), service('old', { clusterIP: '10.96.0.21' })], again))]).toEqual(['10.96.0.21', of(first)]);
  });

  it('starts anew with what there is when it is attached anew', () => {
    const moved = planned([pod('p', { hostname: 'p' }), service('young')], first);
    expect(diffPlans(first, moved).recreate).toEqual(['c1/default/p']);
    expect(names(of(moved))).toEqual(['KUBERNETES_SERVICE_HOST', 'YOUNG_SERVICE_HOST']);
  });

  it('has the same environment after any changes of Services', () => {
    const services = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c-d'), fc.integer({ min: 20, max: 40 })), { selector: ([name]) => name, maxLength: 3 });
    const objects = (of: readonly (readonly [string, number])[]): readonly KubernetesObject[] =>
      of.filter(([, ip], i) => of.findIndex(([, other]) => other === ip) === i).map(([name, ip]) => service(name, { clusterIP: `10.96.0.${ip}` }));
    fc.assert(
      fc.property(services, fc.array(services, { maxLength: 4 }), (start, changes) => {
        const begin = planned([pod('p'), ...objects(start)]);
        const end = changes.reduce((running, next) => planned([pod('p'), ...objects(next)], running), begin);
        expect(of(end)).toEqual(of(begin));
      }),
      { numRuns: 40 },
    );
  });
});

describe('the hosts file of a pod', () => {
  const hostsOf = (spec: object): string => {
    const [cluster] = planned([pod('p', spec)]).clusters;
    const [one] = cluster?.pods ?? [];
    return cluster === undefined || one === undefined ? expect.fail('no pod') : formatHosts(one, cluster);
  };

  it('has its own line, and its host aliases, as kubelet writes them', () => {
    expect(hostsOf({ hostAliases: [{ ip: '192.0.2.7', hostnames: ['db', 'db.example.com'] }] })).toBe(
      [
        '# Kubernetes-managed hosts file.',
        '127.0.0.1\tlocalhost',
        '::1\tlocalhost\tip6-localhost\tip6-loopback',
        'fe00::0\tip6-localnet',
        'fe00::0\tip6-mcastprefix',
        'fe00::1\tip6-allnodes',
        'fe00::2\tip6-allrouters',
        '10.244.1.2\tp',
        '',
        '# Entries added by HostAliases.',
        '192.0.2.7\tdb\tdb.example.com',
        '',
      ].join('\n'),
    );
  });

  it('has its whole name where a Service gives it one', () => {
    expect(hostsOf({ hostname: 'first', subdomain: 'db' })).toContain('\n10.244.1.2\tfirst.db.default.svc.cluster.local\tfirst\n');
  });
});
