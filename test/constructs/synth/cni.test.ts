import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../topology/spec.ts';
import { upstreamManifest } from '../../../topology/upstream.ts';
import { everyCni, labWith, manifestsOf } from '../../every-cni.ts';
import { noUpstream, upstreamHere } from '../../upstream-here.ts';

const upstream = await upstreamHere(everyCni.map(({ plan }) => plan));
const possible = everyCni.filter(({ plan }) => {
  const cni = plan.clusters[0]?.cni;
  return noUpstream === null || cni === undefined || upstreamManifest(cni) === null;
});
const all = possible.map(({ name, plan }) => ({ name, plan, manifests: manifestsOf(plan, upstream) }));

type Json = Readonly<Record<string, unknown>>;
const objectsOf = (manifests: ReturnType<typeof manifestsOf>): readonly KubernetesObject[] => manifests.files.flatMap((file) => file.objects);
const named = (objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
};
const podOf = (object: KubernetesObject): Json => (object['spec'] as { readonly template: { readonly spec: Json } }).template.spec;
interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy?: string;
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly readinessProbe?: Json;
}
const containersOf = (object: KubernetesObject): readonly Container[] => {
  const { initContainers = [], containers } = podOf(object) as { readonly initContainers?: readonly Container[]; readonly containers: readonly Container[] };
  return [...initContainers, ...containers];
};
const container = (object: KubernetesObject, name: string): Container => {
  const found = containersOf(object).find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no container ${name}`);
  return found;
};
const envOf = (one: Container): Readonly<Record<string, string | undefined>> => Object.fromEntries((one.env ?? []).map(({ name, value }) => [name, value]));
const dataOf = (object: KubernetesObject): Readonly<Record<string, string>> => object['data'] as Readonly<Record<string, string>>;
const jsonIn = (object: KubernetesObject, key: string): Json => JSON.parse(dataOf(object)[key] ?? 'null') as Json;

describe('the manifests of every CNI', () => {
  it.skipIf(noUpstream === null)(`of calico and weave were not looked at: ${noUpstream ?? ''}`, () => expect(all.length).toBeLessThan(everyCni.length));

  it.each(all)('$name: images are pinned, and pulled only where they are missing', ({ manifests }) => {
    for (const image of manifests.images) expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?(-\w+)?$/);
    for (const object of objectsOf(manifests).filter((one) => one.kind === 'DaemonSet' || one.kind === 'Deployment')) {
      for (const one of containersOf(object)) expect([one.name, one.imagePullPolicy]).toEqual([one.name, 'IfNotPresent']);
    }
  });

  it.each(all)('$name: what is waited for is there, and runs on nodes that are not ready', ({ plan, manifests }) => {
    if (plan.clusters[0]?.cni.type === 'kindnet') {
      expect(manifests).toEqual({ files: [], rollouts: [{ kind: 'DaemonSet', namespace: 'kube-system', name: 'kindnet' }], plugins: [], images: [] });
      return;
    }
    for (const { kind, name, namespace } of manifests.rollouts) {
      const object = named(objectsOf(manifests), kind, name);
      expect(object.metadata.namespace).toBe(namespace);
      expect(podOf(object)).toMatchObject({ hostNetwork: true, priorityClassName: 'system-node-critical' });
      const tolerated = podOf(object)['tolerations'] as readonly Json[];
      expect(tolerated.some((one) => one['key'] === undefined && one['operator'] === 'Exists' && (one['effect'] ?? 'NoSchedule') === 'NoSchedule')).toBe(true);
    }
  });

  it.each(all)('$name: no two objects are the same, and every name is written out', ({ manifests }) => {
    const names = objectsOf(manifests).map(({ kind, metadata: { namespace = '', name } }) => `${kind} ${namespace} ${name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).not.toMatch(/-c8[0-9a-f]{6}$|undefined/);
  });

  it.each(all)('$name: every account that is bound exists, and none may write more than its own part', ({ manifests }) => {
    const objects = objectsOf(manifests);
    for (const binding of objects.filter((one) => one.kind.endsWith('RoleBinding') && one.metadata.name !== 'calico-tier-getter')) {
      const { subjects, roleRef } = binding as unknown as { subjects: readonly { kind: string; name: string }[]; roleRef: { kind: string; name: string } };
      for (const subject of subjects) named(objects, subject.kind, subject.name);
      named(objects, roleRef.kind, roleRef.name);
    }
    expect(JSON.stringify(objects)).not.toContain('cluster-admin');
  });

  it.each(all.filter(({ plan }) => plan.clusters[0]?.kubeProxy.mode === 'none' && plan.clusters[0].cni.type !== 'kindnet'))(
    '$name: finds the API without kube-proxy',
    ({ manifests }) => {
      expect(JSON.stringify(objectsOf(manifests))).toContain('cnilab-every-control-plane');
    },
  );
});

describe('bridge', () => {
  const { files, plugins } = manifestsOf(labWith({ type: 'bridge', masquerade: false, bridge: 'br0', mtu: 1400 }));
  const objects = files.flatMap((file) => file.objects);

  it('may read nodes and nothing else', () => {
    expect(named(objects, 'ClusterRole', 'cnilab-bridge')['rules']).toEqual([{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] }]);
  });

  it('has a list without what makes the plugin fail or rewrite pod traffic', () => {
    const list = jsonIn(named(objects, 'ConfigMap', 'cnilab-bridge'), 'conflist.json');
    expect(list).toMatchObject({
      cniVersion: '1.0.0',
      plugins: [{ type: 'bridge', bridge: 'br0', isGateway: true, ipMasq: false, mtu: 1400 }, { type: 'portmap' }],
    });
    expect(JSON.stringify(list)).not.toContain('isDefaultGateway');
  });

  it('runs with three capabilities instead of all', () => {
    expect(container(named(objects, 'DaemonSet', 'cnilab-bridge'), 'bridge')).toMatchObject({
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'SYS_CHROOT'] } },
      command: ['chroot', '/host', '/bin/sh', '/run/cnilab-bridge/bridge.sh'],
    });
    expect(envOf(container(named(objects, 'DaemonSet', 'cnilab-bridge'), 'bridge'))).toMatchObject({ POD_CIDRS: '10.244.0.0/16', MASQUERADE: '' });
  });

  it('asks the API by the name that every node resolves, with a token that is renewed', () => {
    expect(jsonIn(named(objects, 'ConfigMap', 'cnilab-bridge'), 'kubeconfig.json')).toMatchObject({
      clusters: [{ cluster: { server: 'https://cnilab-every-control-plane:6443' } }],
      users: [{ user: { tokenFile: '/run/cnilab-bridge/token' } }],
    });
  });

  it('lacks one plugin of the node image', () => expect(plugins).toEqual(['bridge']));
});

describe('flannel', () => {
  const flannel = (...parameters: Parameters<typeof labWith>): readonly KubernetesObject[] => objectsOf(manifestsOf(labWith(...parameters)));
  const netConf = (objects: readonly KubernetesObject[]): Json => jsonIn(named(objects, 'ConfigMap', 'kube-flannel-cfg'), 'net-conf.json');
  const daemonSet = (objects: readonly KubernetesObject[]): KubernetesObject => named(objects, 'DaemonSet', 'kube-flannel-ds');

  it.each([
    [{ type: 'flannel' }, {}, { Type: 'vxlan', VNI: 1, Port: 8472, DirectRouting: false }],
    [{ type: 'flannel', directRouting: true, vni: 7, port: 4789 }, {}, { Type: 'vxlan', VNI: 7, Port: 4789, DirectRouting: true }],
    [{ type: 'flannel', mtu: 1400 }, {}, { Type: 'vxlan', VNI: 1, Port: 8472, DirectRouting: false, MTU: 1400 }],
    [{ type: 'flannel', backend: 'host-gw' }, {}, { Type: 'host-gw' }],
    [{ type: 'flannel', backend: 'udp' }, {}, { Type: 'udp', Port: 8285 }],
  ] as const)('%o: the backend has what was chosen and no MTU that was not', (cni, cluster, backend) => {
    expect(netConf(flannel(cni, cluster))).toEqual({ EnableIPv4: true, Network: '10.244.0.0/16', EnableIPv6: false, EnableNFTables: false, Backend: backend });
  });

  it('host-gw has no tunnel to take an MTU off: the pods get it directly', () => {
    const cniConf = jsonIn(named(flannel({ type: 'flannel', backend: 'host-gw', mtu: 1400 }), 'ConfigMap', 'kube-flannel-cfg'), 'cni-conf.json');
    expect(cniConf).toMatchObject({ plugins: [{ type: 'flannel', delegate: { isDefaultGateway: true, hairpinMode: true, mtu: 1400 } }, { type: 'portmap' }] });
  });

  it('udp opens /dev/net/tun, for which its container must be privileged; the others are not', () => {
    const privileged = (backend: 'udp' | 'vxlan'): unknown => JSON.stringify(daemonSet(flannel({ type: 'flannel', backend }))).includes('"privileged":true');
    expect([privileged('udp'), privileged('vxlan')]).toEqual([true, false]);
  });

  it('goes with nftables of kube-proxy', () => {
    expect(netConf(flannel({ type: 'flannel' }, { kubeProxy: { mode: 'nftables' } }))).toMatchObject({ EnableNFTables: true });
  });

  it.each([
    ['0.28.4', 'cp', { startupProbe: { exec: { command: ['test', '-s', '/run/flannel/subnet.env'] } } }],
    ['0.28.6', '/opt/bin/install-conf', { startupProbe: { exec: { command: ['test', '-s', '/run/flannel/subnet.env'] } } }],
    ['0.28.9', '/opt/bin/install-conf', { readinessProbe: { httpGet: { path: '/readyz', port: 8081 } } }],
    ['0.29.0', '/opt/bin/install-conf', { readinessProbe: { httpGet: { path: '/readyz', port: 8081 } } }],
  ])('%s is installed and judged ready as that version can', (version, program, probe) => {
    const object = daemonSet(flannel({ type: 'flannel', version }));
    expect(container(object, 'install-cni')).toMatchObject({ image: `ghcr.io/flannel-io/flannel:v${version}` });
    expect(container(object, 'install-cni').command?.[0]).toBe(program);
    expect(container(object, 'kube-flannel')).toMatchObject(probe);
  });

  it('follows the version of the image that replaces its own', () => {
    const image = 'registry.example/mirror/flannel:v0.28.4';
    const object = daemonSet(flannel({ type: 'flannel' }, {}, { images: { 'ghcr.io/flannel-io/flannel': image } }));
    expect(container(object, 'kube-flannel').image).toBe(image);
    expect(container(object, 'install-cni').command?.[0]).toBe('cp');
  });
});

describe.skipIf(noUpstream !== null)(`calico, from its own manifest${noUpstream === null ? '' : `: ${noUpstream}`}`, () => {
  const calico = (...parameters: Parameters<typeof labWith>): ReturnType<typeof manifestsOf> => manifestsOf(labWith(...parameters), upstream);
  const node = (manifests: ReturnType<typeof manifestsOf>): Readonly<Record<string, string | undefined>> =>
    envOf(container(named(objectsOf(manifests), 'DaemonSet', 'calico-node'), 'calico-node'));

  it.each([
    [{ type: 'calico' }, { CALICO_IPV4POOL_IPIP: 'Never', CALICO_IPV4POOL_VXLAN: 'Always' }, 'vxlan', '1450'],
    [{ type: 'calico', encapsulation: 'crossSubnet' }, { CALICO_IPV4POOL_IPIP: 'Never', CALICO_IPV4POOL_VXLAN: 'CrossSubnet' }, 'vxlan', '1450'],
    [{ type: 'calico', encapsulation: 'ipip' }, { CALICO_IPV4POOL_IPIP: 'Always', CALICO_IPV4POOL_VXLAN: 'Never' }, 'bird', '1480'],
    [{ type: 'calico', encapsulation: 'none', mtu: 1300 }, { CALICO_IPV4POOL_IPIP: 'Never', CALICO_IPV4POOL_VXLAN: 'Never' }, 'bird', '1300'],
  ] as const)('%o: pool, backend and MTU', (cni, pool, backend, mtu) => {
    const manifests = calico(cni, { podCIDR: '10.100.0.0/16' });
    expect(node(manifests)).toMatchObject({
      ...pool,
      CALICO_IPV4POOL_CIDR: '10.100.0.0/16',
      CALICO_IPV4POOL_BLOCK_SIZE: '26',
      CALICO_IPV4POOL_NAT_OUTGOING: 'true',
      IP_AUTODETECTION_METHOD: 'kubernetes-internal-ip',
    });
    expect(dataOf(named(objectsOf(manifests), 'ConfigMap', 'calico-config'))).toMatchObject({ calico_backend: backend, veth_mtu: mtu });
    expect(objectsOf(manifests).some((object) => object.kind.startsWith('BGP'))).toBe(false);
  });

  it('honours blockSize, natOutgoing and nftables', () => {
    const manifests = calico({ type: 'calico', blockSize: 24, natOutgoing: false }, { kubeProxy: { mode: 'nftables' } });
    expect(node(manifests)).toMatchObject({ CALICO_IPV4POOL_BLOCK_SIZE: '24', CALICO_IPV4POOL_NAT_OUTGOING: 'false', FELIX_NFTABLESMODE: 'Enabled' });
    expect(node(calico({ type: 'calico' }))).not.toHaveProperty('FELIX_NFTABLESMODE');
  });

  it('has its definitions in a file of their own, first', () => {
    const [crds, rest] = calico({ type: 'calico' }).files;
    expect([crds?.name, rest?.name]).toEqual(['crds', 'calico']);
    expect(new Set(crds?.objects.map((object) => object.kind))).toEqual(new Set(['CustomResourceDefinition']));
    expect(rest?.objects.some((object) => object.kind === 'CustomResourceDefinition')).toBe(false);
  });

  it('takes images from elsewhere', () => {
    const { images } = manifestsOf(labWith({ type: 'calico' }, {}, { images: { 'quay.io/calico/node': 'registry.example/node@sha256:0' } }), upstream);
    expect(images).toEqual(['quay.io/calico/cni:v3.32.1', 'quay.io/calico/kube-controllers:v3.32.1', 'registry.example/node@sha256:0']);
  });

  it('makes reflectors of the nodes that the lab names, in place of the mesh', () => {
    const objects = objectsOf(calico({ type: 'calico', encapsulation: 'none', asNumber: 64600, routeReflectors: ['worker2'] }));
    expect(objects.filter((object) => object.kind === 'Node')).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name: 'cnilab-every-worker2',
          labels: { 'cnilab.dev/route-reflector': 'true' },
          annotations: { 'projectcalico.org/RouteReflectorClusterID': '244.0.0.1' },
        },
      },
    ]);
    expect(named(objects, 'BGPConfiguration', 'default')['spec']).toEqual({ asNumber: 64600, nodeToNodeMeshEnabled: false });
    expect(named(objects, 'BGPPeer', 'route-reflectors')['spec']).toEqual({ nodeSelector: 'all()', peerSelector: "cnilab.dev/route-reflector == 'true'" });
  });

  it('keeps the mesh when only the AS number differs', () => {
    const objects = objectsOf(calico({ type: 'calico', encapsulation: 'none', asNumber: 65000 }));
    expect(named(objects, 'BGPConfiguration', 'default')['spec']).toEqual({ asNumber: 65000, nodeToNodeMeshEnabled: true });
    expect(objects.some((object) => object.kind === 'BGPPeer')).toBe(false);
  });
});

describe.skipIf(noUpstream !== null)(`weave, from the manifest of the fork${noUpstream === null ? '' : `: ${noUpstream}`}`, () => {
  it('gets range, MTU and password, and images that stay the same', () => {
    const manifests = manifestsOf(labWith({ type: 'weave', password: 'not-a-secret' }, { podCIDR: '10.100.0.0/16' }), upstream);
    const daemonSet = named(objectsOf(manifests), 'DaemonSet', 'weave-net');
    const { env = [] } = container(daemonSet, 'weave');
    expect(env).toContainEqual({ name: 'IPALLOC_RANGE', value: '10.100.0.0/16' });
    expect(env).toContainEqual({ name: 'WEAVE_MTU', value: '1376' });
    expect(env).toContainEqual({ name: 'WEAVE_PASSWORD', valueFrom: { secretKeyRef: { name: 'weave-passwd', key: 'weave-passwd' } } });
    expect(named(objectsOf(manifests), 'Secret', 'weave-passwd')).toMatchObject({ stringData: { 'weave-passwd': 'not-a-secret' } });
    expect(manifests.images).toEqual(['rajchaudhuri/weave-kube:2.9.0', 'rajchaudhuri/weave-npc:2.9.0']);
    expect(daemonSet.metadata.annotations?.['cnilab.dev/experimental']).toContain('no run against Kubernetes 1.33');
  });

  it('keeps to its router in user space where the lab says so', () => {
    const env = (mode: 'fastdp' | 'sleeve'): unknown =>
      container(named(objectsOf(manifestsOf(labWith({ type: 'weave', mode }), upstream)), 'DaemonSet', 'weave-net'), 'weave').env;
    expect(env('sleeve')).toContainEqual({ name: 'WEAVE_NO_FASTDP', value: 'true' });
    expect(JSON.stringify(env('fastdp'))).not.toContain('FASTDP');
  });

  it('has no secret and no encryption without a password', () => {
    const objects = objectsOf(manifestsOf(labWith({ type: 'weave' }), upstream));
    expect(objects.some((object) => object.kind === 'Secret')).toBe(false);
    expect(JSON.stringify(objects)).not.toContain('WEAVE_PASSWORD');
  });
});
