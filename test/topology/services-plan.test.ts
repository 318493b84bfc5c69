import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, parseCidr } from '../../topology/cidr.ts';
import { diffPlans } from '../../topology/diff.ts';
import { SpecError } from '../../topology/errors.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import { allocateNumbers } from '../../topology/services/allocate-numbers.ts';
import { clusterIPBands, NODE_PORT_BANDS } from '../../topology/services/plan-services.ts';
import type { ServicePlan } from '../../topology/services/service-plan.ts';
import { validateSpec } from '../../topology/validate.ts';
import type { ClusterSpec, KubernetesObject, LabSpec } from '../../topology/spec.ts';

const svc = (name: string, spec: object, namespace = 'default'): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec,
});
const slice = (service: string, endpoints: readonly object[], more: object = {}): KubernetesObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } },
  addressType: 'IPv4',
  endpoints,
  ports: [{ name: '', port: 5432 }],
  ...more,
});
const web: ClusterSpec['workloads'] = [{ name: 'web', replicas: 3, ports: [{ name: 'http', containerPort: 8080 }] }];
const lab = (objects: readonly KubernetesObject[], cluster: Partial<ClusterSpec> = {}, rest: Partial<LabSpec> = {}): LabSpec => ({
  name: 'demo',
  clusters: [{ name: 'c1', cni: { type: 'flannel' }, workloads: web, objects, ...cluster }],
  ...rest,
});
const servicesOf = (plan: LabPlan): readonly ServicePlan[] => plan.clusters.flatMap((c) => c.services);
const find = (plan: LabPlan, name: string): ServicePlan => {
  const found = servicesOf(plan).find((s) => s.name === name);
  if (found === undefined) throw new Error(`no Service ${name} in the plan`);
  return found;
};
const addresses = (service: ServicePlan): readonly string[] => service.endpoints.map((e) => e.address);
const http = { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] };
const dual = { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] };

describe("the cluster's own Services", () => {
  it('are the API, and the DNS where there are Services', () => {
    const plan = planLab(lab([svc('web', http)], { controlPlanes: 2 }));
    expect(
      servicesOf(plan)
        .map((s) => `${s.id} ${s.clusterIPs.join()}`)
        .slice(0, 2),
    ).toEqual(['c1/default/kubernetes 10.96.0.1', 'c1/kube-system/kube-dns 10.96.0.10']);
    expect(find(plan, 'kubernetes').endpoints.map((e) => `${e.node} ${e.address}:${e.ports[0]?.port}`)).toEqual([
      'control-plane1 172.30.0.2:6443',
      'control-plane2 172.30.0.3:6443',
    ]);
    expect(find(plan, 'kube-dns')).toMatchObject({
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53 },
        { name: 'metrics', protocol: 'TCP', port: 9153 },
      ],
      endpoints: [{ node: 'control-plane1', ready: true }],
    });
  });

  it('add a pod for the DNS, which is no object of the lab and moves no other pod', () => {
    const without = planLab(lab([], { dns: false }));
    const withDns = planLab(lab([], { dns: true }));
    const own = withDns.clusters[0]?.pods.filter((p) => p.namespace === 'kube-system') ?? [];
    expect(own.map((p) => `${p.name.replace(/-[0-9a-f]{10}$/, '-HASH')} ${p.node} ${p.owner} ${p.dnsPolicy}`)).toEqual([
      'coredns-HASH control-plane1 Deployment/coredns Default',
    ]);
    expect(withDns.clusters[0]?.objects).toEqual(without.clusters[0]?.objects);
    expect(withDns.clusters[0]?.pods.slice(0, -1)).toEqual(without.clusters[0]?.pods);
  });

  it('leave the DNS out of a cluster that has none, and to pods of the author that play it', () => {
    expect(servicesOf(planLab(lab([]))).map((s) => s.name)).toEqual(['kubernetes']);
    expect(servicesOf(planLab(lab([svc('web', http)], { dns: false }))).map((s) => s.name)).toEqual(['kubernetes', 'web']);
    const own: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'my-dns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
      spec: { containers: [] },
    };
    const plan = planLab(lab([own, svc('web', http)]));
    expect(plan.clusters[0]?.pods.filter((p) => p.namespace === 'kube-system').map((p) => p.name)).toEqual(['my-dns']);
    expect(find(plan, 'kube-dns').endpoints.map((e) => e.pod)).toEqual(['c1/kube-system/my-dns']);
  });

  it("take the author's kube-dns in the place of kubeadm's", () => {
    const plan = planLab(lab([svc('web', http), svc('kube-dns', { selector: { app: 'web' }, ports: [{ port: 53, protocol: 'UDP' }] }, 'kube-system')]));
    expect(servicesOf(plan).map((s) => s.name)).toEqual(['kubernetes', 'kube-dns', 'web']);
    expect(find(plan, 'kube-dns')).toMatchObject({ clusterIPs: ['10.96.0.10'], ports: [{ protocol: 'UDP', port: 53 }] });
  });
});

describe('endpoints', () => {
  it('are the pods that the selector matches in the namespace, at the ports that their names have', () => {
    const stranger: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'shop', labels: { app: 'web' } },
      spec: { containers: [] },
    };
    const plan = planLab(lab([svc('web', http), stranger]));
    expect(find(plan, 'web').endpoints).toEqual(
      (plan.clusters[0]?.pods ?? [])
        .filter((p) => p.name.startsWith('web'))
        .map((p) => ({
          family: 'ipv4',
          address: p.interface?.addresses[0]?.address,
          ports: [{ name: '', protocol: 'TCP', port: 8080 }],
          node: p.node,
          pod: p.id,
          hostname: '',
          ready: true,
        })),
    );
  });

  it('follow the pods', () => {
    const scaled = (replicas: number, previous: LabPlan | null): LabPlan =>
      planLab(lab([svc('web', http)], { workloads: [{ name: 'web', replicas, ports: [{ name: 'http', containerPort: 8080 }] }] }), { previous });
    const three = scaled(3, null);
    const none = scaled(0, three);
    const four = scaled(4, three);
    expect(find(none, 'web').endpoints).toEqual([]);
    expect(addresses(find(four, 'web')).slice(0, 3)).toEqual(addresses(find(three, 'web')));
    expect(
      diffPlans(three, none)
        .changes.filter((c) => c.object === 'service')
        .map((c) => `${c.kind} ${c.id} ${c.reason}: ${c.to}`),
    ).toEqual(['change c1/default/web its endpoints change: no endpoints']);
  });

  it('have the address of their node in its network', () => {
    const plan = planLab(
      lab([svc('web', http)], { workloads: [{ name: 'web', perNode: 1, hostNetwork: true, ports: [{ name: 'http', containerPort: 8080 }] }] }),
    );
    expect(find(plan, 'web').endpoints.map((e) => `${e.node} ${e.address}`)).toEqual(['control-plane1 172.30.0.2', 'worker1 172.30.0.3', 'worker2 172.30.0.4']);
  });

  it('that are not ready say so, unless the Service publishes them', () => {
    const pod: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'slow', labels: { app: 'slow' }, annotations: { 'cnilab.dev/ready': 'false' } },
      spec: { containers: [] },
    };
    const spec = { selector: { app: 'slow' }, ports: [{ port: 80 }] };
    const plan = planLab(lab([pod, svc('a', spec), svc('b', { ...spec, publishNotReadyAddresses: true })]));
    expect(plan.clusters[0]?.pods.find((p) => p.name === 'slow')?.ready).toBe(false);
    expect([find(plan, 'a').endpoints[0]?.ready, find(plan, 'b').endpoints[0]?.ready]).toEqual([false, true]);
  });

  it('have host names where pod and Service name each other', () => {
    const set: KubernetesObject = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db' },
      spec: { replicas: 2, serviceName: 'db', template: { metadata: { labels: { app: 'db' } }, spec: { containers: [] } } },
    };
    const pod: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', labels: { app: 'db' } },
      spec: { hostname: 'extra', subdomain: 'other', containers: [] },
    };
    const headless = { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: 5432 }] };
    const plan = planLab(lab([set, pod, svc('db', headless), svc('other', headless)]));
    expect(find(plan, 'db').endpoints.map((e) => e.hostname)).toEqual(['db-0', 'db-1', '']);
    expect(find(plan, 'other').endpoints.map((e) => e.hostname)).toEqual(['', '', 'extra']);
    expect(find(plan, 'db')).toMatchObject({ headless: true, clusterIPs: [] });
  });

  it('are two where two slices name one port twice on one address, and one where they name the same', () => {
    const named = (name: string, port: number): KubernetesObject => ({
      ...slice('db', [{ addresses: ['172.30.0.50'] }], { ports: [{ name: '', port }] }),
      metadata: { name, labels: { 'kubernetes.io/service-name': 'db' } },
    });
    const plan = planLab(lab([svc('db', { ports: [{ port: 5432 }] }), named('db-1', 8080), named('db-2', 8081), named('db-3', 8081)]));
    expect(find(plan, 'db').endpoints.map((e) => [e.address, e.ports.map((p) => p.port)])).toEqual([
      ['172.30.0.50', [8080]],
      ['172.30.0.50', [8081]],
    ]);
  });

  it('come from slices, by the names of the ports', () => {
    const one = slice('db', [
      { addresses: ['172.30.0.50'] },
      { addresses: ['172.30.0.51'], conditions: { ready: false }, hostname: 'b', nodeName: 'worker1' },
      { addresses: ['10.244.1.2'], targetRef: { kind: 'Pod', name: 'server' } },
    ]);
    const two = slice('db', [{ addresses: ['172.30.0.50'] }], {
      metadata: { name: 'db-2', labels: { 'kubernetes.io/service-name': 'db' } },
      ports: [
        { name: 'admin', port: 8080 },
        { name: 'other', port: 9 },
      ],
    });
    const pod: KubernetesObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'server' }, spec: { nodeName: 'worker2', containers: [] } };
    const legacy: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'old' },
      subsets: [{ addresses: [{ ip: '172.30.0.60' }], notReadyAddresses: [{ ip: '172.30.0.61' }], ports: [{ port: 5432 }] }],
    };
    const plan = planLab(lab([svc('db', { ports: [{ port: 5432 }] }), svc('old', { ports: [{ port: 5432 }] }), one, legacy, pod]));
    expect(find(plan, 'db').endpoints.map((e) => [e.address, e.ports[0]?.port, e.node, e.pod, e.hostname, e.ready])).toEqual([
      ['172.30.0.50', 5432, null, null, '', true],
      ['172.30.0.51', 5432, 'worker1', null, 'b', false],
      ['10.244.1.2', 5432, 'worker2', 'c1/default/server', '', true],
    ]);
    expect(find(plan, 'old').endpoints.map((e) => [e.address, e.ready])).toEqual([
      ['172.30.0.60', true],
      ['172.30.0.61', false],
    ]);
    const ports = {
      ports: [
        { name: 'pg', port: 5432 },
        { name: 'admin', port: 80 },
      ],
    };
    const both = planLab(lab([svc('db', ports), { ...one, ports: [{ name: 'pg', port: 5432 }] }, two, pod]));
    expect(find(both, 'db').endpoints[0]?.ports).toEqual([
      { name: 'pg', protocol: 'TCP', port: 5432 },
      { name: 'admin', protocol: 'TCP', port: 8080 },
    ]);
  });
});

describe('what a Service asks for', () => {
  it('is kept with the defaults of the API server', () => {
    const plan = planLab(
      lab(
        [
          svc('plain', http),
          svc('sticky', { ...http, sessionAffinity: 'ClientIP', internalTrafficPolicy: 'Local' }),
          svc('timed', { ...http, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }),
          svc('name', { type: 'ExternalName', externalName: 'db.example.com.' }),
          svc('fixed', { ...http, clusterIP: '10.96.0.20', externalIPs: ['172.30.0.3'] }),
        ],
        {},
      ),
    );
    expect(find(plan, 'plain')).toMatchObject({
      type: 'ClusterIP',
      headless: false,
      families: ['ipv4'],
      affinitySeconds: null,
      internalTrafficPolicy: 'Cluster',
      externalTrafficPolicy: 'Cluster',
      healthCheckNodePort: null,
      ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: 'http', nodePort: null }],
    });
    expect(find(plan, 'sticky')).toMatchObject({ affinitySeconds: 10_800, internalTrafficPolicy: 'Local' });
    expect(find(plan, 'timed').affinitySeconds).toBe(60);
    expect(find(plan, 'name')).toMatchObject({ type: 'ExternalName', externalName: 'db.example.com', clusterIPs: [], families: [], endpoints: [] });
    expect(find(plan, 'fixed')).toMatchObject({ clusterIPs: ['10.96.0.20'], externalIPs: ['172.30.0.3'] });
  });

  it('decides its families', () => {
    const plan = planLab(
      lab(
        [
          svc('single', http),
          svc('six', { ...http, ipFamilies: ['IPv6'] }),
          svc('both', { ...http, ipFamilyPolicy: 'PreferDualStack' }),
          svc('turned', { ...http, ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] }),
          svc('by-address', { ...http, clusterIP: 'fd00:10:96::20' }),
          svc('bare', { clusterIP: 'None', ports: [{ port: 80 }] }),
        ],
        dual,
      ),
    );
    expect(servicesOf(plan).map((s) => `${s.name} ${s.families.join()} ${s.clusterIPs.length}`)).toEqual([
      'kubernetes ipv4 1',
      'kube-dns ipv4 1',
      'single ipv4 1',
      'six ipv6 1',
      'both ipv4,ipv6 2',
      'turned ipv6,ipv4 2',
      'by-address ipv6 1',
      'bare ipv4,ipv6 0',
    ]);
    expect(find(plan, 'turned').clusterIPs.map((ip) => ip.includes(':'))).toEqual([true, false]);
    expect(addresses(find(plan, 'six')).every((a) => a.includes(':'))).toBe(true);
    expect(find(plan, 'both').endpoints.map((e) => e.family)).toEqual(['ipv4', 'ipv6', 'ipv4', 'ipv6', 'ipv4', 'ipv6']);
    expect(find(planLab(lab([svc('both', { ...http, ipFamilyPolicy: 'PreferDualStack' })])), 'both').families).toEqual(['ipv4']);
  });

  it('gets node ports: fixed ones, one for TCP and UDP of a port, none where it wants none', () => {
    const plan = planLab(
      lab(
        [
          svc('fixed', { type: 'NodePort', ...http, ports: [{ port: 80, nodePort: 30_080 }] }),
          svc('dns', {
            ...http,
            type: 'NodePort',
            ports: [
              { name: 'u', port: 53, protocol: 'UDP' },
              { name: 't', port: 53 },
            ],
          }),
          svc('half', {
            ...http,
            type: 'NodePort',
            ports: [
              { name: 'u', port: 53, protocol: 'UDP' },
              { name: 't', port: 53, nodePort: 30_053 },
            ],
          }),
          svc('bare', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, selector: http.selector, ports: [{ port: 80 }] }),
          svc('local', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', selector: http.selector, ports: [{ port: 80 }] }),
        ],
        {},
        { outside: { hosts: [] } },
      ),
    );
    const nodePorts = (name: string): readonly (number | null)[] => find(plan, name).ports.map((p) => p.nodePort);
    expect(nodePorts('fixed')).toEqual([30_080]);
    expect(new Set(nodePorts('dns')).size).toBe(1);
    expect(nodePorts('dns')[0]).toBeGreaterThanOrEqual(30_086);
    expect(nodePorts('half')).toEqual([30_053, 30_053]);
    expect(nodePorts('bare')).toEqual([null]);
    const { ports, healthCheckNodePort } = find(plan, 'local');
    expect(healthCheckNodePort).not.toBeNull();
    expect(healthCheckNodePort).not.toBe(ports[0]?.nodePort);
  });
});

describe('a written address of a load balancer', () => {
  it('is refused when a machine of the running lab has it: no other is given instead', () => {
    const balanced = { ...http, type: 'LoadBalancer' };
    const outside = { outside: { hosts: [{ name: 'client' }] } };
    const running = planLab(lab([], {}, outside));
    const taken = running.machines.find((m) => m.name === 'client')?.interfaces[0]?.addresses[0]?.address ?? '';
    expect(() => planLab(lab([svc('a', { ...balanced, loadBalancerIP: taken })], {}, outside), { previous: running })).toThrow(
      expect.objectContaining({ diagnostics: [expect.objectContaining({ code: 'SERVICE_ADDRESS_INVALID' })] }),
    );
  });
});

describe('load balancers', () => {
  const outside = (...hosts: readonly string[]): Partial<LabSpec> => ({ outside: { hosts: hosts.map((name) => ({ name })) } });
  const balanced = { ...http, type: 'LoadBalancer' };

  it('have addresses of the outside, apart from its hosts, and a route to a node', () => {
    const plan = planLab(lab([svc('a', balanced), svc('b', { ...balanced, loadBalancerIP: '203.0.113.99' })], {}, outside('client')));
    expect([find(plan, 'a').loadBalancerIPs, find(plan, 'b').loadBalancerIPs]).toEqual([['203.0.113.3'], ['203.0.113.99']]);
    const router = plan.machines.find((m) => m.kind === 'router');
    const workers = plan.clusters[0]?.nodes.filter((n) => n.role === 'worker').map((n) => n.interfaces[0]?.addresses[0]?.address);
    const to = router?.routes.filter((r) => r.to.endsWith('/32')) ?? [];
    expect(to.map((r) => r.to)).toEqual(['203.0.113.3/32', '203.0.113.99/32']);
    for (const route of to) expect(workers).toContain(route.via);
  });

  it('are announced by a node with an endpoint where only those take packets', () => {
    const one: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'one', labels: { app: 'one' } },
      spec: { nodeName: 'worker2', containers: [] },
    };
    for (const name of ['a', 'b', 'c', 'd']) {
      const plan = planLab(
        lab([one, svc(name, { type: 'LoadBalancer', externalTrafficPolicy: 'Local', selector: { app: 'one' }, ports: [{ port: 80 }] })], {}, outside('client')),
      );
      expect(plan.machines.find((m) => m.kind === 'router')?.routes.find((r) => r.to.endsWith('/32'))?.via).toBe('172.30.0.4');
    }
  });

  it('keep their addresses when hosts, clusters and Services come and go', () => {
    const first = planLab(lab([svc('a', balanced), svc('b', balanced)], {}, outside('client')));
    const second = planLab(
      {
        ...lab([svc('z', balanced), svc('b', balanced)], {}, outside('client', 'second', 'third')),
        clusters: [
          { name: 'c0', cni: { type: 'flannel' }, podCIDR: '10.250.0.0/16', serviceCIDR: '10.100.0.0/16', objects: [svc('other', balanced)] },
          ...(lab([svc('z', balanced), svc('b', balanced)]).clusters ?? []),
        ],
      },
      { previous: first },
    );
    expect(find(second, 'b').loadBalancerIPs).toEqual(find(first, 'b').loadBalancerIPs);
    const all = [
      ...servicesOf(second).flatMap((s) => s.loadBalancerIPs),
      ...second.machines.flatMap((m) => m.interfaces.flatMap((i) => i.addresses.map((a) => a.address))),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('have none without an outside', () => {
    expect(find(planLab(lab([svc('a', balanced)])), 'a').loadBalancerIPs).toEqual([]);
  });
});

describe('numbers by identity', () => {
  const band = { from: 100, to: 139 };
  const key = fc.string({ minLength: 1, maxLength: 6 });
  const keys = fc.uniqueArray(key, { maxLength: 40 });

  it('are in the band, apart, and stay while others come and go', () => {
    fc.assert(
      fc.property(keys, keys, fc.uniqueArray(fc.integer({ min: 90, max: 150 }), { maxLength: 10 }), (before, joining, fixed) => {
        const room = 40 - fixed.filter((n) => n >= band.from && n <= band.to).length;
        const first = allocateNumbers(
          before.slice(0, room).map((k) => ({ key: k, before: null })),
          new Set(fixed),
          [band],
        );
        expect(first.size).toBe(Math.min(before.length, room));
        expect([...first.values()].every((n) => n >= band.from && n <= band.to && !fixed.includes(n))).toBe(true);
        expect(new Set(first.values()).size).toBe(first.size);
        // Some leave, others join, in another order.
        const staying = [...first.keys()].filter((_, i) => i % 2 === 0);
        const asking = [...new Set([...joining, ...staying])].slice(-room);
        const second = allocateNumbers(
          asking.map((k) => ({ key: k, before: first.get(k) ?? null })),
          new Set(fixed),
          [band],
        );
        for (const k of asking) if (first.has(k)) expect(second.get(k)).toBe(first.get(k));
        expect(new Set(second.values()).size).toBe(second.size);
        expect(second.size).toBe(asking.length);
      }),
    );
  });

  it('come from the second band when the first is used up, and then from nowhere', () => {
    const given = allocateNumbers(
      ['a', 'b', 'c', 'd'].map((k) => ({ key: k, before: null })),
      new Set([5]),
      [
        { from: 1, to: 2 },
        { from: 5, to: 6 },
      ],
    );
    expect([...given.values()].slice(0, 2).sort()).toEqual([1, 2]);
    expect([...given.values()].slice(2)).toEqual([6]);
  });

  it('of Services never move within a running lab, never collide, and lie in their ranges', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/), { minLength: 1, maxLength: 12 });
    const range = parseCidr('10.96.0.0/27');
    const specOf = (list: readonly string[]): LabSpec =>
      lab(
        list.map((name) => svc(name, { type: 'NodePort', selector: http.selector, ports: [{ port: 80 }] }, 'shop')),
        { serviceCIDR: '10.96.0.0/27', workloads: [] },
      );
    fc.assert(
      fc.property(names, names, (first, second) => {
        const before = planLab(specOf(first));
        const after = planLab(specOf(second), { previous: before });
        for (const service of servicesOf(after)) {
          const was = servicesOf(before).find((s) => s.id === service.id);
          if (was !== undefined) expect([service.clusterIPs, service.ports]).toEqual([was.clusterIPs, was.ports]);
          for (const ip of service.clusterIPs) expect(cidrContains(range, ip)).toBe(true);
          for (const { nodePort } of service.ports) expect(nodePort === null || (nodePort >= 30_086 && nodePort <= 32_767)).toBe(true);
        }
        const ips = servicesOf(after).flatMap((s) => s.clusterIPs);
        expect(new Set(ips).size).toBe(ips.length);
        const ports = servicesOf(after).flatMap((s) => s.ports.flatMap((p) => p.nodePort ?? []));
        expect(new Set(ports).size).toBe(ports.length);
      }),
      { numRuns: 40 },
    );
  });

  it('run out with a word of what to do', () => {
    const many = (count: number, spec: object): readonly KubernetesObject[] => Array.from({ length: count }, (_, i) => svc(`s${i}`, spec));
    const problems = (spec: LabSpec): readonly string[] => {
      try {
        planLab(spec);
        return [];
      } catch (error) {
        return error instanceof SpecError ? error.diagnostics.filter((d) => d.severity === 'error').map((d) => d.code) : ['no SpecError'];
      }
    };
    // Fourteen addresses, two of them the cluster's own.
    expect(problems(lab(many(12, http), { serviceCIDR: '10.96.0.0/28' }))).toEqual([]);
    expect(problems(lab(many(13, http), { serviceCIDR: '10.96.0.0/28' }))).toEqual(['SERVICE_CIDR_EXHAUSTED']);
    const ports = Array.from({ length: 1000 }, (_, i) => ({ name: `p${i}`, port: i + 1 }));
    expect(problems(lab(many(2, { type: 'NodePort', selector: http.selector, ports })))).toEqual([]);
    expect(problems(lab(many(3, { type: 'NodePort', selector: http.selector, ports })))).toEqual(['NODE_PORTS_EXHAUSTED']);
  });
});

describe('bands', () => {
  it.each([
    ['10.96.0.0/16', 257, 65_534, 256],
    ['10.96.0.0/24', 17, 254, 16],
    ['10.96.0.0/20', 257, 4094, 256],
    ['10.96.0.0/28', 1, 14, null],
    ['fd00:10:96::/112', 257, 65_535, 256],
  ])('of %s', (cidr, from, to, lower) => {
    expect(clusterIPBands(parseCidr(cidr))).toEqual(
      lower === null
        ? [{ from, to }]
        : [
            { from, to },
            { from: 1, to: lower },
          ],
    );
  });

  it('of node ports', () => {
    expect(NODE_PORT_BANDS).toEqual([
      { from: 30_086, to: 32_767 },
      { from: 30_000, to: 30_085 },
    ]);
  });
});

describe('what a change of Services is told as', () => {
  it('adds, removes and changes them in place', () => {
    const before = planLab(lab([svc('a', http), svc('b', http)]));
    const after = planLab(lab([svc('b', { ...http, type: 'NodePort' }), svc('c', { type: 'ExternalName', externalName: 'example.com' })]), {
      previous: before,
    });
    const { changes, replace } = diffPlans(before, after);
    expect(replace).toBe(false);
    expect(changes.map((c) => `${c.kind} ${c.object} ${c.id}: ${c.reason}`)).toEqual([
      'add service c1/default/c: ExternalName example.com',
      'remove service c1/default/a: no longer in the lab file',
      'change service c1/default/b: its addresses, ports or policies change',
    ]);
    expect(diffPlans(before, before).empty).toBe(true);
  });
});

describe('any Service', () => {
  const junk = fc.oneof(
    fc.constantFrom(
      '',
      'None',
      'x',
      '10.96.0.20',
      '10.96.0.0',
      '10.96.255.255',
      'fd00::1',
      '203.0.113.9',
      '127.0.0.1',
      'Local',
      'Cluster',
      'ClientIP',
      'NodePort',
      'LoadBalancer',
    ),
    fc.integer({ min: -1, max: 70_000 }),
    fc.constantFrom(null, true, false, {}, [], ['10.96.0.20'], ['IPv4', 'IPv6'], ['IPv6'], [null], { app: 'web' }, { clientIP: { timeoutSeconds: 0 } }),
  );
  const port = fc.record(
    {
      port: fc.oneof(fc.constantFrom(53, 80), junk),
      name: fc.oneof(fc.constantFrom('a', 'b'), junk),
      protocol: fc.oneof(fc.constantFrom('TCP', 'UDP'), junk),
      targetPort: fc.oneof(fc.constantFrom('http', 8080), junk),
      nodePort: fc.oneof(fc.constantFrom(30_080, 32_000), junk),
    },
    { requiredKeys: [] },
  );
  const fields = [
    'clusterIP',
    'clusterIPs',
    'selector',
    'ipFamilies',
    'ipFamilyPolicy',
    'externalName',
    'externalIPs',
    'loadBalancerIP',
    'loadBalancerSourceRanges',
    'allocateLoadBalancerNodePorts',
    'sessionAffinity',
    'sessionAffinityConfig',
    'internalTrafficPolicy',
    'externalTrafficPolicy',
    'healthCheckNodePort',
    'publishNotReadyAddresses',
  ];
  const anySpec = fc
    .record({
      type: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName') }, junk),
      ports: fc.oneof({ weight: 4, arbitrary: fc.array(port, { minLength: 1, maxLength: 3 }) }, junk),
      more: fc.dictionary(fc.constantFrom(...fields), junk, { maxKeys: 3 }),
    })
    .map(({ more, ...rest }) => ({ ...rest, ...more }));
  const anyObject = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constantFrom('a', 'b', 'web'), anySpec).map(([name, spec]) => svc(name, spec)) },
    fc
      .tuple(fc.constantFrom('a', 'b'), fc.array(fc.oneof(junk, fc.record({ addresses: fc.array(junk), conditions: junk, targetRef: junk }))))
      .map(([name, list]) => slice(name, list as object[])),
    junk.map(
      (subsets): KubernetesObject => ({
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { name: 'a' },
        subsets: [subsets, { addresses: [{ ip: subsets }], ports: [subsets] }],
      }),
    ),
    fc.tuple(junk, junk).map(
      ([hostname, dnsConfig]): KubernetesObject => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p' },
        spec: { hostname, dnsConfig, dnsPolicy: hostname },
      }),
    ),
  );

  it('is judged without a throw, and planned when the rules let it through', () => {
    let planned = 0;
    fc.assert(
      fc.property(fc.array(anyObject, { maxLength: 3 }), fc.boolean(), fc.boolean(), (objects, twoFamilies, withOutside) => {
        const spec = lab(objects, twoFamilies ? dual : {}, withOutside ? { outside: { hosts: [] } } : {});
        if (validateSpec(spec).some((d) => d.severity === 'error')) return;
        planned += 1;
        const plan = planLab(spec);
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
        const ips = servicesOf(plan).flatMap((s) => s.clusterIPs);
        expect(new Set(ips).size).toBe(ips.length);
        for (const service of servicesOf(plan)) {
          expect(service.clusterIPs.length).toBe(service.headless || service.type === 'ExternalName' ? 0 : service.families.length);
          expect(service.families.length > 0).toBe(service.type !== 'ExternalName');
        }
        // Again, from what runs: nothing moves.
        expect(diffPlans(plan, planLab(spec, { previous: plan })).changes).toEqual([]);
      }),
      { numRuns: 200 },
    );
    expect(planned).toBeGreaterThan(20);
  });
});
