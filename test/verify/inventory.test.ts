/** Each rule of the inventory: silent on a healthy lab, and one finding for one change. */
import { describe, expect, it } from 'vitest';
import type { NamespaceSnapshot, Snapshot } from '../../engines/port.ts';
import type { LabPlan } from '../../topology/plan.ts';
import type { CniSpec, LabSpec } from '../../topology/spec.ts';
import type { Finding } from '../../verify/inventory/finding.ts';
import { flowsOf } from '../../verify/inventory/flow.ts';
import { takeInventory } from '../../verify/inventory/index.ts';
import { viewLab } from '../../verify/inventory/lab-view.ts';
import { inventoryNeighbours } from '../../verify/inventory/neighbours.ts';
import { inventorySysctls } from '../../verify/inventory/sysctls.ts';
import type { Failure } from '../../verify/report.ts';
import { changed, failuresBetween, healthySnapshot, nodeNamed, podsOf, smallPlan } from './inventory-fixture.ts';

const TWO_SEGMENTS: Partial<LabSpec> = {
  underlay: {
    segments: [
      { name: 'a', cidr: '10.0.1.0/24' },
      { name: 'b', cidr: '10.0.2.0/24' },
    ],
  },
};
const SPREAD = {
  nodes: [
    { name: 'worker1', segment: 'a' },
    { name: 'worker2', segment: 'b' },
  ],
};

const labs: readonly (readonly [string, () => LabPlan])[] = [
  ['bridge', () => smallPlan({ type: 'bridge' })],
  ['flannel vxlan', () => smallPlan({ type: 'flannel' })],
  ['flannel host-gw', () => smallPlan({ type: 'flannel', backend: 'host-gw' })],
  ['calico vxlan', () => smallPlan({ type: 'calico' })],
  ['calico BGP', () => smallPlan({ type: 'calico', encapsulation: 'none' })],
  ['calico crossSubnet', () => smallPlan({ type: 'calico', encapsulation: 'crossSubnet' }, TWO_SEGMENTS, SPREAD)],
  ['weave', () => smallPlan({ type: 'weave' })],
];

function find(plan: LabPlan, snapshot: Snapshot, failures: readonly Failure[] = []): readonly Finding[] {
  const view = viewLab(plan, snapshot);
  return takeInventory(view, flowsOf(view, failures));
}
const names = (findings: readonly Finding[]): readonly string[] => [...new Set(findings.map((finding) => finding.name))];

describe('a healthy lab', () => {
  it.each(labs)('%s has no findings, even for pairs that failed', (_name, make) => {
    const plan = make();
    const failures = ['silent', 'rewritten', 'refused'].flatMap((outcome) => [
      ...failuresBetween(plan, 'worker1', 'worker2', outcome as Failure['class']),
      ...failuresBetween(plan, 'worker1', 'worker1', outcome as Failure['class']),
    ]);
    expect(find(plan, healthySnapshot(plan), failures)).toEqual([]);
  });
});

describe('routes', () => {
  const plan = smallPlan({ type: 'flannel' });
  const worker1 = nodeNamed(plan, 'worker1');
  const worker2 = nodeNamed(plan, 'worker2');
  const range = worker2.podCIDRs[0] ?? '';
  const healthy = healthySnapshot(plan);
  const without = changed(healthy, worker1.netns, (one) => ({ routes: one.routes.filter((route) => route.to !== range) }));

  it('a missing one is named for both directions, with the command that mends it', () => {
    const findings = find(plan, without);
    expect(names(findings)).toEqual(['no-route-to-pod-cidr', 'no-return-route']);
    expect(findings[0]?.mend).toBe(`cnilab exec small worker1 -- ip route replace ${range} via ${range.replace('/24', '')} dev flannel.1 onlink`);
    const [there] = flowsOf(viewLab(plan, without), failuresBetween(plan, 'worker1', 'worker2', 'no-route'));
    const [back] = flowsOf(viewLab(plan, without), failuresBetween(plan, 'worker2', 'worker1', 'silent'));
    expect(findings.map((finding) => [there, back].map((flow) => flow !== undefined && finding.explains(flow)))).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('a blackhole is named', () => {
    const hole = changed(healthy, worker1.netns, (one) => ({
      routes: one.routes.map((route) => (route.to === range ? { ...route, type: 'blackhole', via: null, dev: null } : route)),
    }));
    expect(names(find(plan, hole))).toEqual(['route-is-blackhole']);
  });

  it('another device is a wrong route, and a reverse path failure when filtering is strict there', () => {
    const wrong = changed(healthy, worker1.netns, (one) => ({
      routes: one.routes.map((route) => (route.to === range ? { ...route, via: null, dev: 'cni0', onlink: false } : route)),
    }));
    expect(names(find(plan, wrong))).toEqual(['route-points-elsewhere']);
    const strict = changed(wrong, worker1.netns, (one) => ({ sysctls: { ...one.sysctls, 'net/ipv4/conf/all/rp_filter': '1' } }));
    expect(names(find(plan, strict))).toEqual(['reverse-path-filter-drops']);
    const loose = changed(strict, worker1.netns, (one) => ({ sysctls: { ...one.sysctls, 'net/ipv4/conf/flannel.1/rp_filter': '2' } }));
    expect(names(find(plan, loose))).toEqual(['route-points-elsewhere']);
  });

  it('a strict filter alone is no finding', () => {
    expect(
      find(
        plan,
        changed(healthy, worker1.netns, (one) => ({ sysctls: { ...one.sysctls, 'net/ipv4/conf/all/rp_filter': '1' } })),
      ),
    ).toEqual([]);
  });

  it('a more specific foreign route shadows it', () => {
    const shadow = {
      family: 'ipv4',
      to: range.replace('/24', '/25'),
      via: null,
      dev: 'eth0',
      type: 'unicast',
      proto: 3,
      metric: 0,
      table: 254,
      onlink: false,
    } as const;
    const findings = find(
      plan,
      changed(healthy, worker1.netns, (one) => ({ routes: [...one.routes, shadow] })),
    );
    expect(names(findings)).toEqual(['pod-cidr-overlaps']);
  });

  it('of BGP: missing on one side is a route, on both sides the session', () => {
    const bgp = smallPlan({ type: 'calico', encapsulation: 'none' });
    const [one, two] = [nodeNamed(bgp, 'worker1'), nodeNamed(bgp, 'worker2')];
    const lost = changed(healthySnapshot(bgp), one.netns, (has) => ({ routes: has.routes.filter((route) => !two.blocks.includes(route.to)) }));
    expect(names(find(bgp, lost))).toEqual(['no-route-to-pod-cidr', 'no-return-route']);
    const down = changed(lost, two.netns, (has) => ({ routes: has.routes.filter((route) => !one.blocks.includes(route.to) || route.type === 'blackhole') }));
    expect(names(find(bgp, down))).toEqual(['bgp-peer-down']);
    // Beside the program that runs: a BIRD of a cache is in nobody's PATH.
    expect(find(bgp, down)[0]?.mend).toMatch(/readlink .*\/proc\/.*\/birdcl" -s "\$1.ctl" enable all' sh \/run\/cnilab\/bird\/node\.c1\./);
  });

  it('are looked for on routers too', () => {
    const routed = smallPlan({ type: 'bridge', routesOn: 'router' }, { routers: [{ name: 'router', interfaces: [{ segment: 'lan' }] }] });
    const to = nodeNamed(routed, 'worker2').podCIDRs[0];
    const router = routed.machines.find((machine) => machine.kind === 'router');
    const lost = changed(healthySnapshot(routed), router?.netns ?? '', (has) => ({ routes: has.routes.filter((route) => route.to !== to) }));
    expect(find(routed, lost).map((finding) => [finding.name, finding.where])).toEqual([
      ['no-route-to-pod-cidr', ['router']],
      ['no-return-route', ['router']],
    ]);
  });
});

describe('addresses', () => {
  const plan = smallPlan({ type: 'bridge' });
  const [one, two] = podsOf(plan, 'worker1');
  if (one === undefined || two === undefined) throw new Error('two pods');
  const healthy = healthySnapshot(plan);
  const address = two.interface.addresses[0]?.address ?? '';

  it('held twice are named with both holders, and nothing else is', () => {
    const twice = changed(healthy, one.netns, (has) => ({ addresses: [...has.addresses, { dev: 'eth0', family: 'ipv4', address, prefixLength: 24 }] }));
    const findings = find(plan, twice);
    expect(findings.map((finding) => [finding.name, finding.where])).toEqual([['duplicate-pod-ip', [one.id, two.id]]]);
    expect(findings[0]?.mend).toBe(`cnilab exec small ${one.id} -- ip addr del ${address}/24 dev eth0`);
  });

  it('held twice explain the wrong neighbour entry as well', () => {
    const twice = changed(healthy, one.netns, (has) => ({ addresses: [...has.addresses, { dev: 'eth0', family: 'ipv4', address, prefixLength: 24 }] }));
    const worker1 = nodeNamed(plan, 'worker1');
    const poisoned = changed(twice, worker1.netns, (has) => ({
      neighbours: has.neighbours.map((entry) => (entry.address === address ? { ...entry, mac: one.interface.mac } : entry)),
    }));
    expect(names(find(plan, poisoned))).toEqual(['duplicate-pod-ip']);
    expect(find(plan, poisoned)[0]?.evidence.join('\n')).toContain(`worker1 holds ${one.interface.mac} for it (${one.id}, reachable)`);
  });

  it('other than planned are named', () => {
    const other = changed(healthy, one.netns, (has) => ({ addresses: has.addresses.map((entry) => ({ ...entry, address: '10.244.1.200' })) }));
    expect(find(plan, other).map((finding) => [finding.name, finding.where])).toEqual([['address-differs-from-plan', [one.id]]]);
    const gateway = changed(healthy, nodeNamed(plan, 'worker1').netns, (has) => ({ addresses: has.addresses.filter((entry) => entry.dev !== 'cni0') }));
    expect(find(plan, gateway).map((finding) => [finding.name, finding.where])).toEqual([['address-differs-from-plan', ['c1/worker1']]]);
  });

  it('MACs held twice on one bridge are named', () => {
    const twice = changed(healthy, one.netns, (has) => ({ links: has.links.map((link) => ({ ...link, mac: two.interface.mac })) }));
    expect(names(find(plan, twice))).toContain('duplicate-mac');
  });
});

describe('links and sysctls', () => {
  const plan = smallPlan({ type: 'weave' });
  const worker1 = nodeNamed(plan, 'worker1');
  const [pod] = podsOf(plan, 'worker1');
  const healthy = healthySnapshot(plan);

  it.each([
    ['eth0', { up: false }, 'eth0 of worker1 is down'],
    ['vxlan-6784', { master: null }, 'vxlan-6784 of worker1 is no port of weave'],
  ])('%s %j', (name, change, evidence) => {
    const findings = find(
      plan,
      changed(healthy, worker1.netns, (has) => ({ links: has.links.map((link) => (link.name === name ? { ...link, ...change } : link)) })),
    );
    expect(findings.map((finding) => [finding.name, ...finding.evidence])).toEqual([['link-down', evidence]]);
  });

  it('a pod whose interface is down has no address that answers', () => {
    const findings = find(
      plan,
      changed(healthy, pod?.netns ?? '', (has) => ({ links: has.links.map((link) => ({ ...link, carrier: false })) })),
    );
    expect(findings.map((finding) => finding.name)).toEqual(['address-not-assigned']);
  });

  it('a node that does not forward breaks routed pods, not those of one segment', () => {
    const off = (lab: LabPlan): Snapshot =>
      changed(healthySnapshot(lab), nodeNamed(lab, 'worker1').netns, (has) => ({ sysctls: { ...has.sysctls, 'net/ipv4/ip_forward': '0' } }));
    const explained = (lab: LabPlan, from: string, to: string): boolean => {
      const flows = flowsOf(viewLab(lab, off(lab)), failuresBetween(lab, from, to, 'silent'));
      return flows.every((flow) => find(lab, off(lab))[0]?.explains(flow) === true);
    };
    const bridge = smallPlan({ type: 'bridge' });
    const calico = smallPlan({ type: 'calico' });
    expect(explained(bridge, 'worker1', 'worker2')).toBe(true);
    expect(explained(bridge, 'worker1', 'worker1')).toBe(false);
    expect(explained(calico, 'worker1', 'worker1')).toBe(true);
    expect(explained(plan, 'worker1', 'worker2')).toBe(false);
  });

  it('a family that the cluster of a node, or a router, does not have need not be passed on', () => {
    const mixed: LabPlan = { ...smallPlan({ type: 'calico' }, TWO_SEGMENTS, SPREAD), families: ['ipv4', 'ipv6'] };
    const machines = [nodeNamed(mixed, 'worker1'), ...mixed.machines.filter(({ kind }) => kind === 'router')];
    expect(machines.length).toBeGreaterThan(1);
    const off = (key: string): readonly string[] =>
      inventorySysctls(
        viewLab(
          mixed,
          machines.reduce((all, { netns }) => changed(all, netns, ({ sysctls }) => ({ sysctls: { ...sysctls, [key]: '0' } })), healthySnapshot(mixed)),
        ),
      ).flatMap(({ where }) => where);
    expect(off('net/ipv6/conf/all/forwarding')).toEqual([]);
    expect(off('net/ipv4/ip_forward')).toEqual(machines.map(({ id }) => id));
  });
});

describe('overlay', () => {
  const plan = smallPlan({ type: 'flannel' });
  const [worker1, worker2] = [nodeNamed(plan, 'worker1'), nodeNamed(plan, 'worker2')];
  const healthy = healthySnapshot(plan);
  const vtep = worker2.vxlans[0];
  if (vtep === undefined) throw new Error('a VTEP');

  it.each([
    ['fdb-points-elsewhere', { fdb: (entry: { mac: string }) => (entry.mac === vtep.mac ? { dst: '172.30.0.250' } : {}) }],
    ['vtep-mac-wrong', { neighbours: (entry: { mac: string; dev: string }) => (entry.mac === vtep.mac ? { mac: '02:00:00:00:00:99' } : {}) }],
  ] as const)('%s', (name, change) => {
    const broken = changed(healthy, worker1.netns, (has) => ({
      fdb: has.fdb.map((entry) => ({ ...entry, ...('fdb' in change ? change.fdb(entry) : {}) })),
      neighbours: has.neighbours.map((entry) => ({ ...entry, ...('neighbours' in change ? change.neighbours(entry) : {}) })),
    }));
    const findings = find(plan, broken);
    expect(findings.map((finding) => [finding.name, finding.where])).toEqual([[name, ['c1/worker1']]]);
    const flows = flowsOf(viewLab(plan, broken), [
      ...failuresBetween(plan, 'worker1', 'worker2', 'silent'),
      ...failuresBetween(plan, 'worker1', 'control-plane1', 'silent'),
    ]);
    expect(new Set(flows.filter((flow) => findings[0]?.explains(flow)).map((flow) => flow.server?.node.name))).toEqual(new Set(['worker2']));
  });

  it('that lost all its forwarding entries, or has all of them wrong, looks at the addresses of a cluster at most once', () => {
    const large = smallPlan({ type: 'flannel' }, {}, { workers: 5 });
    const nodes = new Set(large.clusters.flatMap((cluster) => cluster.nodes.map(({ netns }) => netns)));
    const readings = (entries: (fdb: NamespaceSnapshot['fdb']) => NamespaceSnapshot['fdb']): readonly [found: number, read: number] => {
      let read = 0;
      const { takenAt, namespaces } = healthySnapshot(large);
      const counted = Object.entries(namespaces).map(([netns, one]) => {
        const { addresses, ...rest } = one;
        const counting = {
          ...rest,
          fdb: nodes.has(netns) ? entries(one.fdb) : one.fdb,
          get addresses() {
            if (nodes.has(netns)) read += 1;
            return addresses;
          },
        };
        return [netns, counting] as const;
      });
      const findings = inventoryNeighbours(viewLab(large, { takenAt, namespaces: Object.fromEntries(counted) }));
      return [findings.filter(({ name }) => name === 'fdb-points-elsewhere').length, read];
    };
    const pairs = nodes.size * (nodes.size - 1);
    expect(readings(() => [])).toEqual([pairs, 0]);
    expect(readings((fdb) => fdb.map((one) => (one.dst === null ? one : { ...one, dst: '172.30.0.250' })))).toEqual([pairs, nodes.size]);
  });

  it('identifier, port and local address', () => {
    const broken = (vxlan: object): Snapshot =>
      changed(healthy, worker2.netns, (has) => ({
        links: has.links.map((link) => (link.vxlan === null ? link : { ...link, vxlan: { ...link.vxlan, ...vxlan } })),
      }));
    expect(find(plan, broken({ vni: 2 }))[0]).toMatchObject({
      name: 'vni-mismatch',
      where: ['c1/worker2'],
      evidence: ['flannel.1 of worker2 has VXLAN id 2; its peers have 1'],
    });
    expect(find(plan, broken({ port: 4789 }))[0]).toMatchObject({
      name: 'overlay-mismatch',
      evidence: ['flannel.1 of worker2 has UDP port 4789, planned 8472'],
    });
  });

  it('a permanent entry for one pod on a learning device', () => {
    const weave = smallPlan({ type: 'weave' });
    const [pod] = podsOf(weave, 'worker2');
    const stray = { dev: 'vxlan-6784', mac: pod?.interface.mac ?? '', dst: '172.30.0.250', permanent: true };
    const findings = find(
      weave,
      changed(healthySnapshot(weave), nodeNamed(weave, 'worker1').netns, (has) => ({ fdb: [...has.fdb, stray] })),
    );
    expect(findings.map((finding) => finding.name)).toEqual(['fdb-points-elsewhere']);
  });

  it('a stale neighbour on a node', () => {
    const [pod] = podsOf(plan, 'worker1');
    const address = pod?.interface.addresses[0]?.address;
    const broken = changed(healthy, worker1.netns, (has) => ({
      neighbours: has.neighbours.map((entry) => (entry.address === address ? { ...entry, mac: '02:00:00:00:00:99', state: 'permanent' } : entry)),
    }));
    expect(names(find(plan, broken))).toEqual(['stale-neighbour']);
    const failed = changed(healthy, worker1.netns, (has) => ({
      neighbours: has.neighbours.map((entry) => ({ ...entry, mac: entry.address === address ? '' : entry.mac, state: 'failed' })),
    }));
    expect(names(find(plan, failed)).filter((name) => name === 'stale-neighbour')).toEqual([]);
  });
});

describe('packet filters', () => {
  const plan = smallPlan({ type: 'flannel' } satisfies CniSpec);
  const [own, other] = [nodeNamed(plan, 'worker1').podCIDRs[0], nodeNamed(plan, 'worker2').podCIDRs[0]];
  const table = (name: string, ...lines: readonly string[]): string =>
    [`*${name}`, ':PREROUTING ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':POSTROUTING ACCEPT [0:0]', ...lines, 'COMMIT', ''].join('\n');
  const lost = (text: string, outcome: Failure['class'], node = 'worker1', rest: Partial<Failure> = {}): readonly string[] =>
    names(find(plan, healthySnapshot(plan, { [node]: text }), failuresBetween(plan, 'worker1', 'worker2', outcome, rest)));

  it.each([
    ['pod-source-rewritten', table('nat', `[9:540] -A POSTROUTING -s ${own} ! -d ${own} -j MASQUERADE`), 'rewritten', 'worker1'],
    ['pod-source-rewritten', table('nat', `[9:540] -A POSTROUTING -d ${other} -j MASQUERADE`), 'rewritten', 'worker2'],
    ['proxy-in-path', table('nat', '[9:540] -A PREROUTING -i cni0 -p tcp -j REDIRECT --to-ports 15001'), 'rewritten', 'worker1'],
    ['forward-policy-drops', '*filter\n:FORWARD DROP [9:540]\nCOMMIT\n', 'silent', 'worker2'],
    ['policy-drops', table('filter', `[9:540] -A FORWARD -d ${other} -j DROP`), 'silent', 'worker2'],
    ['policy-drops', table('filter', `[9:540] -A FORWARD -s ${other} -m conntrack --ctstate RELATED,ESTABLISHED -j DROP`), 'silent', 'worker2'],
    ['filter-rejects', table('filter', `[9:540] -A FORWARD -d ${other} -j REJECT --reject-with icmp-port-unreachable`), 'refused', 'worker2'],
    ['cni-reverse-path-filter-drops', '*raw\n:PREROUTING ACCEPT [0:0]\n[9:540] -A PREROUTING -m rpfilter --invert -j DROP\nCOMMIT\n', 'silent', 'worker2'],
    ['packet-loss', table('filter', '[9:540] -A FORWARD -m statistic --mode random --probability 0.20000000019 -j DROP'), 'silent', 'worker1'],
    ['overlay-port-blocked', '*filter\n:INPUT ACCEPT [0:0]\n[9:540] -A INPUT -p udp -m udp --dport 8472 -j DROP\nCOMMIT\n', 'silent', 'worker2'],
  ] as const)('%s', (name, text, outcome, node) => {
    expect(lost(text, outcome, node)).toEqual([name]);
  });

  it('a rule for one protocol is named for it, and only by probes of it', () => {
    const text = table('nat', `[9:540] -A POSTROUTING -s ${own} ! -d ${own} -p udp -j MASQUERADE`);
    expect(lost(text, 'rewritten', 'worker1', { protocol: 'udp' })).toEqual(['source-rewritten-for-one-protocol']);
    expect(lost(text, 'rewritten', 'worker1', { protocol: 'tcp' })).toEqual([]);
  });

  it('a rule that keeps the address changes the port', () => {
    const address = podsOf(plan, 'worker1')[0]?.interface.addresses[0]?.address ?? '';
    expect(lost(table('nat', `[9:540] -A POSTROUTING -s ${address}/32 -d ${other} -p tcp -j SNAT --to-source ${address}:200-999`), 'rewritten')).toEqual([
      'source-port-rewritten',
    ]);
  });

  it('a rule that cannot be evaluated is named only when it was met', () => {
    expect(lost(table('filter', '[0:0] -A FORWARD -m set --match-set blocked dst -j DROP'), 'silent')).toEqual([]);
    expect(lost(table('filter', '[4:240] -A FORWARD -m set --match-set blocked dst -j DROP'), 'silent')).toEqual(['policy-drops']);
  });

  it('SNAT on one node that the other undoes is one finding on both', () => {
    const pod = podsOf(plan, 'worker1')[0]?.interface.addresses[0]?.address ?? '';
    const failures = failuresBetween(plan, 'worker1', 'worker2', 'hidden-nat').filter((one) => one.client === podsOf(plan, 'worker1')[0]?.id);
    const snapshot = healthySnapshot(plan, {
      worker1: table('nat', `[3:180] -A POSTROUTING -s ${pod}/32 -d ${other} -j SNAT --to-source 172.30.0.250`),
      worker2: table('nat', `[3:180] -A POSTROUTING -s 172.30.0.250/32 -d ${other} -j SNAT --to-source ${pod}`),
    });
    expect(find(plan, snapshot, failures).map((finding) => [finding.name, finding.where])).toEqual([
      ['hidden-double-nat', ['c1/worker1']],
      ['hidden-double-nat', ['c1/worker2']],
    ]);
  });
});

describe('MTU', () => {
  const plan = smallPlan({ type: 'flannel' });
  const worker1 = nodeNamed(plan, 'worker1');
  const narrow = changed(healthySnapshot(plan), worker1.netns, (has) => ({
    links: has.links.map((link) => (link.name === 'flannel.1' ? { ...link, mtu: 1350 } : link)),
  }));
  const sized = (outcome: Failure['class']): readonly Failure[] =>
    failuresBetween(plan, 'worker1', 'worker2', outcome, { check: 'size-sweep', protocol: 'udp' });

  it('a hop whose senders are told is a warning, one that swallows is not', () => {
    expect(names(find(plan, narrow, sized('too-big')))).toEqual(['path-mtu-below-pod-mtu']);
    expect(names(find(plan, narrow, sized('silent')))).toEqual(['mtu-blackhole']);
    expect(find(plan, narrow, sized('silent'))[0]?.mend).toBe('cnilab exec small worker1 -- ip link set flannel.1 mtu 1450');
  });

  it('a narrow device is named where sizes failed between other nodes alone', () => {
    const elsewhere = failuresBetween(plan, 'worker2', 'control-plane1', 'silent', { check: 'size-sweep', protocol: 'udp' });
    expect(elsewhere.length).toBeGreaterThan(0);
    expect(find(plan, narrow, elsewhere).map(({ name, where }) => [name, where])).toEqual([['path-mtu-below-pod-mtu', ['c1/worker1']]]);
  });

  it('is no subject of probes that did not fail by size', () => {
    const failures = failuresBetween(plan, 'worker1', 'worker2', 'silent');
    const flows = flowsOf(viewLab(plan, narrow), failures);
    expect(find(plan, narrow, failures).filter((finding) => flows.some((flow) => finding.explains(flow)))).toEqual([]);
  });

  it('a filter for "fragmentation needed" makes a blackhole', () => {
    const rules = '*filter\n:OUTPUT ACCEPT [0:0]\n[2:1152] -A OUTPUT -p icmp -m icmp --icmp-type 3/4 -j DROP\nCOMMIT\n';
    const muted = changed(narrow, worker1.netns, (has) => ({ rules: { ...has.rules, iptables: rules } }));
    const [finding] = find(plan, muted, sized('too-big'));
    expect(finding?.name).toBe('mtu-blackhole');
    expect(finding?.evidence).toContain('a rule on worker1 drops "fragmentation needed", so that senders do not learn it');
  });

  it('a bridge port tells nobody', () => {
    const weave = smallPlan({ type: 'weave' });
    const port = changed(healthySnapshot(weave), nodeNamed(weave, 'worker1').netns, (has) => ({
      links: has.links.map((link) => (link.name === 'vxlan-6784' ? { ...link, mtu: 1276 } : link)),
    }));
    expect(names(find(weave, port, failuresBetween(weave, 'worker1', 'worker2', 'silent', { check: 'size-sweep' })))).toEqual(['mtu-blackhole']);
  });
});
