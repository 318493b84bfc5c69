import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseBackend } from '../../topology/ingress/choose-backend.ts';
import { controllerPods, INGRESS_CONTROLLER, INGRESS_NAMESPACE } from '../../topology/ingress/controller.ts';
import { servedIngresses, type PathType } from '../../topology/ingress/read-ingress.ts';
import { endpointsBehind, ingressServers, type IngressServer } from '../../topology/ingress/routing.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { ClusterPlan } from '../../topology/plan.ts';
import type { KubernetesObject, LabSpec } from '../../topology/spec.ts';
import { suitesOf } from '../../verify/suites.ts';

interface Rule {
  readonly host?: string;
  /** `Prefix /a` → name of the Service. */
  readonly paths: readonly (readonly [type: PathType, path: string, service: string])[];
}

const to = (service: string): object => ({ service: { name: service, port: { number: 80 } } });

function ingress(name: string, rules: readonly Rule[], otherwise?: string, className?: string): KubernetesObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name },
    spec: {
      ...(className === undefined ? {} : { ingressClassName: className }),
      ...(otherwise === undefined ? {} : { defaultBackend: to(otherwise) }),
      ...(rules.length === 0
        ? {}
        : {
            rules: rules.map(({ host, paths }) => ({
              ...(host === undefined ? {} : { host }),
              http: { paths: paths.map(([pathType, path, service]) => ({ path, pathType, backend: to(service) })) },
            })),
          }),
    },
  };
}

const object = (kind: string, name: string, spec: object, namespace = 'default'): KubernetesObject => ({
  apiVersion: kind === 'Deployment' ? 'apps/v1' : 'v1',
  kind,
  metadata: { name, namespace, labels: { app: name } },
  spec,
});
const SERVICES = ['shop', 'blog'].flatMap((name) => [
  object('Pod', name, { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }] }),
  object('Service', name, { selector: { app: name }, ports: [{ port: 80, name: 'web', targetPort: 'http' }] }),
]);
const lab = (objects: readonly KubernetesObject[], more: Partial<LabSpec> = {}): LabSpec => ({
  name: 'demo',
  clusters: [{ name: 'c1', workers: 1, cni: { type: 'flannel' }, objects }],
  ...more,
});
const clusterOf = (spec: LabSpec): ClusterPlan => {
  const [cluster] = planLab(spec).clusters;
  if (cluster === undefined) throw new Error('no cluster');
  return cluster;
};
const HOSTS = ingress('hosts', [{ host: 'shop.example.com', paths: [['Prefix', '/', 'shop']] }]);
const named = (cluster: ClusterPlan) => cluster.services.find(({ namespace, name }) => namespace === INGRESS_NAMESPACE && name === INGRESS_CONTROLLER);

describe('the controller of a lab with an Ingress', () => {
  it('is a pod and a Service, of node ports without an outside, else a load balancer that keeps the client', () => {
    const inside = clusterOf(lab([...SERVICES, HOSTS]));
    expect(controllerPods(inside).map((pod) => [pod.id, pod.node])).toEqual([
      [expect.stringMatching(/^c1\/ingress-nginx\/ingress-nginx-controller-/), 'worker1'],
    ]);
    expect(named(inside)).toMatchObject({ type: 'NodePort', ports: [{ port: 80, nodePort: expect.any(Number) as number }] });
    expect(named(inside)?.endpoints.map((one) => one.ports[0]?.port)).toEqual([80]);
    const outside = named(clusterOf(lab([...SERVICES, HOSTS], { outside: { hosts: [{ name: 'laptop' }] } })));
    expect(outside).toMatchObject({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerIPs: ['203.0.113.3'] });
  });

  it('is no object of the lab, and renumbers nobody', () => {
    const without = clusterOf(lab(SERVICES));
    const cluster = clusterOf(lab([...SERVICES, HOSTS]));
    expect(cluster.objects).toEqual([...without.objects, HOSTS]);
    expect(cluster.pods.slice(0, without.pods.length)).toEqual(without.pods);
    expect(cluster.services.slice(0, without.services.length)).toEqual(without.services);
  });

  it('is not there for classes of others, and an author may bring one', () => {
    const foreign = clusterOf(lab([...SERVICES, ingress('hosts', [], 'shop', 'traefik')]));
    expect([controllerPods(foreign), named(foreign)]).toEqual([[], undefined]);
    const labels = { 'app.kubernetes.io/name': 'ingress-nginx', 'app.kubernetes.io/instance': 'ingress-nginx', 'app.kubernetes.io/component': 'controller' };
    const own: KubernetesObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'mine', namespace: INGRESS_NAMESPACE, labels }, spec: { containers: [] } };
    const service = object('Service', INGRESS_CONTROLLER, { selector: labels, ports: [{ port: 8080, targetPort: 80 }] }, INGRESS_NAMESPACE);
    const brought = clusterOf(lab([...SERVICES, HOSTS, own, service]));
    expect(controllerPods(brought).map((pod) => pod.name)).toEqual(['mine']);
    expect(brought.services.filter(({ name }) => name === INGRESS_CONTROLLER).map(({ ports }) => ports[0]?.port)).toEqual([8080]);
  });

  it('answers for classes whose IngressClass names it', () => {
    const inner: KubernetesObject = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'inner' },
      spec: { controller: 'k8s.io/ingress-nginx' },
    };
    expect(
      servedIngresses([inner, ingress('a', [], 'shop', 'inner'), ingress('b', [], 'shop', 'nginx'), ingress('c', [], 'shop', 'outer')]).map(({ name }) => name),
    ).toEqual(['a', 'b']);
  });

  it('is verified by the suite services', () => {
    expect(suitesOf({ clusters: [clusterOf(lab([...SERVICES, HOSTS]))] })).toContain('services');
  });
});

describe('what is behind a backend', () => {
  const cluster = clusterOf(lab([...SERVICES, HOSTS]));
  const behind = (service: string, port: number | string): readonly number[] =>
    endpointsBehind(cluster, { namespace: 'default', service, port }).endpoints.map((one) => one.port);

  it('are the ready endpoints at that port, by number or name, and never by target port', () => {
    expect([behind('shop', 80), behind('shop', 'web'), behind('shop', 8080), behind('shop', 'http'), behind('none', 80)]).toEqual([[8080], [8080], [], [], []]);
  });

  it('a pod that is not ready is left out', () => {
    const waiting = SERVICES.map((one) => (one.kind === 'Pod' ? { ...one, metadata: { ...one.metadata, annotations: { 'cnilab.dev/ready': 'false' } } } : one));
    expect(endpointsBehind(clusterOf(lab([...waiting, HOSTS])), { namespace: 'default', service: 'shop', port: 80 }).endpoints).toEqual([]);
  });
});

/** nginx's choice: the server by name, else by wildcard, else the default one; an exact location, else the longest prefix. */
function nginxChoice(servers: readonly IngressServer[], host: string, path: string): string {
  const wildcard = servers.find((one) => one.host.startsWith('*.') && host.split('.').slice(1).join('.') === one.host.slice(2));
  const server = servers.find((one) => one.host === host) ?? wildcard ?? servers.find((one) => one.host === '');
  const hit =
    server?.locations.find((one) => one.match === 'exact' && one.path === path) ??
    server?.locations.find((one) => one.match === 'prefix' && path.startsWith(one.path));
  return (hit === undefined ? server?.otherwise : hit.backend)?.service ?? '404';
}

const asked = (objects: readonly KubernetesObject[], host: string, path: string): string =>
  chooseBackend(servedIngresses(objects), host, path)?.service ?? '404';

describe('which backend gets a request', () => {
  // https://kubernetes.io/docs/concepts/services-networking/ingress/#examples
  it.each([
    ['Prefix', '/', '/any/path', true],
    ['Exact', '/foo', '/foo', true],
    ['Exact', '/foo', '/bar', false],
    ['Exact', '/foo', '/foo/', false],
    ['Exact', '/foo/', '/foo', false],
    ['Prefix', '/foo', '/foo', true],
    ['Prefix', '/foo', '/foo/', true],
    ['Prefix', '/foo/', '/foo', true],
    ['Prefix', '/foo/', '/foo/', true],
    ['Prefix', '/aaa/bb', '/aaa/bbb', false],
    ['Prefix', '/aaa/bbb', '/aaa/bbb', true],
    ['Prefix', '/aaa/bbb/', '/aaa/bbb', true],
    ['Prefix', '/aaa/bbb', '/aaa/bbb/', true],
    ['Prefix', '/aaa/bbb', '/aaa/bbb/ccc', true],
    ['Prefix', '/aaa/bbb', '/aaa/bbbxyz', false],
    ['ImplementationSpecific', '/aaa/bbb', '/aaa/bbbxyz', true],
  ] as const)('%s %s asked for %s: %s', (type, path, wanted, is) => {
    const objects = [ingress('one', [{ paths: [[type, path, 'hit']] }])];
    expect(asked(objects, 'any.example', wanted)).toBe(is ? 'hit' : '404');
    expect(nginxChoice(ingressServers({ objects }), 'any.example', wanted)).toBe(is ? 'hit' : '404');
  });

  it.each([
    ['*.foo.com', 'bar.foo.com', true],
    ['*.foo.com', 'baz.bar.foo.com', false],
    ['*.foo.com', 'foo.com', false],
  ] as const)('host %s asked for %s: %s', (host, wanted, is) => {
    expect(asked([ingress('one', [{ host, paths: [['Prefix', '/', 'hit']] }])], wanted, '/')).toBe(is ? 'hit' : '404');
  });

  it('a default backend takes what comes to the hosts of its Ingress, and one without rules all others', () => {
    const objects = [
      ingress('shop', [{ host: 'shop.example', paths: [['Exact', '/a', 'shop']] }], 'shop-else'),
      ingress('blog', [{ host: 'blog.example', paths: [['Exact', '/a', 'blog']] }]),
      ingress('rest', [], 'rest'),
    ];
    expect(['shop.example', 'blog.example', 'who.example'].map((host) => asked(objects, host, '/b'))).toEqual(['shop-else', '404', 'rest']);
  });

  it('the servers of nginx say the same, whatever is written', () => {
    const hosts = [undefined, 'a.example', '*.example', 'b.a.example'] as const;
    const paths = ['/', '/a', '/a/', '/ab', '/a/b', '/a/b/c'] as const;
    const path = fc.tuple(fc.constantFrom<PathType>('Exact', 'Prefix', 'ImplementationSpecific'), fc.constantFrom(...paths), fc.constantFrom('x', 'y', 'z'));
    const rule = fc.record({ host: fc.constantFrom(...hosts), paths: fc.array(path, { minLength: 1, maxLength: 4 }) });
    const some = fc.array(fc.tuple(fc.array(rule, { maxLength: 3 }), fc.constantFrom(undefined, 'd', 'e')), { minLength: 1, maxLength: 3 });
    const requests = ['a.example', 'q.example', 'b.a.example', 'c.a.example', 'else.where'].flatMap((host) =>
      [...paths, '/abc', '/z'].map((wanted) => [host, wanted] as const),
    );
    fc.assert(
      fc.property(some, (written) => {
        const objects = written.map(([rules, otherwise], i) =>
          ingress(
            `i${i}`,
            rules.map(({ host, paths: own }) => ({ ...(host === undefined ? {} : { host }), paths: own })),
            otherwise,
          ),
        );
        const servers = ingressServers({ objects });
        for (const [host, wanted] of requests)
          expect(`${host}${wanted} ${nginxChoice(servers, host, wanted)}`).toBe(`${host}${wanted} ${asked(objects, host, wanted)}`);
      }),
      { numRuns: 300 },
    );
  });
});
