import { describe, expect, it } from 'vitest';
import {
  BridgeCni,
  CalicoCni,
  Cluster,
  DaemonSet,
  Deployment,
  FlannelCni,
  KubernetesObjects,
  Lab,
  Pod,
  PodsPerNode,
  RawCni,
  StatefulSet,
  WeaveCni,
} from '../../constructs/index.ts';
import { parseLabSpec } from '../../topology/schema.ts';
import type { LabSpec } from '../../topology/spec.ts';

/** The spec of a lab, after a look through the schema: what constructs give is what a lab may be. */
function specOf(lab: Lab): LabSpec {
  const spec = lab.toSpec();
  expect(parseLabSpec(spec)).toEqual({ ok: true, spec });
  return spec;
}

describe('constructs become a spec', () => {
  it('that says no more than the author did', () => {
    const lab = new Lab({ name: 'small' });
    new Cluster(lab, 'c1', { cni: new FlannelCni() });
    expect(specOf(lab)).toEqual({ name: 'small', clusters: [{ name: 'c1', cni: { type: 'flannel' } }] });
  });

  it('without clusters', () => {
    expect(specOf(new Lab({ name: 'switch', hosts: [{ name: 'a' }, { name: 'b', address: '172.30.0.9' }] }))).toEqual({
      name: 'switch',
      hosts: [{ name: 'a' }, { name: 'b', address: '172.30.0.9' }],
    });
  });

  it('with everything', () => {
    const lab = new Lab({
      name: 'large',
      description: 'all of it',
      underlay: {
        mtu: 9000,
        segments: [
          { name: 'left', cidr: '10.0.1.0/24' },
          { name: 'right', cidr: '10.0.2.0/24', mtu: 1500 },
        ],
      },
      hosts: [{ name: 'db', segment: 'left', role: 'host', routes: [{ to: '10.9.0.0/16', via: '10.0.1.1' }] }],
      routers: [{ name: 'r1', interfaces: [{ segment: 'left', address: '10.0.1.1' }, { segment: 'right' }] }],
      outside: { router: 'r1', hosts: [{ name: 'laptop', role: 'client' }] },
    });
    const cluster = new Cluster(lab, 'c1', {
      kubernetesVersion: '1.37',
      podCIDR: ['10.244.0.0/16', 'fd00:244::/56'],
      serviceCIDR: ['10.96.0.0/16', 'fd00:96::/112'],
      nodeMask: { ipv4: 25, ipv6: 64 },
      nodes: [
        { name: 'n1', role: 'control-plane', segment: 'left' },
        { name: 'n2', segment: 'right', labels: { zone: 'b' } },
      ],
      cni: new BridgeCni({ bridge: 'v-net-0', routesOn: 'router', mtu: 1400, masquerade: false }),
      kubeProxy: { mode: 'ipvs', scheduler: 'sh' },
      dnsDomain: 'lab.test',
    });
    new PodsPerNode(cluster, 'web', { count: 2, labels: { tier: 'front' } });
    new Deployment(cluster, 'api', {
      replicas: 3,
      namespace: 'shop',
      ports: [{ containerPort: 80, protocol: 'TCP', name: 'http', hostPort: 8080 }],
      nodeSelector: { zone: 'b' },
    });
    new DaemonSet(cluster, 'agent', { hostNetwork: true });
    expect(specOf(lab)).toMatchInlineSnapshot(`
      {
        "clusters": [
          {
            "cni": {
              "bridge": "v-net-0",
              "masquerade": false,
              "mtu": 1400,
              "routesOn": "router",
              "type": "bridge",
            },
            "dnsDomain": "lab.test",
            "kubeProxy": {
              "mode": "ipvs",
              "scheduler": "sh",
            },
            "kubernetesVersion": "1.37",
            "name": "c1",
            "nodeMask": {
              "ipv4": 25,
              "ipv6": 64,
            },
            "nodes": [
              {
                "name": "n1",
                "role": "control-plane",
                "segment": "left",
              },
              {
                "labels": {
                  "zone": "b",
                },
                "name": "n2",
                "segment": "right",
              },
            ],
            "podCIDR": [
              "10.244.0.0/16",
              "fd00:244::/56",
            ],
            "serviceCIDR": [
              "10.96.0.0/16",
              "fd00:96::/112",
            ],
            "workloads": [
              {
                "labels": {
                  "tier": "front",
                },
                "name": "web",
                "perNode": 2,
              },
              {
                "name": "api",
                "namespace": "shop",
                "nodeSelector": {
                  "zone": "b",
                },
                "ports": [
                  {
                    "containerPort": 80,
                    "hostPort": 8080,
                    "name": "http",
                    "protocol": "TCP",
                  },
                ],
                "replicas": 3,
              },
              {
                "hostNetwork": true,
                "name": "agent",
                "perNode": 1,
              },
            ],
          },
        ],
        "description": "all of it",
        "hosts": [
          {
            "name": "db",
            "role": "host",
            "routes": [
              {
                "to": "10.9.0.0/16",
                "via": "10.0.1.1",
              },
            ],
            "segment": "left",
          },
        ],
        "name": "large",
        "outside": {
          "hosts": [
            {
              "name": "laptop",
              "role": "client",
            },
          ],
          "router": "r1",
        },
        "routers": [
          {
            "interfaces": [
              {
                "address": "10.0.1.1",
                "segment": "left",
              },
              {
                "segment": "right",
              },
            ],
            "name": "r1",
          },
        ],
        "underlay": {
          "mtu": 9000,
          "segments": [
            {
              "cidr": "10.0.1.0/24",
              "name": "left",
            },
            {
              "cidr": "10.0.2.0/24",
              "mtu": 1500,
              "name": "right",
            },
          ],
        },
      }
    `);
  });

  it.each([
    [new BridgeCni(), { type: 'bridge' }],
    [new FlannelCni({ backend: 'host-gw', mtu: 1400 }), { type: 'flannel', backend: 'host-gw', mtu: 1400 }],
    [new FlannelCni({ vni: 7, port: 4789, directRouting: true }), { type: 'flannel', vni: 7, port: 4789, directRouting: true }],
    [
      new CalicoCni({ encapsulation: 'none', routeReflectors: ['n1'], asNumber: 65000 }),
      { type: 'calico', encapsulation: 'none', routeReflectors: ['n1'], asNumber: 65000 },
    ],
    [
      new CalicoCni({ encapsulation: 'crossSubnet', blockSize: 28, natOutgoing: false }),
      { type: 'calico', encapsulation: 'crossSubnet', blockSize: 28, natOutgoing: false },
    ],
    [new WeaveCni({ range: '10.50.0.0/17' }), { type: 'weave', range: '10.50.0.0/17' }],
    [
      new RawCni({ conflist: { cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'ptp' }] }, pluginDirs: ['./plugins'], routesOn: 'none' }),
      { type: 'raw', conflist: { cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'ptp' }] }, pluginDirs: ['./plugins'], routesOn: 'none' },
    ],
  ])('with a CNI: %o', (cni, expected) => {
    const lab = new Lab({ name: 'x' });
    new Cluster(lab, 'c1', { cni });
    expect(specOf(lab).clusters?.[0]?.cni).toEqual(expected);
  });

  it('in the order of creation, whatever the names are', () => {
    const lab = new Lab({ name: 'x' });
    for (const name of ['c10', '2', 'a', '1']) {
      const cluster = new Cluster(lab, name, { cni: new BridgeCni() });
      for (const workload of ['9', 'b', '3']) new PodsPerNode(cluster, workload);
    }
    const { clusters = [] } = specOf(lab);
    expect(clusters.map((cluster) => cluster.name)).toEqual(['c10', '2', 'a', '1']);
    expect(clusters[0]?.workloads?.map((workload) => workload.name)).toEqual(['9', 'b', '3']);
  });

  it("with pods as objects, next to the author's own", () => {
    const lab = new Lab({ name: 'x' });
    const cluster = new Cluster(lab, 'c1', { cni: new BridgeCni() });
    new Pod(cluster, 'client', { node: 'worker1' });
    new KubernetesObjects(cluster, 'own', [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } }]);
    expect(specOf(lab).clusters?.[0]?.objects).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'client', namespace: 'default', labels: { app: 'client' } },
        spec: { nodeName: 'worker1', containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53' }] },
      },
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } },
    ]);
  });

  it('with pods that ask for second networks, from whichever namespace', () => {
    const lab = new Lab({ name: 'small' });
    const cluster = new Cluster(lab, 'c1', { cni: new FlannelCni(), networks: [{ name: 'storage', cidr: '10.60.0.0/16' }] });
    new Pod(cluster, 'a', { networks: ['storage'] });
    new Pod(cluster, 'b', { networks: ['storage'], namespace: 'shop' });
    new StatefulSet(cluster, 'db', { networks: ['storage'], namespace: 'shop' });
    new PodsPerNode(cluster, 'web', { networks: ['storage'] });
    const [c1] = specOf(lab).clusters ?? [];
    expect(c1?.networks).toEqual([{ name: 'storage', cidr: '10.60.0.0/16' }]);
    expect(c1?.workloads).toEqual([{ name: 'web', perNode: 1, networks: ['storage'] }]);
    expect(JSON.stringify(c1?.objects).match(/"k8s\.v1\.cni\.cncf\.io\/networks":"[^"]*"/g)).toEqual([
      '"k8s.v1.cni.cncf.io/networks":"storage"',
      '"k8s.v1.cni.cncf.io/networks":"default/storage"',
      '"k8s.v1.cni.cncf.io/networks":"default/storage"',
    ]);
  });

  it('the same bytes every time, that the lab does not share', () => {
    const labels: Record<string, string> = { a: '1' };
    const lab = new Lab({ name: 'x' });
    const cluster = new Cluster(lab, 'c1', { cni: new BridgeCni() });
    new PodsPerNode(cluster, 'web', { labels });
    const first = lab.toSpec();
    expect(JSON.stringify(lab.toSpec())).toBe(JSON.stringify(first));
    labels['a'] = '2';
    expect(first.clusters?.[0]?.workloads?.[0]?.labels).toEqual({ a: '1' });
  });
});

describe('constructs complain', () => {
  it('about two of one name, at once', () => {
    const lab = new Lab({ name: 'x' });
    new Cluster(lab, 'c1', { cni: new BridgeCni() });
    expect(() => new Cluster(lab, 'c1', { cni: new BridgeCni() })).toThrow(/c1/);
  });

  it('all at once, each with its path', () => {
    const lab = new Lab({ name: 'x' });
    const cluster = new Cluster(lab, 'c1', { cni: new BridgeCni() });
    new PodsPerNode(cluster, 'web', { count: -1 });
    new Deployment(cluster, 'api', { replicas: Number.NaN });
    expect(lab.validate()).toEqual(['[c1/web] count is -1: give a whole number of at least 1', '[c1/api] replicas is NaN: give a whole number of at least 0']);
    expect(() => lab.toSpec()).toThrow('[c1/web] count is -1');
  });

  it.each([
    ['a date', new Date(0), /\[clusters\.c1\.objects\.0\.spec\.x\] a Date cannot be written as JSON/],
    ['a map', new Map(), /a Map cannot/],
    ['infinity', Infinity, /Infinity cannot/],
    ['a function', () => 1, /a function cannot/],
  ])('about %s', (_, x, message) => {
    const lab = new Lab({ name: 'x' });
    const cluster = new Cluster(lab, 'c1', { cni: new BridgeCni() });
    new KubernetesObjects(cluster, 'o', [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { x } }]);
    expect(() => lab.toSpec()).toThrow(message);
  });

  it('about a value that holds itself', () => {
    const spec: Record<string, unknown> = {};
    spec['self'] = spec;
    const lab = new Lab({ name: 'x' });
    new KubernetesObjects(new Cluster(lab, 'c1', { cni: new BridgeCni() }), 'o', [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec }]);
    expect(() => lab.toSpec()).toThrow(/spec\.self\] refers back/);
  });
});
