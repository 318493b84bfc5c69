import { describe, expect, it } from 'vitest';
import { compile } from '../../engines/netns/compile.ts';
import type { CompileOptions } from '../../engines/netns/compile-options.ts';
import type { Op, Stage } from '../../engines/netns/ops.ts';
import { planLab } from '../../topology/plan-lab.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { CniSpec } from '../../topology/spec.ts';
import { dockerLab } from '../topology/docker-fixture.ts';
import { smallPlan, withPermanentNeighbours } from './compile-fixture.ts';

/** One line per op, texts indented; sysctls are tested by themselves. */
function render(stages: readonly Stage[]): string {
  return stages
    .flatMap(({ name, title, ops }) => [`## ${name}: ${title}`, ...ops.filter((op) => op.op !== 'sysctl' || /\/cali/.test(op.key)).map(line), ''])
    .join('\n');
}

function line(op: Op): string {
  const written = op.op === 'ipvs' ? { op: op.op, ns: op.ns, text: [...op.sets, ...op.servers].join('\n') } : op;
  const { op: kind, text, ...rest } = written as Op & { readonly text?: string };
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [
    `${kind} ${fields.join(' ')}`,
    ...(text ?? '')
      .trimEnd()
      .split('\n')
      .filter((l) => text !== undefined && l !== '')
      .map((l) => `    ${l}`),
  ].join('\n');
}

const ops = (plan: LabPlan, options: CompileOptions = {}): readonly Op[] => compile(plan, options).flatMap((stage) => stage.ops);
const only = <K extends Op['op']>(all: readonly Op[], kind: K): Extract<Op, { op: K }>[] => all.filter((op): op is Extract<Op, { op: K }> => op.op === kind);

const RAW: CniSpec = {
  type: 'raw',
  pluginDirs: ['plugins'],
  conflist: {
    cniVersion: '1.0.0',
    name: 'own',
    plugins: [
      {
        type: 'bridge',
        bridge: 'v-net-0',
        isGateway: true,
        ipam: { type: 'host-local', dataDir: '/var/lib/cni/networks', ranges: [[{ subnet: '${podCIDR}' }]] },
      },
      { type: 'my-plugin' },
    ],
  },
};

/** A Service with an endpoint on each node, a node port and affinity. */
const WITH_SERVICE = {
  kubernetesVersion: '1.34',
  dns: false,
  objects: [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: {
        type: 'NodePort',
        clusterIP: '10.96.0.80',
        sessionAffinity: 'ClientIP',
        selector: { app: 'web' },
        ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }],
      },
    },
  ],
};

const LABS: Readonly<Record<string, LabPlan>> = {
  bridge: smallPlan({ type: 'bridge' }),
  'flannel-vxlan': smallPlan({ type: 'flannel' }),
  'flannel-host-gw': smallPlan({ type: 'flannel', backend: 'host-gw' }),
  'flannel-udp': smallPlan({ type: 'flannel', backend: 'udp' }),
  'flannel-docker': smallPlan({ type: 'flannel', docker: true }),
  'calico-vxlan': smallPlan({ type: 'calico' }),
  'calico-none': smallPlan({ type: 'calico', encapsulation: 'none' }),
  weave: smallPlan({ type: 'weave' }, { kubernetesVersion: '1.30' }),
  kindnet: smallPlan({ type: 'kindnet' }),
  'services-iptables': smallPlan({ type: 'flannel' }, WITH_SERVICE),
  'services-nftables': smallPlan({ type: 'flannel' }, { ...WITH_SERVICE, kubeProxy: { mode: 'nftables' } }),
  'services-ipvs': smallPlan({ type: 'flannel' }, { ...WITH_SERVICE, kubeProxy: { mode: 'ipvs', scheduler: 'sed' } }),
  'dual-stack': smallPlan(
    { type: 'flannel' },
    { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] },
    { underlay: { cidr: ['172.30.0.0/24', 'fd00:30::/64'] } },
  ),
  docker: planLab(
    dockerLab({
      networks: [{ name: 'shop' }],
      containers: [
        { name: 'web', ports: [{ hostPort: 8080, containerPort: 80 }] },
        { name: 'side', network: 'container:web' },
        { name: 'db1', network: 'shop', aliases: ['db'] },
        { name: 'alone', network: 'none' },
        { name: 'wide', network: 'host' },
      ],
    }),
  ),
};

describe('compile', () => {
  it.each(Object.keys(LABS))('%s: every op, in order', async (name) => {
    const plan = LABS[name];
    if (plan === undefined) throw new Error(name);
    await expect(render(compile(plan))).toMatchFileSnapshot(`golden/compile-${name}.txt`);
  });

  it.each(Object.entries(LABS))('%s: the same plan gives the same bytes', (_name, plan) => {
    expect(JSON.stringify(compile(plan))).toBe(JSON.stringify(compile(structuredClone(plan))));
  });

  it.each(Object.entries(LABS))('%s: everything is made after what it stands on', (_name, plan) => {
    const made = new Set<string>();
    const early: string[] = [];
    for (const op of ops(plan)) {
      if (op.op === 'netns') made.add(op.ns);
      early.push(
        ...standsOn(op)
          .filter((name) => !made.has(name))
          .map((name) => `${name}: ${JSON.stringify(op)}`),
      );
      for (const name of makes(op)) made.add(name);
    }
    expect(early).toEqual([]);
  });

  it.each(Object.entries(LABS))('%s: a namespace gets its sysctls before it gets links', (_name, plan) => {
    const linked = new Set<string>();
    const late: string[] = [];
    for (const op of ops(plan)) {
      for (const name of makes(op)) linked.add(name.split('/')[0] ?? '');
      if (op.op === 'sysctl' && /\/(all|default)\/|ip_forward/.test(op.key) && linked.has(op.ns)) late.push(`${op.ns} ${op.key}`);
    }
    expect(late).toEqual([]);
  });
});

/** Namespaces and links (`ns/name`) that must be there. */
function standsOn(op: Op): string[] {
  return [
    ...('ns' in op ? [op.ns] : []),
    ...('dev' in op && op.dev !== null ? [`${op.ns}/${op.dev}`] : []),
    ...('device' in op ? [`${op.ns}/${op.device}`] : []),
    ...('master' in op && op.master !== null ? [`${op.ns}/${op.master}`] : []),
    ...(op.op === 'veth' ? [op.peer.ns] : []),
  ];
}

function makes(op: Op): string[] {
  if (op.op === 'veth') return [`${op.ns}/${op.name}`, `${op.peer.ns}/${op.peer.name}`];
  if (op.op === 'cni') return [`${op.ns}/${op.ifname}`];
  return op.op === 'bridge' || op.op === 'vxlan' || op.op === 'ipip' || op.op === 'tun' || op.op === 'dummy' ? [`${op.ns}/${op.name}`] : [];
}

describe('sysctls', () => {
  const of = (plan: LabPlan, ns: string, options: CompileOptions = {}): Record<string, string> =>
    Object.fromEntries(
      only(ops(plan, options), 'sysctl')
        .filter((op) => op.ns === ns)
        .map((op) => [op.key, op.value]),
    );
  const plan = LABS['flannel-vxlan'] as LabPlan;
  const dual = LABS['dual-stack'] as LabPlan;

  it('writes every one that a node would inherit from the host', () => {
    expect(of(plan, 'node.c1.worker1')).toMatchInlineSnapshot(`
      {
        "net/bridge/bridge-nf-call-ip6tables": "1",
        "net/bridge/bridge-nf-call-iptables": "1",
        "net/ipv4/conf/all/accept_redirects": "0",
        "net/ipv4/conf/all/route_localnet": "1",
        "net/ipv4/conf/all/rp_filter": "0",
        "net/ipv4/conf/all/send_redirects": "0",
        "net/ipv4/conf/default/accept_redirects": "0",
        "net/ipv4/conf/default/rp_filter": "0",
        "net/ipv4/conf/default/send_redirects": "0",
        "net/ipv4/icmp_ratelimit": "0",
        "net/ipv4/icmp_ratemask": "0",
        "net/ipv4/ip_forward": "1",
        "net/ipv4/ip_local_port_range": "1024 65535",
        "net/ipv4/ping_group_range": "0 2147483647",
        "net/ipv6/conf/all/disable_ipv6": "1",
        "net/ipv6/conf/default/disable_ipv6": "1",
      }
    `);
  });
  it('keeps pods from forwarding', () => {
    expect(of(plan, plan.clusters[0]?.pods[0]?.netns ?? '')).toMatchObject({
      'net/ipv4/ip_forward': '0',
      'net/ipv4/conf/all/rp_filter': '0',
      'net/ipv4/icmp_ratemask': '0',
    });
  });
  it('leaves the switches alone: their frames pass no filter', () => {
    expect(of(plan, 'fabric')).toMatchObject({ 'net/bridge/bridge-nf-call-iptables': '0', 'net/ipv6/conf/all/disable_ipv6': '1' });
  });
  it('turns IPv6 on, without duplicate detection, where it is planned', () => {
    expect(of(dual, 'node.c1.worker1')).toMatchObject({
      'net/ipv6/conf/all/disable_ipv6': '0',
      'net/ipv6/conf/all/forwarding': '1',
      'net/ipv6/conf/default/accept_dad': '0',
      'net/ipv6/icmp/ratelimit': '0',
    });
  });
  it('maps one group only when rootless', () => {
    expect(of(plan, 'node.c1.worker1', { rootless: true })['net/ipv4/ping_group_range']).toBe('0 0');
  });
  it('writes no IPv6 or bridge sysctl where the kernel has none', () => {
    const keys = only(ops(plan, { ipv6: false, bridgeNetfilter: false }), 'sysctl').map((op) => op.key);
    expect(keys.filter((key) => /ipv6|bridge/.test(key))).toEqual([]);
  });
});

describe('plugins', () => {
  it('keeps allocations of host-local in the holder, looks for plugins beside the lab file, and is careful with unknown plugins', () => {
    const compiled = ops(smallPlan(RAW, { workers: 0 }), { sourceDirectory: '/home/me/labs' });
    expect(only(compiled, 'cni-setup')).toMatchObject([{ pluginDirs: ['/home/me/labs/plugins'] }]);
    const [cni] = only(compiled, 'cni');
    expect(cni).toMatchObject({ lane: cni?.node, pod: { namespace: 'default' } });
    expect(JSON.stringify(cni?.list)).toMatch(/"dataDir":"\/run\/cnilab\//);
    expect(JSON.stringify(cni?.list)).not.toContain('/var/lib/cni');
  });

  it.each<[string, CniSpec, boolean]>([
    ['flannel without host ports: free', { type: 'flannel' }, false],
    ['flannel with a host port: one at a time', { type: 'flannel' }, true],
  ])('%s', (_name, cni, hostPort) => {
    const plan = smallPlan(cni, { workloads: [{ name: 'web', perNode: 1, ports: [{ containerPort: 80, ...(hostPort ? { hostPort: 8080 } : {}) }] }] });
    for (const op of only(ops(plan), 'cni')) {
      expect(op.lane).toBe(hostPort ? op.node : null);
      expect(op.portMappings).toEqual(hostPort ? [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] : []);
    }
  });

  it('hands calico pods with a host port to the real portmap, with the result that calico would return', () => {
    const plan = smallPlan({ type: 'calico' }, { workers: 0, workloads: [{ name: 'web', perNode: 1, ports: [{ containerPort: 80, hostPort: 8080 }] }] });
    const [op] = only(ops(plan), 'cni');
    const pod = plan.clusters[0]?.pods[0];
    expect(op?.list).toMatchObject({
      name: 'calico',
      plugins: [{ type: 'portmap', prevResult: { ips: [{ address: `${pod?.interface?.addresses[0]?.address}/32`, interface: 0 }] } }],
    });
  });
});

describe('permanent neighbours', () => {
  const neighbours = (cni: CniSpec): Extract<Op, { op: 'neigh' }>[] =>
    only(ops(withPermanentNeighbours(smallPlan(cni, { kubernetesVersion: '1.30', workloads: [{ name: 'web', perNode: 2 }] }))), 'neigh');

  it('bridge: gateway and peers of the same node in each pod, the pods in their node, every machine of the segment', () => {
    const all = neighbours({ type: 'bridge' });
    // 2 nodes: 2 on the underlay; per node the bridge and 2 pods know each other.
    expect(all).toHaveLength(2 + 2 * 3 * 2);
  });
  it('calico: the node behind 169.254.1.1 and nobody else', () => {
    const inPods = neighbours({ type: 'calico', encapsulation: 'none' }).filter((op) => op.ns.startsWith('pod'));
    expect(inPods.map((op) => `${op.address} ${op.mac}`)).toEqual(Array.from({ length: 4 }, () => '169.254.1.1 ee:ee:ee:ee:ee:ee'));
  });
  it('weave: everybody in the one layer-2 domain', () => {
    expect(neighbours({ type: 'weave' })).toHaveLength(2 + 6 * 5);
  });
  it("Docker: a container's host, and the containers of its own network, behind the interfaces that they name", () => {
    const plan = planLab(
      dockerLab({ networks: [{ name: 'shop' }], containers: [{ name: 'a' }, { name: 'b' }, { name: 'c', network: 'shop' }, { name: 'd', network: 'none' }] }),
    );
    const inContainers = (permanent: LabPlan): Extract<Op, { op: 'neigh' }>[] =>
      only(compile(permanent).find((stage) => stage.name === 'docker')?.ops ?? [], 'neigh');
    expect(inContainers(plan)).toEqual([]);
    const all = inContainers(withPermanentNeighbours(plan));
    expect(all).toHaveLength(3 * 2 + 2 * 1);
    const [box] = plan.machines;
    const [a, b] = box?.docker?.containers ?? [];
    expect(all).toContainEqual({ op: 'neigh', ns: a?.netns, dev: 'eth0', address: b?.interface?.addresses[0]?.address, mac: b?.interface?.mac });
    expect(all).toContainEqual({ op: 'neigh', ns: box?.netns, dev: 'docker0', address: a?.interface?.addresses[0]?.address, mac: a?.interface?.mac });
  });
  it('come after the pods whose interfaces they name, the underlay before BGP', () => {
    const names = compile(withPermanentNeighbours(LABS['calico-none'] as LabPlan)).map((stage) => stage.name);
    expect(names).toEqual(['fabric', 'nodes', 'data-path', 'bgp', 'pods', 'neighbours', 'convergence']);
    const nodes = compile(withPermanentNeighbours(LABS['calico-none'] as LabPlan)).find((stage) => stage.name === 'nodes');
    expect(nodes?.ops.some((op) => op.op === 'neigh')).toBe(true);
  });
});

describe('calico gateway', () => {
  it('gives a node without default route a route for 169.254.1.1, or proxy ARP stays silent', () => {
    const routes = only(ops(LABS['calico-vxlan'] as LabPlan), 'route').filter((op) => op.ns.startsWith('node') && op.to === '169.254.1.1/32');
    expect(routes.map((op) => op.dev)).toEqual(['eth0', 'eth0']);
  });
});
